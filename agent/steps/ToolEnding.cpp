#include "agent/steps/ToolEnding.h"

#include <algorithm>
#include <array>

#include "agent/runtime/Core.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/base/Utf8.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using flow::FailureClass;
using json::Value;

namespace {

constexpr std::size_t kMessageBytesMax = 2'000;
constexpr std::size_t kShownBytes = 400;

struct ClassRow {
  ErrorCode code;
  FailureClass kind;
};
constexpr std::array<ClassRow, 10> kClasses{{{ErrorCode::kStepTimeout, FailureClass::kTimeout},
                                            {ErrorCode::kConnect, FailureClass::kConnection},
                                            {ErrorCode::kTls, FailureClass::kConnection},
                                            {ErrorCode::kSshProtocol, FailureClass::kConnection},
                                            {ErrorCode::kStepExitCode, FailureClass::kExitCode},
                                            {ErrorCode::kJobSignalled, FailureClass::kExitCode},
                                            {ErrorCode::kBusy, FailureClass::kUnavailable},
                                            {ErrorCode::kDiskFull, FailureClass::kUnavailable},
                                            {ErrorCode::kJobLost, FailureClass::kUnavailable},
                                            {ErrorCode::kRateLimited, FailureClass::kRateLimited}}};

engine::Failure failureOf(const Error& error) { return toolFailure(error, false); }

std::string shown(std::string_view text) {
  return base::visible(base::trim(base::wholeCharacters(text, kShownBytes)), true);
}

Error withoutResult(const jobs::JobOutcome& outcome) {
  const auto judged = jobs::judge(outcome, std::array{0});
  std::string why = judged.ok() ? "it ended with exit code 0" : judged.error().message;
  if (outcome.resultError) why = outcome.resultError->message;
  const std::string said = shown(outcome.stderrHead);
  return Error{ErrorCode::kPluginProtocol,
               "the program of the step gave no result: " + why + (said.empty() ? "" : "; " + said)};
}

/// What it says of its failure; a plugin's own codes stand in the message.
void takeError(const Value& told, ToolVerdict& verdict) {
  const Value* error = told.find("error");
  const std::string code = error ? error->text("code") : "";
  const std::string message = error ? error->text("message") : "";
  const auto known = base::errorFromText(code);
  Error read{known.value_or(ErrorCode::kStepFailed),
             (known || code.empty() ? "" : std::string(base::wholeCharacters(code, 100)) + ": ") +
                 (message.empty() ? "it gave no reason"
                                  : std::string(base::wholeCharacters(message, kMessageBytesMax)))};
  verdict.failure = failureOf(read);
  if (const auto kind = flow::failureClassFrom(error ? error->text("class") : "")) {
    verdict.failure->kind = *kind;
  }
  const std::string effect = told.text("effect", "unknown");
  verdict.failure->nothingLeft = effect == "none";
  verdict.unknown = effect != "none" && effect != "done";
  if (error) verdict.retryAfterMs = std::max<std::int64_t>(0, error->integer("retry_after_ms"));
}

void takeExit(const ToolPlan& plan, ToolVerdict& verdict) {
  if (plan.okExitCodes.empty()) return;
  const std::string signal = verdict.output.text("signal");
  const Value* code = verdict.output.find("exit_code");
  if (!signal.empty()) {
    verdict.failure = failureOf(
        {ErrorCode::kJobSignalled, "the command was ended there by signal " + signal});
  } else if (code && code->isInteger() &&
             std::find(plan.okExitCodes.begin(), plan.okExitCodes.end(), code->asInteger()) ==
                 plan.okExitCodes.end()) {
    verdict.failure =
        failureOf({ErrorCode::kStepExitCode, "the command ended there with exit code " +
                                                 std::to_string(code->asInteger())});
  }
}

}  // namespace

engine::Failure toolFailure(const Error& error, bool nothingLeft) {
  engine::Failure out = runtime::failureOf(error);
  out.nothingLeft = nothingLeft;
  for (const ClassRow& row : kClasses) {
    if (row.code == error.code) out.kind = row.kind;
  }
  return out;
}

Error timeoutOf(const runtime::Attempt& attempt) {
  return Error{ErrorCode::kStepTimeout,
               "step " + attempt.key.path + " took longer than its timeout of " +
                   base::formatDuration(std::chrono::milliseconds{attempt.timeoutMs})};
}

ToolVerdict judgeTool(const runtime::Attempt& attempt, const ToolPlan& plan,
                      const jobs::JobOutcome& outcome) {
  ToolVerdict verdict;
  verdict.output = Value(json::Object{});
  // A timeout of the step goes before what its program says of the signal.
  const bool late = outcome.record.killedBy == jobs::JobKiller::kDeadline;
  const Value* told = outcome.result && outcome.result->isObject() ? &*outcome.result : nullptr;
  const Value* ok = told ? told->find("ok") : nullptr;
  if (!ok || !ok->isBool()) {
    verdict.failure = failureOf(late ? timeoutOf(attempt) : withoutResult(outcome));
    verdict.unknown = true;
    return verdict;
  }
  if (const Value* output = told->find("output"); output && output->isObject())
    verdict.output = *output;
  if (!ok->asBool())
    takeError(*told, verdict);
  else
    takeExit(plan, verdict);
  if (late && verdict.failure) {
    const bool nothingLeft = verdict.failure->nothingLeft;
    verdict.failure = failureOf(timeoutOf(attempt));
    verdict.failure->nothingLeft = nothingLeft;
  }
  return verdict;
}

}  // namespace belay::steps
