#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/runtime/HostEpoch.h"
#include "common/base/Clock.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::runtime {

/// Whether this host may begin anything. In quarantine it takes what its jobs come to, and what a
/// person cancels; it starts nothing, answers no wait, and lets no timer fire.
///
/// Threads:   the loop.
/// Ownership: borrows the world.
/// Errors:    of the journal, unless a method says otherwise.
class HostGuard {
 public:
  struct World {
    journal::Journal& journal;
    const base::Clock& clock;
    base::Random& random;
    log::Log& log;
  };
  explicit HostGuard(World world) : world_(world) {}

  /// The reference holds until the next call.
  base::Result<const HostEpoch*> epoch();
  base::Result<bool> quarantined();
  /// Errors: kHostQuarantined.
  base::Status mayBegin();

  /// Once is enough: the first cause stays. `cause` and `message` as in Quarantine; no statement
  /// of a session is numbered up to `sessions` any more.
  base::Status quarantine(const std::string& cause, const std::string& message,
                          std::int64_t sessions);
  /// Holds the machine against what it was; goes into quarantine when it is another one.
  base::Status checkMachine(const MachineFacts& now);
  /// Errors: kConflict when there is no quarantine.
  base::Status release();
  /// The host has a new key: sessions count from one.
  base::Status rekeyed();

  /// Numbers a session statement. On disk with the next commit.
  base::Result<std::int64_t> numberSession();
  base::Status sessionGranted(std::int64_t number, const std::string& digest);

  /// After a rollback.
  void forget() { epoch_.reset(); }

 private:
  base::Status load();
  base::Status save() { return writeHostEpoch(world_.journal, *epoch_); }

  const World world_;
  std::optional<HostEpoch> epoch_;
};

}  // namespace belay::runtime
