#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"

namespace belay::cli {

namespace {

constexpr Flag kFlags[] = {
    {"run", 0, "RUN", "only of this run"},
    {"kind", 0, "WORD", "only approval, callback, event or time"},
    {"all", 'a', "", "answered and closed ones too"},
    {"limit", 'n', "N", "at most so many (100)"},
};

base::Result<api::Envelope> listWaits(Invocation& invocation) {
  Target target("/v1/waits");
  for (const char* name : {"run", "kind", "limit"}) {
    if (invocation.has(name)) target.add(name, invocation.flag(name));
  }
  if (invocation.has("all")) target.add("all", "true");
  return invocation.get(target.str());
}

std::string print(const Invocation& invocation, const json::Value& data) {
  const json::Value* waits = data.find("waits");
  if (!waits || !waits->isArray()) return "";
  if (waits->asArray().empty()) {
    invocation.note("nothing waits");
    return "";
  }
  std::string ids;
  Table table({"WAIT", "KIND", "STATUS", "FLOW", "RUN", "STEP", "OPENED", "EXPIRES", "ABOUT"});
  for (const json::Value& wait : waits->asArray()) {
    ids += wait.text("id") + "\n";
    const std::string status = wait.text("status");
    const std::string about =
        wait.text("summary").empty() ? wait.text("event") : wait.text("summary");
    table.row({wait.text("id"),
               wait.text("kind"),
               {status, Style::toneOf(status)},
               wait.text("flow"),
               wait.text("run"),
               wait.text("step"),
               relative(wait.text("opened_at"), invocation.nowMs()),
               wait.text("expires_at").empty()
                   ? "never"
                   : relative(wait.text("expires_at"), invocation.nowMs()),
               about});
  }
  if (data.flag("more")) invocation.note("there are more: --limit");
  return invocation.quiet() ? ids : table.print(invocation.style());
}

}  // namespace

const Command kWaitListCommand{"wait list",
                               "",
                               "list what runs wait for, newest first",
                               "Reads the journal itself when no daemon runs.",
                               kFlags,
                               &listWaits,
                               &print};

}  // namespace belay::cli
