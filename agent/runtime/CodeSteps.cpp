#include "agent/runtime/CodeSteps.h"

#include <algorithm>
#include <utility>

#include "agent/engine/Path.h"
#include "agent/runtime/RunScope.h"
#include "agent/runtime/Steps.h"
#include "agent/script/QuickJsEvaluator.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

// A row of the journal stays readable, however much a round asks for.
constexpr std::size_t kCallsPerEvent = 500;
constexpr std::size_t kBytesPerEvent = 256u << 10;
// Steps of calls that have ended are dropped when there are so many more of them than open ones.
constexpr std::size_t kEndedSteps = 64;

engine::Failure failureOf(const script::ProgramFailure& failure) {
  engine::Failure out;
  out.code = failure.code;
  out.kind = flow::failureClassFrom(failure.kind).value_or(flow::FailureClass::kOther);
  out.message = failure.message;
  return out;
}

std::string failureJson(const engine::StepFinished& finished, const std::string& output) {
  const engine::Failure failure = finished.failure.value_or(engine::Failure{});
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("code", failure.code);
  writer.member("class", flow::failureClassName(failure.kind));
  writer.member("step", finished.key.path).member("message", failure.message);
  if (!output.empty()) writer.rawMember("output", output);
  writer.endObject();
  return out;
}

/// Whether there are calls in the rounds behind one.
bool asksForMore(const std::vector<CodeRound>& rounds, const CodeRound& behind) {
  const auto from = rounds.begin() + (&behind - rounds.data()) + 1;
  return std::any_of(from, rounds.end(),
                     [](const CodeRound& round) { return !round.calls.empty(); });
}

bool isEnding(const engine::RunState& state) {
  return state.finished || state.stopping || state.cancelling || state.failure;
}

}  // namespace

Status CodeSteps::advance(LiveRun& run) {
  const engine::RunState& state = run.state;
  if (!state.code || !state.code->due || state.isHeld() || isEnding(state)) return {};
  if (const Status trusted = core_.trusts(run); !trusted)
    return fail(run, runtime::failureOf(trusted.error()), "");
  if (const Status evaluated = evaluate(run); !evaluated) {
    if (endsTransaction(evaluated.error().code)) return evaluated;
    return fail(run, runtime::failureOf(evaluated.error()), "");
  }
  return record(run);
}

Status CodeSteps::evaluate(LiveRun& run) {
  CodeRun& code = *run.code;
  if (!code.program) BELAY_TRY(make(run));
  for (const CodeResult& result : code.feed.takeResults()) BELAY_TRY(settle(run, result));
  return {};
}

Status CodeSteps::make(LiveRun& run) {
  CodeRun& code = *run.code;
  if (!code.feedIsWhole) {
    CodeFeed feed;
    auto decisions = std::make_unique<RecordedDecisions>();
    BELAY_ASSIGN([[maybe_unused]] const engine::RunState state,
                 runtime::replay(core_.world().journal, run.state.id, decisions.get(), &feed));
    code.feed = std::move(feed);
    // It was read from disk again, and is believed no more than the first time.
    run.unverified = std::move(decisions);
    BELAY_TRY(core_.trusts(run));
  }
  code.feedIsWhole = false;
  script::ProgramStart start;
  start.source = run.flow->flow.code->source;
  start.inputJson = run.state.created.inputJson;
  start.stateJson = run.state.created.stateJson;
  start.runJson = runJson(run.state);
  if (!run.state.created.triggerJson.empty()) start.triggerJson = run.state.created.triggerJson;
  start.seed = run.state.created.seed;
  start.nowMs = run.state.createdAtMs;
  code.ledger = std::make_unique<CodeLedger>(run.flow->flow, core_.settings().code);
  BELAY_ASSIGN(code.program,
               script::Program::load(start, core_.settings().codeLimits, *code.ledger));
  return replay(run, code.feed.takeRounds());
}

Status CodeSteps::replay(LiveRun& run, std::vector<CodeRound> rounds) {
  CodeRun& code = *run.code;
  bool started = false;
  for (CodeRound& round : rounds) {
    code.ledger->expect(round);
    if (!std::exchange(started, true)) BELAY_TRY(code.program->start());
    for (const CodeResult& result : round.results) BELAY_TRY(settle(run, result));
    BELAY_TRY(code.ledger->met());
    const auto& end = code.program->end();
    // Behind a good end only the ends of runs come that had been given up.
    const bool well = end && !end->failure;
    if (well ? asksForMore(rounds, round) : end || code.program->isStalled())
      return code.ledger->endedEarly();
  }
  // What it did then was recorded then.
  static_cast<void>(code.program->takeCancelled());
  static_cast<void>(code.program->takeLogs());
  BELAY_ASSIGN([[maybe_unused]] const std::string state, code.program->takeState());
  code.ledger->endReplay();
  return started ? Status{} : code.program->start();
}

