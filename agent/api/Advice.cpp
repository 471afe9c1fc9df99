#include <utility>

#include "agent/api/RunHistory.h"
#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::api {

using engine::RunStatus;

namespace {

/// A text of a flow or a person within a sentence: one line, no control characters, not too long.
std::string quoted(const std::string& text) {
  constexpr std::size_t kLongest = 160;
  return base::shortened(base::visible(text), kLongest);
}

std::string inTime(std::int64_t atMs, std::int64_t nowMs) {
  const std::int64_t seconds = (atMs - nowMs + 999) / 1000;
  if (seconds <= 0) return "now";
  return "in " + base::formatDuration(std::chrono::seconds{seconds});
}

class Adviser {
 public:
  Adviser(const std::string& run, const RunHistory& history, const flow::Flow* flow,
          std::int64_t nowMs, const AdviceFacts& facts)
      : run_(run), history_(history), flow_(flow), nowMs_(nowMs), facts_(facts) {}

  Advice waiting() {
    for (const VisitRecord& visit : history_.visits()) {
      if (visit.wait && !visit.wait->resolved && visit.active()) describeWait(visit);
      describeChild(visit);
    }
    return finish("waits");
  }

  Advice ambiguous() {
    for (const VisitRecord& visit : history_.visits()) {
      if (visit.status != VisitRecord::Status::kAmbiguous) continue;
      say("step " + visit.path + " may or may not have taken effect: " +
          quoted(visit.ambiguousReason) + "; look, then say which");
      for (const char* as : {"succeeded", "failed", "retry"}) {
        act("belay run resolve " + run_ + " " + visit.path + " --as " + as);
      }
      if (isRunStep(visit.path)) act("belay run logs " + run_ + " --step " + visit.path);
    }
    return finish("a step is ambiguous");
  }

  Advice failed() {
    const auto& finished = history_.finished();
    if (finished && finished->failure) {
      const engine::Failure& failure = *finished->failure;
      const bool isOutput = finished->failedStep == "output" && !history_.latest("output");
      const std::string where = isOutput                       ? "the output of the flow"
                                : finished->failedStep.empty() ? "it"
                                                               : "step " + finished->failedStep;
      say(where + " failed: " + quoted(failure.message) + " [" + failure.code + "]");
      if (isRunStep(finished->failedStep) && !failure.nothingLeft)
        act("belay run logs " + run_ + " --step " + finished->failedStep);
      act("belay explain " + failure.code);
      if (history_.created() && !history_.created()->interpreter.empty())
        return finish("the run failed");
      act(finished->failedStep == "output" || finished->failedStep.empty() ||
                  !finished->compensated.empty()
              ? "belay run retry " + run_ + " --from STEP"
              : "belay run retry " + run_);
    }
    describeUndone();
    return finish("the run failed");
  }

  Advice running() {
    for (const VisitRecord& visit : history_.visits()) {
      if (visit.status == VisitRecord::Status::kRunning) {
        say("step " + visit.path + " runs since " +
            base::formatDuration(std::chrono::seconds{(nowMs_ - visit.startedMs) / 1000}));
        if (isRunStep(visit.path)) act("belay run logs " + run_ + " --step " + visit.path + " -f");
      }
      if (visit.status == VisitRecord::Status::kBackoff && !visit.heldBy.empty()) {
        say("step " + visit.path + " waits for its turn, " + inTime(visit.heldUntilMs, nowMs_) +
            ": rate limit of " + quoted(visit.heldBy));
      } else if (visit.status == VisitRecord::Status::kBackoff && !visit.attempts.empty()) {
        const AttemptRecord& last = visit.attempts.back();
        const std::string why = last.failure ? ": " + quoted(last.failure->message) : "";
        say("attempt " + std::to_string(last.attempt) + " of step " + visit.path + " failed" + why +
            "; the next one starts " + inTime(last.endedMs + last.delayMs, nowMs_));
      }
      describeChild(visit);
    }
    describeDisk();
    return finish("it is at work");
  }

  Advice queued() {
    say(facts_.queue.empty() ? "queued: it begins in its turn" : facts_.queue);
    describeDisk();
    if (history_.paused()) {
      say("paused by " + quoted(lastBy("paused")) + ": in its turn it takes its slot and waits");
      act("belay run resume " + run_);
    }
    act("belay run cancel " + run_);
    return finish("");
  }

  Advice paused() {
    act("belay run resume " + run_);
    act("belay run cancel " + run_);
    const std::string by = lastBy("paused");
    return finish("paused" + (by.empty() ? "" : " by " + quoted(by)) + "; no new step starts");
  }

  Advice ended(const char* how) {
    std::string by;
    for (const ControlRecord& control : history_.controls()) {
      if (control.what.ends_with("requested")) by = control.by;
      if (control.what == "superseded") return finish("superseded by " + control.other);
    }
    act("belay run retry " + run_ + " --from STEP");
    const std::string who = how + (by.empty() ? std::string() : " by " + quoted(by));
    describeUndone(who);
    return finish(who);
  }

