#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"

namespace belay::base {

// Small files on the host's own disk. Everything here is for the daemon's own folders, never for
// trees that a job can write. Threads: any. Errors: kIo with the path and the reason; kNotFound;
// kLimit; kDiskFull.

/// Opens for reading without following a link in the last component.
Result<UniqueFd> openForReading(const std::string& path);
/// The whole file, or kLimit when it is larger than `maxBytes`.
Result<std::string> readFile(const std::string& path, std::uint64_t maxBytes);
/// Durability: the new content is complete and on disk on return (temporary name, fsync, rename,
/// fsync of the folder).
Status writeFileDurably(const std::string& path, std::string_view content, unsigned mode = 0600);
/// Writes all of `content`, resuming after short writes and EINTR.
Status writeAll(int fd, std::string_view content, const std::string& what);
Status syncFolder(const std::string& path);
/// Makes the folder and its parents with mode 0700 where they are missing.
Status makeFolders(const std::string& path);
bool fileExists(const std::string& path);
/// A regular file that this user may execute.
bool isExecutable(const std::string& path);
/// The path with its links resolved; as it is where it does not exist.
std::string resolvePath(const std::string& path);
/// Names of the entries, sorted, without "." and "..".
Result<std::vector<std::string>> listFolder(const std::string& path);
/// What a tree takes on the disk, in bytes; files that go away meanwhile do not count.
Result<std::uint64_t> treeBytes(const std::string& path);
/// kNotFound is success: the file is not there afterwards.
Status removeFile(const std::string& path);
/// Removes a tree below its own descriptor, never following links.
Status removeTree(const std::string& path);

/// An Error from errno, for adapters: kDiskFull for ENOSPC and EDQUOT, kNotFound for ENOENT, else
/// kIo.
Error errnoError(int error, const std::string& what);

}  // namespace belay::base
