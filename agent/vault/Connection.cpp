#include "agent/vault/Connection.h"

#include <algorithm>
#include <array>
#include <set>

#include "agent/vault/ConnectionReader.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::vault {

using base::Result;

namespace {

template <typename Kind, Result<Kind> (*Read)(const ConnectionReader&)>
Result<ConnectionKind> readAs(const ConnectionReader& reader) {
  BELAY_ASSIGN(Kind kind, Read(reader));
  return ConnectionKind(std::move(kind));
}

struct TypeRow {
  std::string_view name;
  Result<ConnectionKind> (*read)(const ConnectionReader& reader);
};

constexpr auto kTypes = std::to_array<TypeRow>({
    {"http", &readAs<HttpConnection, &readHttpConnection>},
    {"chat", &readAs<ChatConnection, &readChatConnection>},
    {"llm", &readAs<LlmConnection, &readLlmConnection>},
    {"db", &readAs<DbConnection, &readDbConnection>},
    {"ssh", &readAs<ToolConnection, &readToolConnection>},
    {"smtp", &readAs<ToolConnection, &readToolConnection>},
    {"plugin", &readAs<ToolConnection, &readToolConnection>},
});

}  // namespace

std::vector<std::string> Connection::secretNames() const {
  std::set<std::string> names;
  std::visit([&](const auto& one) { collectSecrets(one, names); }, kind);
  return {names.begin(), names.end()};
}

std::vector<std::string_view> connectionTypes() {
  std::vector<std::string_view> names;
  for (const TypeRow& row : kTypes) names.push_back(row.name);
  return names;
}

Result<Connection> parseConnection(std::string_view name, const json::Value& definition) {
  const ConnectionReader reader(name, definition);
  BELAY_ASSIGN(const std::string type, reader.type());
  const auto* row = std::find_if(kTypes.begin(), kTypes.end(),
                                 [&](const TypeRow& one) { return one.name == type; });
  if (row == kTypes.end()) {
    std::string known;
    for (const TypeRow& one : kTypes) known += (known.empty() ? "" : ", ") + std::string(one.name);
    return reader.invalid("/type", "it must be one of " + known);
  }
  Connection connection;
  connection.name = name;
  connection.typeName = type;
  connection.version = crypto::sha256(json::print(definition)).hex().substr(0, 16);
  BELAY_ASSIGN(connection.rateLimit, reader.rateLimit());
  BELAY_ASSIGN(connection.kind, row->read(reader));
  return connection;
}

}  // namespace belay::vault
