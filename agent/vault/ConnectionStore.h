#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/vault/Connection.h"
#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::vault {

/// Shared by whoever uses one at the moment: a change makes a new one, and leaves the old one as it
/// was.
using ConnectionPtr = std::shared_ptr<const Connection>;

/// The connections of this host: those of its settings, which no command changes, and those that
/// were added, which one file keeps. Which of them a flow's `requires` names is bound elsewhere
/// (journal).
///
/// Threads:    any.
/// Errors:     kConnectionInvalid, kConnectionNotFound with the nearest name, kIo, kDiskFull.
/// Durability: put() and remove() return after the file is replaced on disk; when they fail, memory
///             is as it was.
class ConnectionStore {
 public:
  static constexpr std::size_t kAddedMax = 1000;
  static constexpr std::size_t kFileBytesMax = 16u << 20;

  ConnectionStore() : state_(std::make_unique<State>()) {}

  /// Reads `connections:`, an object of definitions by name ([a-z0-9][a-z0-9_-]{0,63}); null is
  /// none. What is added to it is kept nowhere.
  static base::Result<ConnectionStore> parse(const json::Value& section);
  /// The same with those that `file` keeps; it need not be there. A name that the settings have too
  /// is theirs.
  static base::Result<ConnectionStore> open(const json::Value& section, const std::string& file);

  base::Result<ConnectionPtr> find(std::string_view name) const;
  /// By name.
  std::vector<ConnectionPtr> all() const;

  /// Who adds a connection, and when.
  struct Origin {
    std::int64_t wallMs = 0;
    std::string by;
  };
  /// Adds one, or with `replace` takes the place of one that was added. Errors: kConflict for a name
  /// that is taken, kLimit.
  base::Result<ConnectionPtr> put(std::string_view name, const json::Value& definition,
                                  const Origin& origin, bool replace);
  /// Replaces the definition of one that was added by what `change` makes of it. Errors: kConflict
  /// for one of the settings, and where it is not `version` any more; those of `change`.
  base::Result<ConnectionPtr> amend(
      std::string_view name, std::string_view version, const Origin& origin,
      const std::function<base::Result<json::Value>(const json::Value&)>& change);
  /// Errors: kConflict for one of the settings.
  base::Status remove(std::string_view name);

 private:
  struct Entry {
    ConnectionPtr connection;
    json::Value definition;  ///< Of one that was added.
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  struct State {
    std::string file;       ///< Empty: nothing is kept. Constant after open().
    base::Mutex writing;    ///< Held while the file is written; readers go on.
    mutable base::Mutex mutex;
    Entries entries BELAY_GUARDED_BY(mutex);
  };

  base::Status readAdded(const std::string& file);
  base::Status write(const Entries& entries) const;
  Entries snapshot() const;
  /// With `writing` held.
  base::Result<ConnectionPtr> store(Entries next, std::string_view name, json::Value definition,
                                    const Origin& origin);

  std::unique_ptr<State> state_;  ///< Apart, so that a store can be moved.
};

}  // namespace belay::vault
