#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/vault/ChatConnection.h"
#include "agent/vault/DbConnection.h"
#include "agent/vault/HttpConnection.h"
#include "agent/vault/LlmConnection.h"
#include "agent/vault/ToolConnection.h"
#include "common/base/RateLimit.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

/// A new type of connection: a file of its own that reads its definition and has collectSecrets()
/// for what it read, its kind here, its row in kTypes (Connection.cpp), its test in agent/steps.
using ConnectionKind = std::variant<HttpConnection, ChatConnection, LlmConnection, DbConnection, ToolConnection>;

/// How to reach a system: defined on the host, apart from flows, without any credential in it.
struct Connection {
  std::string name;
  std::string typeName;  ///< "http"
  ConnectionKind kind;
  base::RateLimit rateLimit;  ///< Of all that use it.
  std::string version;        ///< 16 hex digits of the digest of its definition; effects name it.
  bool ofSettings = true;     ///< Else it was added by a command, and one can change it.
  std::int64_t addedMs = 0;   ///< Wall time; 0: it is of the settings.
  std::string addedBy;        ///< Who has added or changed it.

  std::string_view type() const { return typeName; }
  /// The names of the secrets that it uses, sorted, each once.
  std::vector<std::string> secretNames() const;
};

/// The names of all types, for messages and checks.
std::vector<std::string_view> connectionTypes();

/// Reads one definition. Errors: kConnectionInvalid with the JSON Pointer in `place` and the
/// nearest right key.
base::Result<Connection> parseConnection(std::string_view name, const json::Value& definition);

}  // namespace belay::vault
