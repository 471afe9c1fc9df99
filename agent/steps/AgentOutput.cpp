#include "agent/steps/AgentOutput.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::steps {

using agents::Outcome;
using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using flow::FailureClass;
using json::Value;
using runtime::StepResult;

namespace {

constexpr std::int64_t kQuotaWaitMs = 5 * 60 * 1000;  // Where its provider says no time.
constexpr std::uint32_t kTriesMax = 200;

struct ClassRow {
  ErrorCode code;
  FailureClass kind;
  bool nothingLeft;
};
constexpr std::array<ClassRow, 14> kClasses{{
    {ErrorCode::kAgentFailed, FailureClass::kExitCode, false},
    {ErrorCode::kAgentRateLimited, FailureClass::kRateLimited, false},
    {ErrorCode::kAgentQuota, FailureClass::kRateLimited, false},
    {ErrorCode::kAgentNoOutput, FailureClass::kTimeout, false},
    {ErrorCode::kAgentStalled, FailureClass::kTimeout, false},
    {ErrorCode::kAgentTimeout, FailureClass::kTimeout, false},
    {ErrorCode::kStepTimeout, FailureClass::kTimeout, false},
    {ErrorCode::kAgentKilled, FailureClass::kUnavailable, false},
    {ErrorCode::kJobSignalled, FailureClass::kUnavailable, false},
    {ErrorCode::kAgentWorkspace, FailureClass::kUnavailable, true},
    {ErrorCode::kAgentNotFound, FailureClass::kUnavailable, true},
    {ErrorCode::kAgentDrifted, FailureClass::kOther, true},
    {ErrorCode::kAgentSession, FailureClass::kOther, true},
    {ErrorCode::kBusy, FailureClass::kUnavailable, false},
}};

void tryAgain(StepResult& result, Value& ledger, const runtime::Attempt& attempt,
              const AgentPlan& plan, const agents::DriveResult& drive) {
  if (attempt.key.attempt >= kTriesMax) return;
  const Outcome outcome = drive.outcome;
  const bool quota = outcome == Outcome::kQuota || outcome == Outcome::kRateLimited;
  const bool refused = quota || outcome == Outcome::kAuth || outcome == Outcome::kNotFound;
  if (refused && plan.candidate + 1 < plan.candidates) {
    ledger.set("candidate", static_cast<std::int64_t>(plan.candidate + 1));
    result.againMs = 0;
  } else if (quota && plan.onQuota != OnQuota::kFail) {
    ledger.set("continues", true);
    result.againMs = drive.retryAfterMs > 0 ? drive.retryAfterMs : kQuotaWaitMs;
    if (plan.onQuota == OnQuota::kAsk) {
      result.againMs = 0;
      ledger.set("ask", "the provider of agent " + plan.name + " takes no more for now; try again?");
    }
  } else if (outcome == Outcome::kDrifted && plan.drift != OnDrift::kRefuse &&
             plan.accepted.empty() && !drive.digest.empty()) {
    result.againMs = 0;
    ledger.set("accepted", drive.digest);
    if (plan.drift == OnDrift::kAsk) {
      ledger.set("ask", "the program of agent " + plan.name + ", " + plan.drive.binary +
                            ", is not the locked one but " + drive.digest + "; run it?");
    }
  }
  if (result.againMs && !ledger.find("candidate"))
    ledger.set("candidate", static_cast<std::int64_t>(plan.candidate));
  if (result.againMs && !ledger.find("accepted") && !plan.accepted.empty())
    ledger.set("accepted", plan.accepted);
}

Value usageOf(const agents::DriveResult& drive) {
  Value out;
  out.set("tokens", drive.usage.total()).set("turns", drive.turns);
  return std::move(out.set("usd", drive.costUsd.value_or(0)));
}

Value denialsOf(const agents::DriveResult& drive) {
  Value out{json::Array{}};
  for (const agents::Denial& denial : drive.denials) {
    Value each;
    each.set("tool", denial.tool).set("what", denial.what).set("reason", denial.reason);
    out.push(std::move(each));
  }
  return out;
}

/// Gathers one output.
class Gathering {
 public:
  Gathering(const runtime::Attempt& attempt, const AgentPlan& plan, const AgentEnd& ended,
            Outputs& outputs)
      : attempt_(attempt), plan_(plan), ended_(ended), outputs_(outputs) {}

