#pragma once

#include "agent/Daemon.h"
#include "agent/api/ApiServer.h"
#include "agent/runtime/ServiceManager.h"
#include "agent/settings/StateLayout.h"
#include "agent/vault/VaultKey.h"
#include "common/base/Result.h"

namespace belay {

/// Opens the vault. Waits for the passphrase where there is one, on the API's socket: until then
/// nothing of the host goes on. Blocks; SIGTERM and SIGINT, which are blocked, end it. Errors: those
/// of VaultKey and awaitPassphrase().
base::Result<vault::VaultKey::Opened> unsealVault(const settings::StateLayout& layout,
                                                  const api::ApiOptions& options,
                                                  const DaemonWorld& world,
                                                  runtime::ServiceManager& serviceManager);

}  // namespace belay
