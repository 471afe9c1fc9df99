#include "agent/agents/DriveResult.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/agents/Members.h"
#include "common/base/Check.h"
#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

struct OutcomeRow {
  Outcome outcome;
  std::string_view name;
  ErrorCode code;
};

constexpr std::array<OutcomeRow, 15> kOutcomes{{
    {Outcome::kOk, "ok", ErrorCode::kInternal},
    {Outcome::kFailed, "failed", ErrorCode::kAgentFailed},
    {Outcome::kDenied, "denied", ErrorCode::kAgentDenied},
    {Outcome::kAuth, "auth", ErrorCode::kAgentAuth},
    {Outcome::kQuota, "quota", ErrorCode::kAgentQuota},
    {Outcome::kRateLimited, "rate_limited", ErrorCode::kAgentRateLimited},
    {Outcome::kNoOutput, "no_output", ErrorCode::kAgentNoOutput},
    {Outcome::kStalled, "stalled", ErrorCode::kAgentStalled},
    {Outcome::kTimeout, "timeout", ErrorCode::kAgentTimeout},
    {Outcome::kOverBudget, "over_budget", ErrorCode::kAgentBudget},
    {Outcome::kKilled, "killed", ErrorCode::kAgentKilled},
    {Outcome::kProtocol, "protocol", ErrorCode::kAgentProtocol},
    {Outcome::kNotFound, "not_found", ErrorCode::kAgentNotFound},
    {Outcome::kDrifted, "drifted", ErrorCode::kAgentDrifted},
    {Outcome::kSession, "session", ErrorCode::kAgentSession},
}};

constexpr bool rowsFollowTheEnum() {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    if (static_cast<std::size_t>(kOutcomes[i].outcome) != i) return false;
  }
  return static_cast<std::size_t>(Outcome::kSession) + 1 == kOutcomes.size();
}
static_assert(rowsFollowTheEnum(), "kOutcomes must list every Outcome, in enum order");

const OutcomeRow& rowOf(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

void readOutcome(Members& members, Outcome& out) {
  std::string name;
  members.text("outcome", name);
  for (const OutcomeRow& row : kOutcomes) {
    if (row.name != name) continue;
    out = row.outcome;
    return;
  }
  members.wrong("outcome", "is none that is known");
}

void readDenials(Members& members, std::vector<Denial>& out) {
  const Value* list = members.take("denials");
  if (!list) return;
  if (!list->isArray()) return members.wrong("denials", "must be a list");
  for (const Value& item : list->asArray()) {
    Denial denial;
    Members each(item, "denials");
    each.text("tool", denial.tool);
    each.text("what", denial.what);
    each.text("reason", denial.reason);
    members.keep(each.finish());
    out.push_back(std::move(denial));
  }
}

void readNumber(Members& members, std::string_view name, std::optional<int>& out) {
  const Value* value = members.take(name);
  if (!value) return;
  if (!value->isInteger() || value->asInteger() < 0 || value->asInteger() > 255) {
    return members.wrong(name, "must be a number from 0 to 255");
  }
  out = static_cast<int>(value->asInteger());
}

void readExit(Members& outer, DriveResult& out) {
  outer.object("exit", [&](Members& members) {
    readNumber(members, "code", out.exitCode);
    readNumber(members, "signal", out.exitSignal);
  });
}

void readAgent(Members& outer, DriveResult& out) {
  outer.object("agent", [&](Members& members) {
    members.text("name", out.agentName);
    members.text("version", out.agentVersion);
    members.text("binary", out.binary);
    members.text("digest", out.digest);
  });
}

Value denialsValue(const std::vector<Denial>& denials) {
  Value out{json::Array{}};
  for (const Denial& denial : denials) {
    Value each;
    each.set("tool", denial.tool).set("what", denial.what).set("reason", denial.reason);
    out.push(std::move(each));
  }
  return out;
}

}  // namespace

std::string_view outcomeName(Outcome outcome) { return rowOf(outcome).name; }

ErrorCode outcomeCode(Outcome outcome) {
  BELAY_CHECK(outcome != Outcome::kOk);
  return rowOf(outcome).code;
}

Result<DriveResult> parseDriveResult(std::string_view text) {
  BELAY_ASSIGN(const Value value, json::parse(text));
  return readDriveResult(value);
}

Result<DriveResult> readDriveResult(const Value& value) {
  DriveResult out;
  Members members(value, "");
  readOutcome(members, out.outcome);
  members.text("detail", out.detail);
  members.text("budget", out.budget);
  members.text("text", out.text);
  members.flag("text_truncated", out.textTruncated);
  if (const Value* structured = members.take("structured")) out.structured = *structured;
  members.text("session_id", out.sessionId);
  readUsage(members, "usage", out.usage);
  readUsage(members, "cumulative", out.cumulative);
  if (members.take("cost_usd")) members.amount("cost_usd", out.costUsd.emplace(0));
  members.count("turns", out.turns);
  readDenials(members, out.denials);
  members.count("retry_after_ms", out.retryAfterMs);
  members.count("duration_ms", out.durationMs);
  std::int64_t outputBytes = 0;
  members.count("output_bytes", outputBytes);
  out.outputBytes = static_cast<std::uint64_t>(outputBytes);
  members.count("lines_skipped", out.linesSkipped);
  readExit(members, out);
  readAgent(members, out);
  BELAY_TRY(members.finish());
  return out;
}

std::string printDriveResult(const DriveResult& result) {
  Value exit;
  exit.set("code", result.exitCode ? Value(*result.exitCode) : Value());
  exit.set("signal", result.exitSignal ? Value(*result.exitSignal) : Value());
  Value agent;
  agent.set("name", result.agentName).set("version", result.agentVersion);
  agent.set("binary", result.binary).set("digest", result.digest);
  Value out;
  out.set("outcome", outcomeName(result.outcome)).set("detail", result.detail);
  out.set("budget", result.budget);
  out.set("text", result.text).set("text_truncated", result.textTruncated);
  out.set("structured", result.structured).set("session_id", result.sessionId);
  out.set("usage", usageValue(result.usage)).set("cumulative", usageValue(result.cumulative));
  out.set("cost_usd", result.costUsd ? Value(*result.costUsd) : Value());
  out.set("turns", result.turns).set("denials", denialsValue(result.denials));
  out.set("retry_after_ms", result.retryAfterMs).set("duration_ms", result.durationMs);
  out.set("output_bytes", result.outputBytes).set("lines_skipped", result.linesSkipped);
  out.set("exit", std::move(exit)).set("agent", std::move(agent));
  return json::print(out);
}

Status judge(const DriveResult& result) {
  if (result.outcome == Outcome::kOk) return {};
  std::string message = result.agentName.empty() ? "the agent" : result.agentName;
  return Error{outcomeCode(result.outcome), message + ": " + result.detail};
}

}  // namespace belay::agents
