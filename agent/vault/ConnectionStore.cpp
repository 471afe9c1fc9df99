#include "agent/vault/ConnectionStore.h"

#include "common/base/Ids.h"
#include "common/base/Text.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;

Result<ConnectionStore> ConnectionStore::parse(const json::Value& section) {
  ConnectionStore store;
  if (section.isNull()) return store;
  base::SourcePlace place;
  place.pointer = "/connections";
  if (!section.isObject()) {
    return Error{ErrorCode::kConnectionInvalid, "connections must be an object of definitions"}.at(
        std::move(place));
  }
  for (const auto& [name, definition] : section.asObject()) {
    if (!base::isIdentifier(name)) {
      place.pointer += "/" + json::pointerToken(name);
      const std::string shown = base::visible(name.substr(0, 80));
      return Error{ErrorCode::kConnectionInvalid,
                   "the name of connection \"" + shown + "\" must match [a-z0-9][a-z0-9_-]{0,63}"}
          .at(std::move(place));
    }
    BELAY_ASSIGN(Connection connection, parseConnection(name, definition));
    store.connections_.emplace(name, std::move(connection));
  }
  return store;
}

Result<const Connection*> ConnectionStore::find(std::string_view name) const {
  const auto found = connections_.find(name);
  if (found != connections_.end()) return &found->second;
  std::vector<std::string_view> names;
  for (const auto& [known, connection] : connections_) names.push_back(known);
  std::string message =
      "there is no connection \"" + base::visible(name.substr(0, 80)) + "\" on this host";
  if (const auto meant = base::nearest(name, names)) message += "; did you mean " + *meant + "?";
  return Error{ErrorCode::kConnectionNotFound,
               std::move(message),
               {"define it under connections: in the settings"}};
}

}  // namespace belay::vault
