#pragma once

#include <set>
#include <string>

#include "agent/vault/SecretSource.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

class ConnectionReader;

/// What a program inside of a job uses: types ssh, smtp and plugin.
struct ToolConnection {
  std::string type;
  json::Value fields;  ///< Checked; secrets as {secret: NAME}.
};

/// Reads a definition of one of these types. Errors: kConnectionInvalid.
base::Result<ToolConnection> readToolConnection(const ConnectionReader& reader);
void collectSecrets(const ToolConnection& connection, std::set<std::string>& names);

/// `value` with the texts of secrets in place of {secret: NAME}, wherever that stands. Only for what
/// the host's own settings define. Errors: those of the source; kConnectionInvalid for a secret that
/// is no UTF-8.
base::Result<json::Value> withSecrets(const json::Value& value, const SecretSource& secrets);

}  // namespace belay::vault
