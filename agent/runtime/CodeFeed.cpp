#include "agent/runtime/CodeFeed.h"

#include "agent/engine/Path.h"
#include "agent/script/QuickJsEvaluator.h"
#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

std::string shown(const engine::CodeCall& call) {
  constexpr std::size_t kShownBytes = 160;
  std::string out = "step " + call.key.path;
  if (call.key.visit > 1) out += " (visit " + std::to_string(call.key.visit) + ")";
  return out + " " + base::visible(base::shortened(call.definitionJson, kShownBytes));
}

/// As the journal gives it back.
std::string printed(const std::string& text) {
  const auto value = json::parse(text);
  return value ? json::print(*value) : text;
}

bool isSame(const engine::CodeCall& recorded, const script::ProgramCall& asked) {
  if (recorded.key.path != asked.path || recorded.key.visit != asked.visit) return false;
  return recorded.definitionJson == asked.definitionJson ||
         printed(recorded.definitionJson) == printed(asked.definitionJson);
}

}  // namespace

void CodeFeed::note(std::int64_t atMs, const engine::EventBody& body) {
  if (const auto* created = std::get_if<engine::RunCreated>(&body)) {
    interpreter_ = created->interpreter;
  } else if (interpreter_.empty()) {
    return;
  } else if (const auto* finished = std::get_if<engine::StepFinished>(&body)) {
    add(atMs, *finished);
  } else if (const auto* advanced = std::get_if<engine::CodeAdvanced>(&body)) {
    on(*advanced);
  }
}

void CodeFeed::on(const engine::CodeAdvanced& e) {
  if (!e.interpreter.empty()) interpreter_ = e.interpreter;
  if (!more_) rounds_.push_back({std::exchange(results_, {}), {}, interpreter_});
  more_ = e.more;
  CodeRound& round = rounds_.back();
  round.calls.insert(round.calls.end(), e.calls.begin(), e.calls.end());
}

Status CodeLedger::take(const script::ProgramCall& call) {
  if (divergence_) return *divergence_;
  const bool recorded = replaying_ && !expected_.empty() && isSame(expected_.front(), call);
  if (recorded) {
    last_ = call.path;
    expected_.pop_front();
  } else {
    // What was refused then stands in no record, and is refused again.
    BELAY_TRY(check(call));
    engine::CodeCall asked{{call.path, call.visit, 1}, call.definitionJson};
    if (replaying_) {
      divergence_ = diverged(
          call.path, expected_.empty() ? "nothing more" : shown(expected_.front()), shown(asked));
      return *divergence_;
    }
    new_.push_back(std::move(asked));
  }
  ++calls_;
  return {};
}

Status CodeLedger::check(const script::ProgramCall& call) const {
  if (calls_ >= bounds_.callsMax) {
    return Error{ErrorCode::kLimit, "a run makes at most limits.code_calls = " +
                                        std::to_string(bounds_.callsMax) + " calls"};
  }
  if (call.open >= bounds_.openMax) {
    return Error{ErrorCode::kLimit, "at most " + std::to_string(bounds_.openMax) +
                                        " calls of a run go on at the same time; give forEach "
                                        "maxParallel"};
  }
  return flow::checkCall(flow_, engine::stepIdOf(call.path), call.definitionJson);
}

void CodeLedger::expect(CodeRound& round) {
  interpreter_ = round.interpreter;
  expected_.assign(std::make_move_iterator(round.calls.begin()),
                   std::make_move_iterator(round.calls.end()));
}

Status CodeLedger::met() {
  if (!divergence_ && !expected_.empty()) {
    divergence_ = diverged(expected_.front().key.path, shown(expected_.front()), "nothing more");
  }
  return divergence_ ? Status{*divergence_} : Status{};
}

Error CodeLedger::endedEarly() const {
  return diverged(last_, "further calls that were open", "nothing more, and came to its end");
}

Error CodeLedger::diverged(const std::string& step, const std::string& recorded,
                           const std::string& asked) const {
  return Error{ErrorCode::kCodeDiverged,
               "at step " + step + " the record has " + recorded + ", and the code asked for " +
                   asked + "; recorded with " + interpreter_ + ", run again with " +
                   std::string(script::interpreterVersion()),
               {"belay explain BLY-CODE-DIVERGED"}};
}

Result<std::unique_ptr<CodeRun>> CodeRun::open(const LoadedFlow& flow,
                                               const engine::RunState& state, CodeFeed feed) {
  auto run = std::make_unique<CodeRun>();
  run->feed = std::move(feed);
  const auto damaged = [](const std::string& path, const std::string& why) {
    return Error{ErrorCode::kJournalCorrupt, "the recorded call " + path + ": " + why};
  };
  if (!flow.flow.code) return damaged("", "the flow is no code");
  for (const auto& [path, definition] : state.code->calls) {
    const std::string_view name = engine::stepIdOf(path);
    const Status checked =
        flow::checkCall(flow.flow, name, definition, flow::Content::kStored);
    if (!checked)
      return damaged(path, checked.error().message);
    BELAY_ASSIGN(flow::CallStep call, flow::callStep(flow.flow, name, definition));
    run->steps.insert_or_assign(path, std::move(call));
  }
  if (state.compensating && !state.undos.empty()) BELAY_TRY(run->takeUndo(flow, state));
  return run;
}

Status CodeRun::takeUndo(const LoadedFlow& flow, const engine::RunState& state) {
  const engine::Undo& undo = state.undos.back();
  const std::string_view name = engine::stepIdOf(undo.key.path);
  const Status checked =
      flow::checkCall(flow.flow, name, undo.renderedJson, flow::Content::kStored);
  if (!checked) {
    return Error{ErrorCode::kJournalCorrupt,
                 "the recorded undo of " + undo.key.path + ": " + checked.error().message};
  }
  BELAY_ASSIGN(flow::CallStep call, flow::callStep(flow.flow, name, undo.renderedJson));
  steps.insert_or_assign(engine::undoPath(undo.key.path), std::move(call));
  return {};
}

const flow::CallStep& CodeRun::at(const std::string& path) const {
  const auto found = steps.find(path);
  BELAY_CHECK(found != steps.end());
  return found->second;
}

}  // namespace belay::runtime