  Result<StepResult> run() {
    BELAY_ASSIGN(StepResult result, verdict());
    result.durationMs = ended_.agent.durationMs();
    BELAY_TRY(putText());
    BELAY_TRY(putChanges(result));
    BELAY_TRY(collect(result));
    output_.set("duration_ms", result.durationMs);
    // An agent may write a secret that it was given wherever it likes.
    BELAY_ASSIGN(result.outputJson, outputs_.print(output_));
    result.resources = std::move(rows_);
    return result;
  }

 private:
  Result<StepResult> verdict() {
    const Value* told = ended_.agent.result ? &*ended_.agent.result : nullptr;
    const Status job = jobs::judge(ended_.agent, std::array{0, 1, 2});
    output_.set("agent", plan_.name);
    output_.set("workspace", plan_.workspace.tree());
    if (told && told->find("workspace_error"))
      return failed({ErrorCode::kAgentWorkspace, told->text("workspace_error")});
    if (told) {
      BELAY_ASSIGN(drive_, agents::parseDriveResult(json::print(*told)));
      putDrive();
      StepResult result = resultOf(attempt_, plan_, drive_);
      // The deadline of the step goes before what its driver says of the signal.
      if (!job && job.error().code == ErrorCode::kStepTimeout)
        result.failure = failureOf(job.error(), false);
      result.ok = result.ok && !result.failure;
      return result;
    }
    if (!job) return failed(job.error());
    return failed({ErrorCode::kAgentProtocol,
                   "the driver of agent " + plan_.name + " gave no result: " +
                       base::visible(base::wholeCharacters(ended_.agent.stderrHead, 500), true)});
  }

  /// What comes behind the agent fails a step that has not failed before.
  static void fail(StepResult& result, const Error& error) {
    if (!result.ok) return;
    result.ok = false;
    result.failure = failureOf(error, false);
    result.failure->nothingLeft = false;
  }

  static StepResult failed(const Error& error) {
    StepResult result;
    result.ok = false;
    result.failure = failureOf(error, false);
    return result;
  }

  void putDrive() {
    output_.set("session_id", drive_.sessionId);
    output_.set("version", drive_.agentVersion).set("model", plan_.drive.model);
    output_.set("usage", agents::usageValue(drive_.usage));
    output_.set("cost_usd", drive_.costUsd ? Value(*drive_.costUsd) : Value());
    output_.set("turns", drive_.turns);
    if (!drive_.structured.isNull()) output_.set("structured", drive_.structured);
    if (!drive_.denials.empty()) output_.set("denials", denialsOf(drive_));
    if (drive_.exitCode) output_.set("exit_code", static_cast<std::int64_t>(*drive_.exitCode));
  }

  Status putText() {
    const std::string name = attempt_.key.path + ".text";
    const jobs::KeptFile* whole = drive_.textTruncated ? fileOf("text.txt", false) : nullptr;
    if (whole && whole->problem.empty()) {
      BELAY_ASSIGN(const int file, openedOf(*whole));
      BELAY_ASSIGN(Value text, outputs_.keepFile(drive_.text, whole->bytes, file, attempt_.persist,
                                                 name, rows_));
      output_.set("text", std::move(text));
      return {};
    }
    BELAY_ASSIGN(Value text, outputs_.keepText(drive_.text, attempt_.persist, name, rows_));
    output_.set("text", std::move(text));
    return {};
  }

  /// Keeps a file as a resource, whatever persist says: there is no other place for it.
  Result<Value> keep(int file, std::uint64_t size, const std::string& mediaType,
                     const std::string& name) {
    BELAY_TRY(outputs_.keepFile({}, size, file, flow::Persist::kAlways, name, rows_));
    rows_.back().mediaType = mediaType;
    return Outputs::describe(rows_.back());
  }

