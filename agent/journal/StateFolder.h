#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/log/Log.h"

namespace belay::journal {

/// Magic number (statfs) of the file system that a folder is on.
using FileSystemOf = std::function<base::Result<std::uint64_t>(const std::string& folder)>;

/// What a state folder is looked at with.
struct FolderRules {
  bool readOnly = false;      ///< Root may read what another user owns.
  bool allowFuse = false;     ///< Takes FUSE for local.
  FileSystemOf fileSystemOf;  ///< Empty: asks the system.
};

/// The folder of `path`: "." for a bare name.
std::string folderOf(const std::string& path);

/// The name of a file system on which other hosts can write, or which has no locks one can trust.
std::optional<std::string_view> networkFileSystem(std::uint64_t magic, bool allowFuse);

/// Checks the folder of a journal, and the journal's file when it is there: SQLite is safe only on
/// a local file system, in a folder that nobody else can write, and in a file with one name.
/// Errors: kStateFolderUnsafe, kNetworkFileSystem, kIo; kNotInitialised when there is no folder.
base::Status checkStateFolder(const std::string& path, const FolderRules& rules);

/// Holds the state folder for one daemon, for as long as the descriptor is open. Makes nothing in a
/// folder of another user, who could not open it. Errors: as checkStateFolder(), kAlreadyRunning.
base::Result<base::UniqueFd> lockStateFolder(const std::string& folder);

/// Takes from others what they may do in the folder, and logs that. Its group keeps what it has:
/// whoever takes backups may be meant.
void closeStateFolder(const std::string& folder, log::Log& log);

/// Makes the file empty with mode 0600, unless it is there: SQLite itself would let others read it.
base::Status makePrivateFile(const std::string& path);

}  // namespace belay::journal
