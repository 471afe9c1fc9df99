#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/runtime/LoopPart.h"
#include "agent/runtime/Runtime.h"
#include "common/base/BoundedQueue.h"
#include "common/log/Log.h"

namespace belay::runtime {

/// Told once what a task asked for is on disk (ok), or that it is not (the error).
using Ack = std::function<void(const base::Status&)>;

/// Work for the loop, from another thread: uses the runtime, leaves acknowledgements behind.
/// Returns an error only when the transaction at hand must end; what is wrong with the request goes
/// into an ack.
using Task = std::function<base::Status(Runtime&, std::vector<Ack>&)>;

struct LoopSettings {
  std::size_t inboxMax = 16'384;    ///< Tasks and results that wait for the loop.
  std::size_t tasksPerRound = 256;  ///< Taken into one commit.
  std::size_t effectsPerRound = 512;
  std::size_t timersPerRound = 256;
  std::int64_t diskFullRetryMs = 1000;
};

/// The one thread's work: in, apply, commit, acknowledge, hand out. A runner calls step() and waits
/// as it says.
///
/// Group commit: all that came in while the last commit was being synced shares the next one.
///
/// Threads: post(), call() and the sink any; the rest the owner.
/// Errors:  step() fails only when the process must end and recover: nothing more was acknowledged.
class Loop {
 public:
  /// `wake` is called from post(), any thread, when the loop may be waiting.
  Loop(Runtime& runtime, LoopSettings settings, log::Log& log, std::function<void()> wake);

  /// False when the inbox is full: answer "busy".
  bool post(Task task);
  /// Takes results; never refuses one.
  ResultSink resultSink();
  /// Runs `call` in the owner's thread, once, outside of any transaction. Any thread; never
  /// refused.
  void call(std::function<void()> call);

  /// Called after each commit that changed runs, with their ids, each once; before the first
  /// step(). Runs in the owner's thread and must not block.
  void onCommit(std::function<void(const std::vector<base::RunId>&)> listener);

  /// Adds a part, which must outlive the loop; before the first step().
  void add(LoopPart& part) { parts_.push_back(&part); }

  base::Result<NextStep> step();

 private:
  struct Result {
    base::RunId run;
    engine::StepKey key;
    StepResult result;
    bool worked = false;  ///< In the transaction at hand.
  };

  base::Status takeTasks();
  base::Status takeResults();
  base::Status work();
  base::Status commit();
  base::Status giveUp(const base::Error& error, bool secondTry);
  base::Result<NextStep> next();
  void addParts(NextStep& next) const;

  Runtime& runtime_;
  const LoopSettings settings_;
  log::Log& log_;
  const std::function<void()> wake_;

  base::BoundedQueue<Task> inbox_;
  base::BoundedQueue<Result> results_;
  base::BoundedQueue<std::function<void()>> calls_;

  // Owner only.
  std::function<void(const std::vector<base::RunId>&)> committed_;
  std::vector<LoopPart*> parts_;
  std::vector<Task> tasks_;
  std::vector<Result> taken_;  ///< Results that no transaction has brought to disk.
  std::vector<Task>
      taskRound_;  ///< Of the transaction at hand, for a second try with the reserve's room.
  std::vector<Ack> acks_;
  bool triedAgain_ =
      false;  ///< Since the last commit: on a full disk a request gets one second try.
  std::int64_t heldUntilBootMs_ = 0;  ///< While the disk is full.
};

}  // namespace belay::runtime
