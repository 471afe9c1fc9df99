#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/runtime/Admission.h"
#include "agent/runtime/Core.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/RemoteStarts.h"
#include "agent/runtime/Replacement.h"
#include "agent/runtime/Starts.h"
#include "agent/runtime/Steps.h"
#include "agent/runtime/Waits.h"

namespace belay::runtime {

enum class Verb : std::uint8_t { kPause, kResume, kStop, kCancel };

/// The runs of a host: takes requests, results and timers, and turns them into events. Nothing that
/// it was asked for holds before the journal's next commit; nothing leaves the process before it
/// either.
///
/// Threads: the loop.
/// Errors:  of the request, after which nothing was written; or one that ends the transaction
/// (endsTransaction()).
class Runtime : private Starter {
 public:
  Runtime(World world, RuntimeSettings settings);

  Steps& steps() { return steps_; }
  Waits& waits() { return waits_; }
  Gates& gates() { return gates_; }
  RemoteStarts& starts() { return starts_; }
  FlowCache& flows() { return core_.flows(); }
  journal::Journal& journal() { return core_.world().journal; }
  bool isInMemoryForTest(const base::RunId& run) { return core_.runs().find(run) != nullptr; }
  const trust::Policy& policy() { return core_.world().policy; }
  const std::function<base::Result<crypto::P256PublicKey>()>& hostKey() {
    return core_.world().hostKey;
  }
  const base::Clock& clock() { return core_.world().clock; }
  HostGuard& guard() { return core_.guard(); }

  /// Until admit(): every start fails with this error.
  void refuseStarts(base::Error error) { refusal_ = std::move(error); }
  void admit() { refusal_.reset(); }

  /// Takes up what an earlier process left undone.
  base::Status recover();

  base::Result<Started> start(const StartRequest& request) override;
  /// Another release of the flow has become live, in this transaction.
  void promoted(const std::string& slug) { replacement_.promoted(slug); }
  base::Status control(const base::RunId& run, Verb verb, const std::string& by);
  /// A run that failed, was stopped or cancelled goes on: from `step`, or from where it failed when
  /// that is empty.
  base::Status retry(const base::RunId& run, const std::string& step, const std::string& by);
  base::Status resolve(const base::RunId& run, const std::string& step,
                       engine::Resolution resolution, const std::string& by,
                       const std::string& note);
  base::Status finishAttempt(const base::RunId& run, const engine::StepKey& key, StepResult result);

  /// Handles timers that are due, at most `most`; true when there may be more.
  base::Result<bool> fireTimers(std::size_t most);
  /// Works off what is owed, at most `most` effects.
  base::Status advance(std::size_t most);
  /// Whether advance() or flush() has something to do now.
  bool canAdvance() { return core_.canAdvance() || admission_.hasWork() || replacement_.hasWork(); }
  bool isEnding(const base::RunId& run) { return core_.isEnding(run); }
  bool hasOwed() const { return core_.hasOwed() || admission_.hasWork() || replacement_.hasWork(); }

  /// Before a commit: brings the rows of the runs up to date, and lets queued runs begin for which
  /// there is room.
  base::Status flush();
  /// After a commit: the runs that it changed, each once.
  std::vector<base::RunId> takeChanged() { return core_.takeChanged(); }
  /// After a commit: starts and cancels what was committed.
  void carryOutOrders();
  /// After a rollback: forgets what was not committed, and remembers the runs to take up again.
  void forget();
  /// Takes up runs that a rollback cut short.
  base::Status takeUpAgain();
  bool hasInterrupted() const { return !interrupted_.empty(); }

 private:
  /// Makes a run and its first event. `place` 0: it may begin at once; else it is queued there.
  base::Result<Started> create(const StartRequest& request, std::int64_t place);
  base::Status handle(const Owed& owed);
  base::Status handleTimer(const journal::TimerRow& timer);
  base::Status takeUp(const base::RunId& run, bool recovering);

  Core core_;
  Admission admission_;
  Replacement replacement_;
  Waits waits_;
  Gates gates_;
  RemoteStarts starts_;
  Steps steps_;
  /// Attempts that performers are busy with: after a rollback they must not be started twice.
  std::set<std::pair<base::RunId, std::string>> inFlight_;
  std::set<base::RunId> interrupted_;
  std::optional<base::Error> refusal_;
};

}  // namespace belay::runtime
