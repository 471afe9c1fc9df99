#include "tests/sim/SimPeers.h"

#include <utility>

namespace belay::sim {

using base::Error;
using base::ErrorCode;
using base::Result;
using runtime::Attempt;
using runtime::StepResult;

void SimPeers::attach(runtime::ResultSink sink) {
  sink_ = std::move(sink);
  requests_.clear();
  // Jobs that the new daemon does not ask for are nobody's.
  for (auto& [key, job] : jobs_) job.wanted = false;
}

void SimPeers::powerCut() {
  // What may be repeated is begun anew after a boot: once for each.
  for (const auto& [key, job] : jobs_) {
    if (job.attempt.effect != flow::EffectClass::kOnce) effects_.erase(key);
  }
  jobs_.clear();
  requests_.clear();
}

StepResult SimPeers::resultOf(const Attempt& attempt) {
  if (results_) return results_(attempt);
  StepResult result;
  result.durationMs = 1;
  const std::uint64_t dice = random_.below(10);
  if (dice < 7) {
    result.outputJson = R"({"exit_code":0,"status":200,"key":")" + attempt.idempotencyKey + "\"}";
    return result;
  }
  result.ok = false;
  engine::Failure& failure = result.failure.emplace();
  failure.code = "BLY-STEP-EXIT-CODE";
  failure.kind = dice == 7 ? flow::FailureClass::kUnavailable : flow::FailureClass::kExitCode;
  failure.message = "the world said no";
  failure.nothingLeft = dice == 8;
  return result;
}

void SimPeers::begin(const Attempt& attempt, bool isJob) {
  if (dead_) return;
  const std::string key = keyOf(attempt);
  const int count = ++effects_[key];
  if (count > 1 && (isJob || attempt.effect == flow::EffectClass::kOnce)) {
    violation_ = "effect of step " + attempt.key.path + " was performed twice under key " + key;
  }
  Pending pending{attempt,
                  clock_.sinceBoot().count() + static_cast<std::int64_t>(random_.below(120'000)),
                  resultOf(attempt), true};
  (isJob ? jobs_ : requests_).insert_or_assign(key, std::move(pending));
}

void SimPeers::deliver() {
  const std::int64_t now = clock_.sinceBoot().count();
  for (auto* pendings : {&jobs_, &requests_}) {
    for (auto at = pendings->begin(); at != pendings->end();) {
      if (at->second.dueMs > now || !at->second.wanted) {
        ++at;
        continue;
      }
      sink_(at->second.attempt.run, at->second.attempt.key, at->second.result);
      // The folder of a job stays, as long as its run does.
      at->second.wanted = false;
      at = pendings == &requests_ ? pendings->erase(at) : std::next(at);
    }
  }
}

std::int64_t SimPeers::nextMs() const {
  std::int64_t next = 0;
  for (const auto* pendings : {&jobs_, &requests_}) {
    for (const auto& [key, pending] : *pendings) {
      if (pending.wanted && (next == 0 || pending.dueMs < next)) next = pending.dueMs;
    }
  }
  return next;
}

Result<trust::RenderedEffect> SimPeers::Jobs::describe(const Attempt& attempt) const {
  trust::RunEffect effect;
  effect.executable = "/usr/bin/tool";
  effect.argv = {"tool"};
  effect.cwd = "/";
  return trust::RenderedEffect{"run", attempt.slug, attempt.key.path, std::move(effect)};
}

void SimPeers::Jobs::start(const Attempt& attempt) { peers_.begin(attempt, true); }

void SimPeers::Jobs::recover(const Attempt& attempt) {
  const auto found = peers_.jobs_.find(peers_.keyOf(attempt));
  if (found != peers_.jobs_.end()) {
    found->second.wanted = true;
    return;
  }
  StepResult lost;
  // As the real one does: what may be repeated is begun anew after a boot too.
  lost.orderAnew = attempt.bootId == peers_.clock_.bootId() ||
                   attempt.effect != flow::EffectClass::kOnce;
  lost.ok = false;
  lost.ambiguous = attempt.effect == flow::EffectClass::kOnce;
  lost.reason = "the host was restarted";
  engine::Failure& failure = lost.failure.emplace();
  failure.code = "BLY-JOB-LOST";
  failure.kind = flow::FailureClass::kUnavailable;
  failure.message = lost.reason;
  peers_.sink_(attempt.run, attempt.key, std::move(lost));
}

void SimPeers::Jobs::cancel(const base::RunId& run, const engine::StepKey& key) {
  for (auto& [name, job] : peers_.jobs_) {
    if (job.attempt.run == run && job.attempt.key.path == key.path) job.wanted = false;
  }
}

Result<trust::RenderedEffect> SimPeers::Server::describe(const Attempt& attempt) const {
  trust::HttpEffect effect;
  effect.method = "GET";
  BELAY_ASSIGN(effect.url, http::parseUrl("http://peer.test/"));
  return trust::RenderedEffect{"http", attempt.slug, attempt.key.path, std::move(effect)};
}

void SimPeers::Server::start(const Attempt& attempt) { peers_.begin(attempt, false); }

void SimPeers::Server::cancel(const base::RunId& run, const engine::StepKey& key) {
  std::erase_if(peers_.requests_, [&](const auto& entry) {
    return entry.second.attempt.run == run && entry.second.attempt.key.path == key.path;
  });
}

}  // namespace belay::sim