  Advice stopping() {
    act("belay run cancel " + run_);
    return finish("a stop was asked for; what is in flight may still end");
  }

 private:
  void describeDisk() {
    if (!facts_.diskFull) return;
    say("the disk is full: nothing further begins until there is room");
    act("belay journal stats");
    act("belay journal prune --older-than 30d");
  }

  std::string lastBy(std::string_view what) const {
    std::string by;
    for (const ControlRecord& control : history_.controls()) {
      if (control.what == what) by = control.by;
    }
    return by;
  }
  void say(const std::string& sentence) {
    if (!advice_.reason.empty()) advice_.reason += "; ";
    advice_.reason += sentence;
  }
  void act(std::string command) { advice_.actions.push_back(std::move(command)); }
  Advice finish(const std::string& otherwise) {
    if (advice_.reason.empty()) advice_.reason = otherwise;
    return std::move(advice_);
  }

  /// What was taken back, and what was not.
  void describeUndone(const std::string& before = {}) {
    const auto& finished = history_.finished();
    if (!finished) return;
    if (!before.empty()) say(before);
    for (const VisitRecord& visit : history_.visits()) {
      if (visit.status == VisitRecord::Status::kEnded && !visit.ambiguousReason.empty() &&
          !visit.resolution)
        say("step " + visit.path + " may have taken effect");
    }
    const auto list = [this](const char* what, const std::vector<std::string>& names) {
      constexpr std::size_t kShown = 5;
      if (names.empty()) return;
      std::string text = what;
      for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
        text += (i == 0 ? " " : ", ") + names[i];
      if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
      say(text);
    };
    list("compensated:", finished->compensated);
    list("not compensated:", finished->uncompensated);
  }

  bool isRunStep(const std::string& path) const {
    const VisitRecord* visit = history_.latest(path);
    if (!visit) return false;
    const auto family = kindOf(*visit, flow_).family;
    return family && flow::runsAsJob(*family);
  }

  void describeWait(const VisitRecord& visit) {
    const engine::WaitOpened& wait = visit.wait->opened;
    const std::string id = wait.wait.str();
    const std::string until =
        wait.expiresWallMs == 0 ? "" : " (" + inTime(wait.expiresWallMs, nowMs_) + " it expires)";
    switch (wait.kind) {
      case flow::WaitKind::kApproval: {
        const auto request = json::parse(wait.requestJson);
        say("step " + visit.path +
            " waits for approval: " + quoted(request ? request->text("summary") : "") + until);
        act("belay wait show " + id);
        act("belay approve " + id);
        act("belay reject " + id);
        break;
      }
      case flow::WaitKind::kCallback:
        say("step " + visit.path + " waits for a callback" + until);
        act("belay callback " + id + " --body '{}'");
        break;
      case flow::WaitKind::kEvent:
        say("step " + visit.path + " waits for the event " + quoted(wait.eventName) + until);
        act("belay event emit " + wait.eventName);
        break;
      default:
        say("step " + visit.path + " waits until " + base::formatInstant(wait.expiresWallMs) +
            " (" + inTime(wait.expiresWallMs, nowMs_) + ")");
    }
  }

  /// A step that waits for the run that it has started.
  void describeChild(const VisitRecord& visit) {
    if (visit.status != VisitRecord::Status::kWaiting || visit.wait || !visit.started) return;
    const std::string& id = visit.started->child.str();
    const auto row = facts_.children.find(visit.started->child);
    std::string sentence = "step " + visit.path + " waits for run " + id;
    if (row != facts_.children.end()) {
      const std::string status(engine::runStatusName(row->second.status));
      sentence += " of flow " + row->second.slug + ", which is " + status;
      if (row->second.status == RunStatus::kPaused) act("belay run resume " + id);
    }
    say(std::move(sentence));
    act("belay run show " + id);
  }

  const std::string& run_;
  const RunHistory& history_;
  const flow::Flow* flow_;
  const std::int64_t nowMs_;
  const AdviceFacts& facts_;
  Advice advice_;
};

}  // namespace

Advice adviseOn(const std::string& runId, RunStatus status, const RunHistory& history,
                const flow::Flow* flow, std::int64_t nowMs, const AdviceFacts& facts) {
  Adviser adviser(runId, history, flow, nowMs, facts);
  switch (status) {
    case RunStatus::kWaiting:
      return adviser.waiting();
    case RunStatus::kAmbiguous:
      return adviser.ambiguous();
    case RunStatus::kFailed:
      return adviser.failed();
    case RunStatus::kRunning:
      return adviser.running();
    case RunStatus::kQueued:
      return adviser.queued();
    case RunStatus::kPaused:
      return adviser.paused();
    case RunStatus::kStopping:
      return adviser.stopping();
    case RunStatus::kStopped:
      return adviser.ended("stopped");
    case RunStatus::kCancelled:
      return adviser.ended("cancelled");
    case RunStatus::kSucceeded:
    case RunStatus::kCount:
      break;
  }
  return {};
}

}  // namespace belay::api
