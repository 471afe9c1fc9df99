#pragma once

#include "agent/cli/Installation.h"
#include "agent/cli/Invocation.h"
#include "agent/vault/VaultKey.h"

namespace belay::cli {

// The vault for commands, while no daemon runs.

vault::VaultKey vaultKeyOf(const Invocation& invocation, const Installation& where);
/// From the file that a flag names, or asked for. Errors: kUsage where nobody can be asked.
base::Result<vault::SecretValue> readPassphrase(const Invocation& invocation,
                                                std::string_view flag,
                                                std::string_view prompt = "passphrase of the vault: ");

}  // namespace belay::cli
