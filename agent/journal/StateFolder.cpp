#include "agent/journal/StateFolder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "common/base/Files.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

struct FileSystemRow {
  std::uint64_t magic;
  std::string_view name;
};

constexpr std::uint64_t kFuse = 0x65735546;

// From linux/magic.h and the sources of those that are not in it.
constexpr std::array<FileSystemRow, 18> kNetworkFileSystems{{
    {0x6969, "nfs"},
    {0x517b, "smb"},
    {0xff534d42, "cifs"},
    {0xfe534d42, "smb2"},
    {0x564c, "ncp"},
    {0x01021997, "9p"},
    {0x5346414f, "afs"},
    {0x6b414653, "kafs"},
    {0x73757245, "coda"},
    {0x00c36400, "ceph"},
    {0x0bd00bd0, "lustre"},
    {0x47504653, "gpfs"},
    {0x7461636f, "ocfs2"},
    {0x01161970, "gfs2"},
    {0x19830326, "fhgfs (beegfs)"},
    {0x786f4256, "vboxsf"},
    {0xbacbacbc, "vmhgfs"},
    {0x7c7c6673, "prl_fs"},
}};

std::string modeText(mode_t mode) {
  std::string text = "0000";
  for (std::size_t digit = 4; digit-- > 0; mode >>= 3) {
    text[digit] = static_cast<char>('0' + (mode & 7));
  }
  return text;
}

Error unsafe(const std::string& path, const std::string& why, std::string action) {
  return Error{ErrorCode::kStateFolderUnsafe, path + " " + why, {std::move(action)}};
}

/// Never advises to take the folder over: its owner is whom the daemon runs as.
Status checkOwnerAndMode(const std::string& path, const struct stat& info, bool readOnly,
                         const std::string& folder = "") {
  const uid_t self = ::geteuid();
  if (info.st_uid != self && !(readOnly && self == 0)) {
    const std::string owner = std::to_string(info.st_uid);
    return unsafe(path, "belongs to uid " + owner + ", this process is uid " + std::to_string(self),
                  folder.empty()
                      ? "sudo -u '#" + owner + "' belay …, or, to start it: systemctl start belay"
                      : "chown -R --reference=" + folder + " " + folder);
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return unsafe(path, "can be written by others (mode " + modeText(info.st_mode & 07777) + ")",
                  "chmod go-w " + path);
  }
  return {};
}

Result<std::uint64_t> askSystem(const std::string& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) return base::errnoError(errno, "statfs " + folder);
  // A signed 32-bit number on some machines: without the cast the high ones would be negative.
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(info.f_type));
}

Status checkFile(const std::string& path, bool readOnly, const std::string& folder) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? Status{} : Status{base::errnoError(errno, "look at " + path)};
  }
  if (!S_ISREG(info.st_mode)) {
    return unsafe(path, "is not a plain file", "put the journal itself there, not a link to it");
  }
  // Under a second name SQLite would not find the WAL that belongs to the file.
  if (info.st_nlink != 1) {
    return unsafe(path, "has " + std::to_string(info.st_nlink) + " names (hard links)",
                  "remove the other names");
  }
  return checkOwnerAndMode(path, info, readOnly, folder);
}

}  // namespace

std::string folderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::string_view> networkFileSystem(std::uint64_t magic, bool allowFuse) {
  if (magic == kFuse && !allowFuse) return "fuse";
  for (const FileSystemRow& row : kNetworkFileSystems) {
    if (row.magic == magic) return row.name;
  }
  return std::nullopt;
}

Status checkStateFolder(const std::string& path, const FolderRules& rules) {
  const std::string folder = folderOf(path);
  const base::UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) {
    Error error = base::errnoError(errno, "open state folder " + folder);
    if (error.code == ErrorCode::kNotFound) {
      error.code = ErrorCode::kNotInitialised;
      error.actions = {"belay init"};
    }
    return error;
  }
  BELAY_TRY(checkOwnerAndMode(folder, info, rules.readOnly));
  BELAY_ASSIGN(const std::uint64_t magic,
               rules.fileSystemOf ? rules.fileSystemOf(folder) : askSystem(folder));
  if (const auto name = networkFileSystem(magic, rules.allowFuse)) {
    return Error{ErrorCode::kNetworkFileSystem,
                 folder + " is on " + std::string(*name) +
                     ", where other hosts can write and locks cannot be trusted",
                 {"put the state folder on a local disk"}};
  }
  return checkFile(path, rules.readOnly, folder);
}

Result<base::UniqueFd> lockStateFolder(const std::string& folder) {
  const std::string path = folder + "/daemon.lock";
  BELAY_TRY(checkStateFolder(path, {}));
  base::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return base::errnoError(errno, "open " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kAlreadyRunning, "another daemon uses " + folder, {"belay doctor"}};
  }
  return lock;
}

void closeStateFolder(const std::string& folder, log::Log& log) {
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0 || (info.st_mode & S_IRWXO) == 0) return;
  if (::chmod(folder.c_str(), info.st_mode & 07770) == 0)
    log.warning("state.folder_was_open", {{"folder", folder}});
}

Status makePrivateFile(const std::string& path) {
  const base::UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd.valid() || errno == EEXIST) return {};
  return base::errnoError(errno, "create " + path);
}

}  // namespace belay::journal
