#include <array>
#include <utility>

#include "agent/api/Reads.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/Performer.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::WaitId;
using json::Value;

namespace {

constexpr std::size_t kWaitsMost = 1000;

Error noWait(std::string_view text) {
  return Error{
      ErrorCode::kWaitNotFound, "there is no wait " + base::visible(text), {"belay wait list"}};
}

Error severalWaits(const std::string& what, const std::vector<journal::WaitRow>& rows) {
  constexpr std::size_t kShown = 5;
  Error error{ErrorCode::kInvalidArgument, what};
  for (const journal::WaitRow& row : rows) {
    if (error.actions.size() < kShown) error.actions.push_back("belay wait show " + row.id.str());
  }
  return error;
}

/// The open waits of a run that answers can be given to.
Result<std::vector<journal::WaitRow>> openWaitsOf(journal::Journal& journal,
                                                  const std::string& run) {
  journal::WaitFilter filter;
  filter.run = run;
  filter.most = kWaitsMost;
  auto rows = journal.waits(filter);
  if (!rows) return runtime::ofOneRun(std::move(rows).error());
  std::erase_if(*rows,
                [](const journal::WaitRow& row) { return row.kind == flow::WaitKind::kTime; });
  return rows;
}

}  // namespace

std::string_view waitStatusName(journal::WaitStatus status) {
  constexpr std::array<std::string_view, 5> kNames{"open", "answered", "rejected", "timed_out",
                                                   "closed"};
  return kNames.at(static_cast<std::size_t>(status));
}

std::vector<std::string> waitActions(const journal::WaitRow& row) {
  const std::string& id = row.id.str();
  if (row.status != journal::WaitStatus::kOpen) return {"belay run show " + row.run.str()};
  switch (row.kind) {
    case flow::WaitKind::kApproval:
      if (runtime::gateRequest(row.requestJson)) {
        return {"belay decision request " + id + " --out FILE",
                "belay approve --request FILE --key KEYFILE --host THUMBPRINT --out DECISION",
                "belay decision apply DECISION"};
      }
      return {"belay approve " + id, "belay reject " + id};
    case flow::WaitKind::kCallback:
      return {"belay callback " + id + " --body '{}'"};
    case flow::WaitKind::kEvent:
      return {"belay event emit " + row.eventName};
    default:
      return {"belay run show " + row.run.str()};
  }
}

Value waitToJson(const journal::WaitRow& row, bool withRequest) {
  Value out;
  out.set("id", row.id.str()).set("run", row.run.str()).set("flow", row.slug).set("step", row.step);
  out.set("kind", flow::waitKindName(row.kind)).set("status", waitStatusName(row.status));
  auto request = row.requestJson.empty() ? Result<Value>(Value()) : json::parse(row.requestJson);
  if (request && request->find("summary")) out.set("summary", request->text("summary"));
  if (!row.eventName.empty()) out.set("event", row.eventName);
  out.set("opened_at", base::formatInstant(row.openedMs));
  if (row.expiresMs != 0) out.set("expires_at", base::formatInstant(row.expiresMs));
  if (row.closedMs != 0) out.set("closed_at", base::formatInstant(row.closedMs));
  if (!row.requestDigest.empty()) out.set("request_digest", row.requestDigest);
  if (!withRequest) return out;
  if (request && !request->isNull()) out.set("request", std::move(*request));
  json::Array actions;
  for (std::string& action : waitActions(row)) actions.emplace_back(std::move(action));
  out.set("actions", std::move(actions));
  return out;
}

Result<WaitId> findWait(journal::Journal& journal, std::string_view text) {
  auto exact = WaitId::parse(text);
  if (!exact) return noWait(text);
  const auto row = journal.wait(*exact);
  if (!row) return runtime::ofOneRun(row.error());
  if (*row) return *exact;
  std::vector<journal::WaitRow> rows;
  if (text.starts_with('r')) {
    BELAY_ASSIGN(const base::RunId run, findRun(journal, text));
    BELAY_ASSIGN(rows, openWaitsOf(journal, run.str()));
    if (rows.empty()) {
      return Error{ErrorCode::kWaitNotFound,
                   "run " + run.str() + " waits for nobody",
                   {"belay run show " + run.str()}};
    }
    if (rows.size() > 1) return severalWaits("run " + run.str() + " has several open waits", rows);
    return rows.front().id;
  }
  BELAY_ASSIGN(rows, openWaitsOf(journal, ""));
  std::erase_if(rows,
                [text](const journal::WaitRow& wait) { return !wait.id.str().starts_with(text); });
  if (rows.empty()) return noWait(text);
  if (rows.size() > 1) {
    return severalWaits("several open waits begin with \"" + std::string(text) + "\"", rows);
  }
  return rows.front().id;
}

Result<Value> readWaits(ReadContext& context, const ReadArguments& arguments) {
  journal::WaitFilter filter;
  filter.openOnly = !arguments.flag("all");
  if (const std::string* run = arguments.query("run")) {
    BELAY_ASSIGN(const base::RunId id, findRun(context.journal, *run));
    filter.run = id.str();
  }
  if (const std::string* kind = arguments.query("kind")) {
    filter.kind = flow::waitKindFrom(*kind);
    if (!filter.kind) {
      return Error{ErrorCode::kInvalidArgument, "there is no kind \"" + base::visible(*kind) +
                                                    "\": approval callback event time"};
    }
  }
  BELAY_ASSIGN(const std::size_t most, arguments.limit(100, kWaitsMost));
  filter.most = most + 1;
  BELAY_ASSIGN(std::vector<journal::WaitRow> rows, context.journal.waits(filter));
  const bool more = rows.size() > most;
  if (more) rows.resize(most);
  json::Array waits;
  for (const journal::WaitRow& row : rows) waits.push_back(waitToJson(row, false));
  Value out;
  out.set("waits", std::move(waits)).set("more", more);
  return out;
}

Result<Value> readWait(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(const WaitId id, findWait(context.journal, arguments.param("wait")));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, context.journal.wait(id));
  if (!row) return noWait(id.str());
  Value out;
  out.set("wait", waitToJson(*row, true));
  return out;
}

}  // namespace belay::api
