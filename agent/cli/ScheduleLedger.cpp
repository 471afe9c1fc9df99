#include "agent/cli/Commands.h"
#include "agent/cli/SchedulePages.h"

namespace belay::cli {

using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"limit", 'n', "N", "at most so many rows (50)"},
    {"before", 0, "TIME", "due before this time: the next page"},
};

base::Result<api::Envelope> ledger(Invocation& invocation) {
  BELAY_ASSIGN(std::string path, schedulePath(invocation, "/ledger"));
  Target target(std::move(path));
  for (const char* name : {"limit", "before"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  return invocation.get(target.str());
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value& rows = *data.find("rows");
  if (rows.asArray().empty()) {
    invocation.note("nothing was due yet; next: belay schedule next " + data.text("schedule"));
    return "";
  }
  if (data.find("next_before")) {
    invocation.note("older ones: belay schedule ledger " + data.text("schedule") + " --before " +
                    data.text("next_before"));
  }
  if (!invocation.quiet()) return ledgerTable(invocation.style(), rows, invocation.nowMs());
  std::string times;
  for (const Value& row : rows.asArray()) times += row.text("due") + "\n";
  return times;
}

}  // namespace

const Command kScheduleLedgerCommand{
    "schedule ledger",
    "SCHEDULE",
    "list what became of each due time, newest first",
    "SCHEDULE is SLUG/ID, or the SLUG of a flow with one schedule. Each due time has one row; of "
    "very many that were skipped for one reason, several share one. Reads the journal itself when "
    "no daemon runs; what has no row yet is shown as it would be decided now.",
    kFlags,
    &ledger,
    &print,
    Completes::kSchedule};

}  // namespace belay::cli
