#pragma once

#include <functional>

#include "agent/api/ApiServer.h"
#include "agent/vault/SecretValue.h"
#include "common/base/Clock.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::api {

/// What the API is while the vault waits for its passphrase: `POST /v1/vault/unlock` by operators,
/// with the passphrase as its body, and BLY-VAULT-LOCKED for all else. Nothing of the host goes on
/// meanwhile. `unseal` opens the vault with it, once: to derive its key takes long.
///
/// Threads: the calling thread's, until the vault is open.
/// Errors:  kCancelled when `ended` says so; those of listening.
base::Status awaitPassphrase(const ApiOptions& options, const base::Clock& clock, log::Log& log,
                             const std::function<base::Status(const vault::SecretValue&)>& unseal,
                             const std::function<bool()>& ended);

}  // namespace belay::api
