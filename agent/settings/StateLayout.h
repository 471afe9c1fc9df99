#pragma once

#include <string>

namespace belay::settings {

/// The entries of the state folder: the daemon, and the commands that work while it is down, agree
/// on them here.
struct StateLayout {
  std::string folder;

  std::string journal() const { return folder + "/journal.db"; }
  std::string keys() const { return folder + "/keys"; }
  std::string vault() const { return folder + "/vault.sealed"; }
  /// Those that were added by a command.
  std::string connections() const { return folder + "/connections.json"; }
  std::string resources() const { return folder + "/resources"; }
  std::string jobs() const { return folder + "/jobs"; }
};

}  // namespace belay::settings
