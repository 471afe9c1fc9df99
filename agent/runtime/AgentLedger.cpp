#include "agent/runtime/AgentLedger.h"

#include <utility>

#include "agent/engine/Path.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

// No name of a space that a flow could write.
constexpr std::string_view kSpace = "~agents";
constexpr std::size_t kHandlesMax = 64;

std::string keyOf(const base::RunId& run, std::string_view use) {
  return run.str() + "/" + std::string(use);
}

/// Adds the numbers of `more` to those of `sum`.
void add(Value& sum, const Value& more) {
  for (const json::Member& member : more.asObject()) {
    const Value* before = sum.find(member.first);
    const Value zero(std::int64_t{0});
    if (!before) before = &zero;
    if (before->isInteger() && member.second.isInteger())
      sum.set(member.first, before->asInteger() + member.second.asInteger());
    else
      sum.set(member.first, before->asNumber() + member.second.asNumber());
  }
}

}  // namespace

Result<Value> AgentLedger::row(const base::RunId& run, std::string_view use) {
  BELAY_ASSIGN(const auto row, journal_.kv(kSpace, keyOf(run, use), 0));
  if (!row) return Value(json::Object{});
  return json::parse(row->valueJson);
}

Result<std::string> AgentLedger::prepared(const base::RunId& run, const engine::StepKey& key,
                                          const std::string& renderedJson) {
  BELAY_ASSIGN(Value spec, json::parse(renderedJson));
  const std::string use = spec.text("use");
  BELAY_ASSIGN(const Value known, row(run, use));
  for (const char* name : {"candidate", "session", "accepted"}) spec.erase(name);
  if (const Value* spent = known.find("spent")) spec.set("spent", *spent);
  const Value* session = known.find("session");
  const bool goesOn = known.text("of") == engine::visitName(key);
  if (goesOn) {
    if (const Value* candidate = known.find("candidate")) spec.set("candidate", *candidate);
    if (const Value* accepted = known.find("accepted")) spec.set("accepted", *accepted);
  }
  const bool resume = spec.flag("resume");
  if (session && (resume || (goesOn && known.flag("continues")))) spec.set("session", *session);
  if (resume && !session) {
    return Error{ErrorCode::kAgentSession,
                 "step " + key.path + " has resume: true, and no step of this run has used " + use +
                     " before"};
  }
  return json::print(spec);
}

Result<Value> AgentLedger::spent(const base::RunId& run, std::string_view use) {
  BELAY_ASSIGN(const Value known, row(run, use));
  const Value* found = known.find("spent");
  return found ? *found : Value();
}

Status AgentLedger::record(const base::RunId& run, const engine::StepKey& key,
                           const std::string& ledgerJson, std::int64_t nowMs) {
  BELAY_ASSIGN(const Value told, json::parse(ledgerJson));
  const std::string use = told.text("use");
  BELAY_ASSIGN(Value known, row(run, use));
  Value spent(json::Object{});
  if (const Value* before = known.find("spent")) spent = *before;
  if (const Value* more = told.find("spent")) add(spent, *more);
  known.set("spent", std::move(spent)).set("of", engine::visitName(key));
  for (const char* name : {"candidate", "accepted", "ask", "continues", "session"}) {
    const Value* value = told.find(name);
    if (value)
      known.set(name, *value);
    else if (std::string_view(name) != "session")
      known.erase(name);
  }
  journal::KvRow row;
  row.space = kSpace;
  row.key = keyOf(run, use);
  row.valueJson = json::print(known);
  row.updatedMs = nowMs;
  return journal_.putKv(row);
}

Result<std::string> AgentLedger::question(const base::RunId& run, const engine::StepKey& key,
                                          const std::string& renderedJson) {
  BELAY_ASSIGN(const Value spec, json::parse(renderedJson));
  BELAY_ASSIGN(const Value known, row(run, spec.text("use")));
  return known.text("of") == engine::visitName(key) ? known.text("ask") : std::string();
}

Status AgentLedger::drop(const base::RunId& run, std::int64_t nowMs) {
  BELAY_ASSIGN(const auto rows, journal_.kvList(kSpace, run.str() + "/", nowMs, kHandlesMax));
  for (const journal::KvRow& row : rows) BELAY_TRY(journal_.removeKv(kSpace, row.key));
  return {};
}

}  // namespace belay::runtime
