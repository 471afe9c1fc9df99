#include "common/base/Files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "common/base/FreeWith.h"

namespace belay::base {

namespace {

using Folder = std::unique_ptr<DIR, FreeWith<&::closedir>>;

std::string parentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Error errnoError(int error, const std::string& what) {
  const bool full = error == ENOSPC || error == EDQUOT;
  const ErrorCode code = full              ? ErrorCode::kDiskFull
                         : error == ENOENT ? ErrorCode::kNotFound
                                           : ErrorCode::kIo;
  return Error{code, what + ": " + std::strerror(error)};
}

Result<UniqueFd> openForReading(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return errnoError(errno, "open " + path);
  return fd;
}

Result<std::string> readFile(const std::string& path, std::uint64_t maxBytes) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errnoError(errno, "open " + path);
  std::string content;
  while (true) {
    const std::size_t had = content.size();
    content.resize(had + 65536);
    const ssize_t got = ::read(fd.get(), content.data() + had, 65536);
    if (got < 0 && errno != EINTR) return errnoError(errno, "read " + path);
    content.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (content.size() > maxBytes) {
      return Error{ErrorCode::kLimit,
                   path + " is larger than " + std::to_string(maxBytes) + " bytes"};
    }
    if (got == 0) return content;
  }
}

Status writeAll(int fd, std::string_view content, const std::string& what) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno != EINTR) return errnoError(errno, "write " + what);
    if (wrote > 0) content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Status syncFolder(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return errnoError(errno, "open folder " + path);
  if (::fsync(fd.get()) != 0) return errnoError(errno, "sync folder " + path);
  return {};
}

Status writeFileDurably(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".new";
  UniqueFd fd(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) return errnoError(errno, "create " + temporary);
  BELAY_TRY(writeAll(fd.get(), content, temporary));
  if (::fsync(fd.get()) != 0) return errnoError(errno, "sync " + temporary);
  fd.reset();
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return errnoError(errno, "rename " + temporary);
  return syncFolder(parentOf(path));
}

Status makeFolders(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos && at <= path.size();) {
    at = path.find('/', at);
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      // A parent that we may not write can still exist: only the last one decides.
      struct stat info {};
      if (::stat(part.c_str(), &info) != 0) return errnoError(errno, "make folder " + part);
    }
    if (at != std::string::npos) ++at;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return errnoError(errno, "make folder " + path);
  if (!S_ISDIR(info.st_mode)) return Error{ErrorCode::kIo, path + " is not a folder"};
  return {};
}

bool isExecutable(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

std::string resolvePath(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (!resolved) return path;
  std::string out = resolved;
  ::free(resolved);
  return out;
}

bool fileExists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<std::vector<std::string>> listFolder(const std::string& path) {
  const Folder folder(::opendir(path.c_str()));
  if (!folder) return errnoError(errno, "open folder " + path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::uint64_t> treeBytes(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0)
    return errno == ENOENT ? Result<std::uint64_t>(0) : errnoError(errno, "stat " + path);
  std::uint64_t bytes = static_cast<std::uint64_t>(info.st_blocks) * 512;
  if (!S_ISDIR(info.st_mode)) return bytes;
  BELAY_ASSIGN(const std::vector<std::string> names, listFolder(path));
  for (const std::string& name : names) {
    BELAY_ASSIGN(const std::uint64_t below, treeBytes(path + "/" + name));
    bytes += below;
  }
  return bytes;
}

Status removeFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errnoError(errno, "remove " + path);
  return {};
}

}  // namespace belay::base
