#include "agent/VaultSetup.h"

#include <csignal>
#include <utility>

#include "agent/api/Accounts.h"
#include "agent/api/LockedServer.h"

namespace belay {

using base::Result;
using base::Status;

namespace {

/// Signals are blocked from the start; this looks without taking one.
bool endSignalled() {
  sigset_t pending;
  return ::sigpending(&pending) == 0 &&
         (::sigismember(&pending, SIGTERM) == 1 || ::sigismember(&pending, SIGINT) == 1);
}

}  // namespace

Result<vault::VaultKey::Opened> unsealVault(const settings::StateLayout& layout,
                                            const api::ApiOptions& options,
                                            const DaemonWorld& world,
                                            runtime::ServiceManager& serviceManager) {
  const vault::VaultKey key(
      {{layout.keys(), world.environment("CREDENTIALS_DIRECTORY").value_or("")},
       layout.vault(),
       world.clock,
       world.random});
  if (!key.needsPassphrase()) return key.open(nullptr);
  serviceManager.notify("READY=1\nSTATUS=The vault waits for its passphrase.");
  BELAY_TRY(api::makeSocketFolder(options.folder(), options.letsOthersIn()));
  vault::VaultKey::Opened opened;
  const auto unseal = [&](const vault::SecretValue& given) -> Status {
    BELAY_ASSIGN(opened, key.open(&given));
    return {};
  };
  BELAY_TRY(api::awaitPassphrase(options, world.clock, world.log, unseal, [&serviceManager] {
    serviceManager.feedWatchdog();
    return endSignalled();
  }));
  serviceManager.notify("STATUS=");
  return opened;
}

}  // namespace belay