  Status putChanges(StepResult& result) {
    if (!ended_.end) return {};
    const jobs::JobOutcome& end = *ended_.end;
    const Value* told = end.result ? &*end.result : nullptr;
    Status judged = jobs::judge(end, std::array{0});
    if (told && told->find("workspace_error"))
      judged = Error{ErrorCode::kAgentWorkspace, told->text("workspace_error")};
    if (judged && end.record.stdoutDropped > 0)
      judged = Error{ErrorCode::kLimit, "the diff is larger than jobs.log_max"};
    if (!judged || !told) {
      fail(result, judged ? Error{ErrorCode::kAgentWorkspace, "git gave no result"}
                          : judged.error());
      return {};
    }
    for (const json::Member& member : told->asObject()) output_.set(member.first, member.second);
    if (plan_.workspace.kind == agents::WorkspaceKind::kGit)
      output_.set("repository", plan_.workspace.folder + "/repo.git");
    if (end.record.stdoutBytes == 0) return {};
    BELAY_ASSIGN(Value diff, keep(ended_.diff.get(), end.record.stdoutBytes, "text/x-diff",
                                  attempt_.key.path + ".diff"));
    output_.set("diff", std::move(diff));
    return {};
  }

  Status collect(StepResult& result) {
    if (plan_.collect.empty()) return {};
    Value files(json::Object{});
    for (const std::string& path : plan_.collect) {
      const jobs::KeptFile* file = fileOf(path, true);
      const std::string problem = file ? file->problem : "it was not looked for";
      if (!problem.empty()) {
        fail(result, Error{ErrorCode::kJobResult, "collect " + path + ": " + problem});
        continue;
      }
      BELAY_ASSIGN(const int opened, openedOf(*file));
      BELAY_ASSIGN(Value kept, keep(opened, file->bytes, "application/octet-stream", path));
      files.set(path, std::move(kept));
    }
    output_.set("files", std::move(files));
    return {};
  }

  const jobs::KeptFile* fileOf(const std::string& name, bool collected) const {
    for (const jobs::KeptFile& file : ended_.agent.files) {
      if (file.name == name && file.collected == collected) return &file;
    }
    return nullptr;
  }
  Result<int> openedOf(const jobs::KeptFile& file) const {
    const auto& opened = ended_.files[static_cast<std::size_t>(&file - ended_.agent.files.data())];
    if (!opened) return opened.error();
    return opened->get();
  }

  const runtime::Attempt& attempt_;
  const AgentPlan& plan_;
  const AgentEnd& ended_;
  Outputs& outputs_;
  agents::DriveResult drive_;
  Value output_;
  std::vector<journal::ResourceRow> rows_;
};

}  // namespace

engine::Failure failureOf(const Error& error, bool nothingLeft) {
  engine::Failure failure;
  failure.code = base::errorText(error.code);
  failure.message = error.message;
  failure.nothingLeft = nothingLeft;
  for (const ClassRow& row : kClasses) {
    if (row.code != error.code) continue;
    failure.kind = row.kind;
    failure.nothingLeft = nothingLeft || row.nothingLeft;
  }
  return failure;
}

StepResult resultOf(const runtime::Attempt& attempt, const AgentPlan& plan,
                    const agents::DriveResult& drive) {
  StepResult result;
  Value ledger;
  ledger.set("use", plan.use).set("spent", usageOf(drive));
  const Status verdict = agents::judge(drive);
  if (!verdict) {
    result.ok = false;
    result.failure = failureOf(verdict.error(), false);
    result.retryAfterMs = drive.retryAfterMs;
    tryAgain(result, ledger, attempt, plan, drive);
  }
  const bool ran = drive.outcome != Outcome::kNotFound && drive.outcome != Outcome::kDrifted;
  if (ran) {
    Value session;
    const bool same = drive.sessionId.empty();
    session.set("id", same ? plan.drive.session.id : drive.sessionId).set("agent", plan.name);
    session.set("used", agents::usageValue(drive.cumulative));
    auto workspace = json::parse(agents::printWorkspaceSpec(plan.workspace));
    if (workspace) session.set("workspace", std::move(*workspace));
    ledger.set("session", std::move(session));
  }
  result.ledgerJson = json::print(ledger);
  return result;
}

StepResult gatherAgent(const runtime::Attempt& attempt, const AgentPlan& plan,
                       const AgentEnd& ended, Outputs& outputs) {
  auto result = Gathering(attempt, plan, ended, outputs).run();
  if (result) return std::move(*result);
  StepResult failed;
  failed.ok = false;
  failed.failure = failureOf(result.error(), false);
  return failed;
}

}  // namespace belay::steps
