#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Performer.h"
#include "common/base/Mutex.h"

namespace belay::test {

/// Holds the attempts that it is asked to start until a test ends them, and remembers all that it
/// was asked.
///
/// Threads: any.
class HeldPerformer final : public runtime::Performer {
 public:
  /// What attempts come to; a test may change it, as an installation would.
  std::string executable = "/bin/true";
  std::optional<Connection> connection;

  /// `recovers`: as a performer that finds its attempts again after a crash.
  explicit HeldPerformer(bool recovers = false) : recovers_(recovers) {}

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override {
    base::MutexLock lock(mutex_);
    described_.push_back(attempt);
    trust::RunEffect run;
    run.executable = executable;
    run.argv = {"true"};
    run.cwd = "/";
    run.profile = "bare";
    return trust::RenderedEffect{"run", attempt.slug, attempt.key.path, std::move(run)};
  }
  std::optional<Connection> connectionOf(const runtime::Attempt&) const override {
    return connection;
  }
  void start(const runtime::Attempt& attempt) override { keep(started_, attempt); }
  bool recovers() const override { return recovers_; }
  void recover(const runtime::Attempt& attempt) override { keep(recovered_, attempt); }
  void cancel(const base::RunId&, const engine::StepKey& key) override {
    base::MutexLock lock(mutex_);
    cancelled_.push_back(key);
  }

  std::vector<runtime::Attempt> started() const { return copy(started_); }
  std::vector<runtime::Attempt> recovered() const { return copy(recovered_); }
  /// Those that the policy was asked about.
  std::vector<runtime::Attempt> described() const { return copy(described_); }
  std::vector<engine::StepKey> cancelled() const { return copy(cancelled_); }
  void forget() {
    base::MutexLock lock(mutex_);
    started_.clear();
    recovered_.clear();
    described_.clear();
    cancelled_.clear();
  }

 private:
  void keep(std::vector<runtime::Attempt>& where, const runtime::Attempt& attempt) {
    base::MutexLock lock(mutex_);
    where.push_back(attempt);
  }
  template <typename T>
  std::vector<T> copy(const std::vector<T>& what) const {
    base::MutexLock lock(mutex_);
    return what;
  }

  const bool recovers_;
  mutable base::Mutex mutex_;
  std::vector<runtime::Attempt> started_ BELAY_GUARDED_BY(mutex_);
  std::vector<runtime::Attempt> recovered_ BELAY_GUARDED_BY(mutex_);
  mutable std::vector<runtime::Attempt> described_ BELAY_GUARDED_BY(mutex_);
  std::vector<engine::StepKey> cancelled_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::test
