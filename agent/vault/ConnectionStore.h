#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/vault/Connection.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

/// The connections of this host, as the settings define them. Which of them a flow's `requires`
/// names is bound elsewhere (journal).
///
/// Threads: any; a reload makes a new store.
class ConnectionStore {
 public:
  ConnectionStore() = default;

  /// Reads `connections:`, an object of definitions by name ([a-z0-9][a-z0-9_-]{0,63}); null is
  /// none. Errors: kConnectionInvalid for the first definition that is wrong.
  static base::Result<ConnectionStore> parse(const json::Value& section);

  /// Errors: kConnectionNotFound with the nearest name. The pointer is valid as long as the store.
  base::Result<const Connection*> find(std::string_view name) const;
  const std::map<std::string, Connection, std::less<>>& all() const { return connections_; }

 private:
  std::map<std::string, Connection, std::less<>> connections_;
};

}  // namespace belay::vault
