#include "agent/runtime/HostGuard.h"

#include <algorithm>
#include <utility>

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

Status HostGuard::load() {
  if (epoch_) return {};
  BELAY_ASSIGN(HostEpoch read, readHostEpoch(world_.journal));
  epoch_ = std::move(read);
  return {};
}

Result<const HostEpoch*> HostGuard::epoch() {
  BELAY_TRY(load());
  return static_cast<const HostEpoch*>(&*epoch_);
}

Result<bool> HostGuard::quarantined() {
  BELAY_TRY(load());
  return epoch_->quarantine.has_value();
}

Status HostGuard::mayBegin() {
  BELAY_TRY(load());
  if (!epoch_->quarantine) return {};
  return Error{ErrorCode::kHostQuarantined,
               "this host is in quarantine: " + epoch_->quarantine->message,
               {"belay host show", "belay host release-quarantine"}};
}

Status HostGuard::quarantine(const std::string& cause, const std::string& message,
                             std::int64_t sessions) {
  BELAY_TRY(load());
  epoch_->sessions = std::max(epoch_->sessions, sessions);
  if (!epoch_->quarantine) {
    epoch_->quarantine = Quarantine{cause, message, world_.clock.wallMs()};
    world_.log.error("host.quarantined", Error{ErrorCode::kHostQuarantined, message},
                     {{"cause", cause}});
  }
  return save();
}

Status HostGuard::checkMachine(const MachineFacts& now) {
  BELAY_TRY(load());
  if (epoch_->quarantine) return {};
  const std::string change = machineChange(*epoch_, now);
  if (!change.empty()) return quarantine("machine", change, 0);
  bool grew = false;
  for (const auto& [file, digest] : now) grew |= epoch_->machine.emplace(file, digest).second;
  return grew ? save() : Status{};
}

Status HostGuard::release() {
  BELAY_TRY(load());
  if (!epoch_->quarantine) {
    return Error{ErrorCode::kConflict, "this host is not in quarantine"};
  }
  epoch_->quarantine.reset();
  beginEpoch(*epoch_, world_.random);
  world_.log.info("host.released", {{"epoch", epoch_->counter}});
  return save();
}

Status HostGuard::rekeyed() {
  BELAY_TRY(load());
  beginEpoch(*epoch_, world_.random);
  epoch_->sessions = epoch_->grantedSession = 0;
  epoch_->grantedDigest.clear();
  world_.log.info("host.rekeyed", {{"epoch", epoch_->counter}});
  return save();
}

Result<std::int64_t> HostGuard::numberSession() {
  BELAY_TRY(load());
  ++epoch_->sessions;
  BELAY_TRY(save());
  return epoch_->sessions;
}

Status HostGuard::sessionGranted(std::int64_t number, const std::string& digest) {
  BELAY_TRY(load());
  epoch_->grantedSession = number;
  epoch_->grantedDigest = digest;
  return save();
}

}  // namespace belay::runtime
