#include "agent/jobs/KeptFiles.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/jobs/JobFiles.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::UniqueFd;

namespace {

constexpr std::size_t kListBytesMax = 512 * 1024;
constexpr int kCreate = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

/// File systems whose files say what the reader may know, and not what was written into them.
constexpr std::array<long, 10> kOfTheKernel{
    0x9fa0 /* proc */,        0x62656572 /* sysfs */,      0x27e0eb /* cgroup */,
    0x63677270 /* cgroup2 */, 0x64626720 /* debugfs */,    0x74726163 /* tracefs */,
    0x73636673 /* security */, 0xcafe4a11 /* bpf */,       0x62656570 /* configfs */,
    0xf97cff8c /* selinux */};

bool isKeepable(int fd) {
  struct stat info {};
  struct statfs system {};
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0) return false;
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || ::fstatfs(fd, &system) != 0)
    return false;
  const auto type = static_cast<long>(system.f_type);
  return std::find(kOfTheKernel.begin(), kOfTheKernel.end(), type) == kOfTheKernel.end();
}

int write(int to, std::string_view piece, std::uint64_t& wrote) {
  wrote += piece.size();
  if (base::writeAll(to, piece, "file").ok()) return 0;
  return errno != 0 ? errno : EIO;
}

/// The errno that ended it, or 0. What it grows to meanwhile is left out. `wrote`: bytes, which
/// masks make more or fewer; never much more than `bytesMax`.
int copyBytes(int from, int to, std::uint64_t bytes, std::uint64_t bytesMax,
              const KeptFiles::RedactorPtr& redactor, std::uint64_t& wrote) {
  std::array<char, 64 * 1024> buffer;
  std::optional<redaction::RedactingStream> masked;
  if (redactor) masked.emplace(redactor);
  for (std::uint64_t done = 0; done < bytes;) {
    const std::size_t most = std::min<std::uint64_t>(buffer.size(), bytes - done);
    const ssize_t got = ::pread(from, buffer.data(), most, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return ENODATA;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    const int error = masked ? write(to, masked->push(piece), wrote) : write(to, piece, wrote);
    if (error != 0) return error;
    if (wrote > bytesMax) return EFBIG;
    done += piece.size();
  }
  const int error = masked ? write(to, masked->finish(), wrote) : 0;
  if (error != 0) return error;
  if (wrote > bytesMax) return EFBIG;
  return ::fdatasync(to) == 0 ? 0 : errno;
}

std::string printRow(const KeptFile& row) {
  std::string out;
  json::Writer json(out);
  json.beginObject().member("name", row.name).member("bytes", static_cast<std::int64_t>(row.bytes));
  json.member("collected", row.collected).member("problem", row.problem).endObject();
  out.push_back('\n');
  return out;
}

}  // namespace

std::string keptFileName(std::string_view id, std::size_t number) {
  return jobFile(id, kFilePrefix) + std::to_string(number);
}

CallAnswer KeptFiles::attach(std::string name, UniqueFd file) {
  if (!isFileName(name) || !file.valid()) return CallAnswer::kNoSuch;
  if (!isKeepable(file.get())) return CallAnswer::kNoFile;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return CallAnswer::kNoFile;
  if (static_cast<std::uint64_t>(info.st_size) > bytesMax_) return CallAnswer::kTooLarge;
  const auto same = std::find_if(held_.begin(), held_.end(),
                                 [&](const Held& each) { return each.row.name == name; });
  if (same != held_.end()) {
    same->file = std::move(file);
    return CallAnswer::kDone;
  }
  if (held_.size() >= kAttachedMax) return CallAnswer::kTooMany;
  Held held;
  held.row.name = std::move(name);
  held.file = std::move(file);
  held_.push_back(std::move(held));
  return CallAnswer::kDone;
}

void KeptFiles::collect(std::string name, UniqueFd file, int error) {
  if (held_.size() >= kFilesMax) return;
  Held held;
  held.row.name = std::move(name);
  held.row.collected = true;
  if (!file.valid())
    held.row.problem = std::strerror(error);
  else if (!isKeepable(file.get()))
    held.row.problem = "it is no regular file of a disk";
  held.file = std::move(file);
  held_.push_back(std::move(held));
}

void KeptFiles::copy(Held& held) {
  if (!held.row.problem.empty()) return;
  struct stat info {};
  // O_DIRECT and the like were the job's own idea.
  if (::fstat(held.file.get(), &info) != 0 || ::fcntl(held.file.get(), F_SETFL, 0) != 0) {
    held.row.problem = std::strerror(errno);
    return;
  }
  held.row.bytes = static_cast<std::uint64_t>(info.st_size);
  if (held.row.bytes > bytesMax_) {
    held.row.problem = "the files of this job are larger than jobs.files_max";
    return;
  }
  const std::string name = keptFileName(id_, held.row.number);
  const UniqueFd to(::openat(jobsFd_, name.c_str(), kCreate, 0600));
  std::uint64_t wrote = 0;
  const int error =
      to.valid()
          ? copyBytes(held.file.get(), to.get(), held.row.bytes, bytesMax_, redactor_, wrote)
          : errno;
  held.row.bytes = wrote;
  if (error == 0)
    bytesMax_ -= std::min(bytesMax_, wrote);
  else
    held.row.problem = std::strerror(error);
}

std::size_t KeptFiles::store() {
  if (held_.empty()) return 0;
  // The list is there before what it speaks of, so that whoever removes a job knows to look.
  const UniqueFd list(::openat(jobsFd_, jobFile(id_, kFilesSuffix).c_str(), kCreate, 0600));
  std::string text;
  for (Held& held : held_) {
    held.row.number = static_cast<std::size_t>(&held - held_.data());
    if (list.valid())
      copy(held);
    else
      held.row.problem = "its list cannot be made";
    text += printRow(held.row);
    held.file.reset();
  }
  if (list.valid() && base::writeAll(list.get(), text, "list").ok())
    static_cast<void>(::fdatasync(list.get()));
  return held_.size();
}

Result<std::vector<KeptFile>> readKeptFiles(int jobsFd, std::string_view id) {
  const std::string name = jobFile(id, kFilesSuffix);
  const UniqueFd fd(::openat(jobsFd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return base::errnoError(errno, "open " + name);
  std::string text(kListBytesMax, '\0');
  const ssize_t got = ::pread(fd.get(), text.data(), text.size(), 0);
  if (got < 0) return base::errnoError(errno, "read " + name);
  text.resize(static_cast<std::size_t>(got));
  std::vector<KeptFile> out;
  for (const std::string_view line : base::split(text, '\n')) {
    if (line.empty()) continue;
    BELAY_ASSIGN(const json::Value value, json::parse(line, {.bytesMax = 8192, .depthMax = 4}));
    if (value.integer("bytes") < 0 || !isFileName(value.text("name")))
      return Error{ErrorCode::kJobSpec, name + " is damaged"};
    out.push_back({value.text("name"), out.size(), static_cast<std::uint64_t>(value.integer("bytes")),
                   value.flag("collected"), value.text("problem")});
  }
  return out;
}

}  // namespace belay::jobs
