#include "agent/journal/Backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/journal/StateFolder.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

Status syncFile(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return base::errnoError(errno, "open " + path);
  if (::fsync(fd.get()) != 0) return base::errnoError(errno, "sync " + path);
  return {};
}

/// The temporary file is ours and empty: VACUUM INTO takes an empty file, with its mode.
Status writeCopy(Session& session, const std::string& temporary) {
  sqlite::Statement vacuum(session.database(), "back up", "VACUUM INTO ?");
  sqlite::Execution copy(vacuum, temporary);
  // An error can be the target's, which says nothing about the journal: it poisons nothing.
  return copy.run();
}

/// Gives the finished copy its name, without replacing what somebody has made meanwhile.
Status giveName(const std::string& temporary, const std::string& target) {
  int failed = ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE);
  // Old kernels and file systems do not know the flag.
  if (failed != 0 && (errno == ENOSYS || errno == EINVAL)) {
    failed = ::rename(temporary.c_str(), target.c_str());
  }
  if (failed == 0) return {};
  if (errno == EEXIST) return Error{ErrorCode::kConflict, target + " exists"};
  return base::errnoError(errno, "rename " + temporary);
}

}  // namespace

Status backUp(Session& session, const std::string& target) {
  BELAY_TRY(session.outsideTransaction("backup"));
  struct stat info {};
  if (::lstat(target.c_str(), &info) == 0) {
    return Error{ErrorCode::kConflict, target + " exists", {"name a file that does not exist"}};
  }
  const std::string temporary = target + ".partial";
  BELAY_TRY(base::removeFile(temporary));
  BELAY_TRY(makePrivateFile(temporary));
  Status done = writeCopy(session, temporary);
  if (done.ok()) done = syncFile(temporary);
  if (done.ok()) done = giveName(temporary, target);
  if (!done.ok()) {
    static_cast<void>(base::removeFile(temporary));
    return done;
  }
  return base::syncFolder(folderOf(target));
}

}  // namespace belay::journal
