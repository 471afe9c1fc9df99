#include "agent/VaultSetup.h"

#include <csignal>
#include <optional>

#include "agent/api/LockedServer.h"
#include "common/base/Files.h"

namespace belay {

using base::Result;

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
  std::optional<vault::SecretValue> passphrase;
  if (key.needsPassphrase()) {
    serviceManager.notify("READY=1\nSTATUS=The vault waits for its passphrase.");
    BELAY_TRY(base::makeFolders(options.socket.substr(0, options.socket.rfind('/'))));
    BELAY_ASSIGN(passphrase,
                 api::awaitPassphrase(
                     options, world.clock, world.log,
                     [&](const vault::SecretValue& given) { return key.check(given); },
                     [&serviceManager] {
                       serviceManager.feedWatchdog();
                       return endSignalled();
                     }));
    serviceManager.notify("STATUS=");
  }
  return key.open(passphrase ? &*passphrase : nullptr);
}

}  // namespace belay