Status CodeSteps::settle(LiveRun& run, const CodeResult& result) {
  const engine::StepFinished& finished = result.finished;
  std::string output = finished.outputJson;
  if (!finished.outputRef.empty()) {
    BELAY_ASSIGN(output, core_.world().outputs.load(finished.outputRef));
  }
  script::Settlement settlement;
  settlement.path = finished.key.path;
  settlement.visit = finished.key.visit;
  settlement.atMs = result.atMs;
  settlement.ok = finished.next.kind != engine::Next::Kind::kFail;
  if (settlement.ok)
    settlement.valueJson = std::move(output);
  else
    settlement.failureJson = failureJson(finished, output);
  return run.code->program->settle(settlement);
}

Status CodeSteps::record(LiveRun& run) {
  CodeRun& code = *run.code;
  if (const auto& end = code.program->end(); end && end->failure)
    return fail(run, failureOf(*end->failure), end->failure->step);
  if (code.program->isStalled()) {
    return fail(run,
                runtime::failureOf(Error{ErrorCode::kCodeStalled,
                                         "the code waits for a promise that no step answers"}),
                "");
  }
  engine::CodeAdvanced advanced;
  advanced.calls = code.ledger->takeNew();
  advanced.cancelled = code.program->takeCancelled();
  advanced.logs = code.program->takeLogs();
  auto stateJson = code.program->takeState();
  if (!stateJson) return fail(run, runtime::failureOf(stateJson.error()), "");
  advanced.stateJson = std::move(*stateJson);
  if (run.state.code->interpreter != script::interpreterVersion())
    advanced.interpreter = script::interpreterVersion();
  BELAY_TRY(recordCalls(run, std::move(advanced)));
  const auto& end = code.program->end();
  if (!end || !run.state.active.empty()) {
    // Runs that the code has given up have still to end.
    keep(run);
    return {};
  }
  engine::RunFinished finished;
  finished.outputJson = end->outputJson;
  drop(code);
  return steps_.endRun(run, std::move(finished));
}

Status CodeSteps::recordCalls(LiveRun& run, engine::CodeAdvanced advanced) {
  CodeRun& code = *run.code;
  if (code.steps.size() > run.state.code->calls.size() + kEndedSteps) {
    std::erase_if(code.steps,
                  [&run](const auto& step) { return !run.state.code->calls.contains(step.first); });
  }
  std::vector<engine::CodeCall> calls = std::move(advanced.calls);
  engine::CodeAdvanced part;
  std::size_t bytes = 0;
  for (engine::CodeCall& call : calls) {
    if (part.calls.size() >= kCallsPerEvent || bytes > kBytesPerEvent) {
      part.more = true;
      BELAY_TRY(core_.record(run, std::exchange(part, {})));
      bytes = 0;
    }
    BELAY_ASSIGN(
        flow::CallStep step,
        flow::callStep(run.flow->flow, engine::stepIdOf(call.key.path), call.definitionJson));
    code.steps.insert_or_assign(call.key.path, std::move(step));
    bytes += call.definitionJson.size();
    part.calls.push_back(std::move(call));
  }
  advanced.calls = std::move(part.calls);
  return core_.record(run, std::move(advanced));
}

Status CodeSteps::fail(LiveRun& run, engine::Failure failure, std::string step) {
  // Nothing that goes on could be of use to anybody.
  engine::CodeAdvanced advanced;
  advanced.cancelled.emplace_back();
  if (run.code->program) advanced.logs = run.code->program->takeLogs();
  advanced.failure = std::move(failure);
  advanced.failedStep = std::move(step);
  drop(*run.code);
  return core_.record(run, std::move(advanced));
}

void CodeSteps::drop(CodeRun& code) {
  code.program.reset();
  code.feedIsWhole = false;
}

void CodeSteps::keep(const LiveRun& run) {
  // Runs leave memory without a word.
  std::erase_if(kept_, [&](const Kept& kept) {
    const LiveRun* other = core_.runs().find(kept.run);
    return kept.run == run.state.id || !other || !other->code || !other->code->program;
  });
  kept_.push_back({run.state.id, run.code->program->memoryBytes()});
  const RuntimeSettings& settings = core_.settings();
  const auto total = [this] {
    std::size_t bytes = 0;
    for (const Kept& kept : kept_) bytes += kept.bytes;
    return bytes;
  };
  while (kept_.size() > 1 &&
         (kept_.size() > settings.programsKept || total() > settings.programBytes)) {
    // The oldest stands first, the run at hand last.
    core_.runs().find(kept_.front().run)->code->program.reset();
    kept_.erase(kept_.begin());
  }
}

}  // namespace belay::runtime
