#include "agent/scrub/HostFiles.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string_view>

#include "agent/jobs/JobFiles.h"
#include "agent/jobs/JobRecord.h"
#include "agent/journal/ScrubText.h"
#include "agent/scrub/FileScrub.h"
#include "agent/scrub/RecordScrub.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"
#include "common/json/Json.h"

namespace belay::scrub {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;
using journal::ScrubPlace;
using journal::ScrubRow;

namespace {

constexpr int kDepthMax = 40;
constexpr std::uint64_t kRecordMax = 2 * jobs::kRecordBytesMax;
constexpr int kRead = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
/// What is looked at by itself, sealed, or a key.
constexpr std::array<std::string_view, 6> kNotElsewhere{
    "/resources", "/keys", "/vault.sealed", "/journal.db", "/journal.db-wal", "/journal.reserve"};

/// Invalid for what is no regular file.
UniqueFd openFile(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags));
  struct stat info {};
  if (fd.valid() && (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))) fd.reset();
  return fd;
}

Result<UniqueFd> openContent(const std::string& folder, const crypto::Digest& digest) {
  const std::string digits = digest.hex();
  const std::string path = folder + "/resources/" + digits.substr(0, 2) + "/" + digits.substr(2);
  UniqueFd fd = openFile(path, kRead);
  if (!fd.valid()) return base::errnoError(errno, "open " + path);
  return fd;
}

/// A script of a job is for reading only.
UniqueFd openForWriting(const std::string& path) {
  constexpr int kWrite = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  UniqueFd fd = openFile(path, kWrite);
  if (fd.valid() || errno != EACCES) return fd;
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return fd;
  if (::chmod(path.c_str(), info.st_mode | S_IWUSR) != 0) return fd;
  fd = openFile(path, kWrite);
  static_cast<void>(::chmod(path.c_str(), info.st_mode & 07777));
  return fd;
}

}  // namespace

Status HostFiles::prepare(bool apply) {
  BELAY_TRY(lookAtLeftovers(apply));
  BELAY_TRY(lookAtContents(apply));
  BELAY_TRY(lookAtJobs());
  lookElsewhere(folder_, "", 0);
  if (base::fileExists(userFolder_)) lookElsewhere(userFolder_, "", 0);
  return {};
}

/// What a write left that was cut off. No daemon runs: nobody goes on with it.
Status HostFiles::lookAtLeftovers(bool apply) {
  const std::string folder = folder_ + "/resources/tmp";
  if (!base::fileExists(folder)) return {};
  BELAY_ASSIGN(const std::vector<std::string> names, base::listFolder(folder));
  ScrubPlace place{"resources/tmp", 0, 0, false};
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    const UniqueFd fd = openFile(path, kRead);
    if (!fd.valid()) continue;  // no file of the store
    BELAY_ASSIGN(const std::uint64_t found, countIn(fd.get(), values_));
    if (found == 0) continue;
    ++place.rows;
    place.found += found;
    if (apply) BELAY_TRY(base::removeFile(path));
  }
  if (place.rows > 0) places_.push_back(std::move(place));
  return {};
}

/// The text of a content that is JSON, masked; nothing of another one.
Result<std::optional<std::string>> HostFiles::jsonOf(const crypto::Digest& digest) const {
  BELAY_ASSIGN(const UniqueFd fd, openContent(folder_, digest));
  std::optional<std::string> text;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::errnoError(errno, "look at a content");
  if (static_cast<std::uint64_t>(info.st_size) > json::ParseLimits{}.bytesMax) return text;
  BELAY_ASSIGN(text, store_.read(digest, json::ParseLimits{}.bytesMax));
  if (!json::check(*text)) return std::optional<std::string>{};
  if (journal::scrubText(values_, *text).readable) return text;
  return Error{ErrorCode::kInvalidArgument,
               "in the resource " + digest.hex() +
                   " a value is a part of JSON that would be none without it",
               {"belay scrub --value-stdin, with the secret part of it"}};
}

Status HostFiles::lookAtContents(bool apply) {
  std::vector<crypto::Digest> all;
  BELAY_TRY(store_.forEach([&all](const resources::Resource& content) -> Status {
    all.push_back(content.digest);
    return {};
  }));
  ScrubPlace place{"resources", 0, 0, false};
  for (const crypto::Digest& digest : all) {
    BELAY_ASSIGN(const UniqueFd fd, openContent(folder_, digest));
    BELAY_ASSIGN(const std::uint64_t found, countIn(fd.get(), values_));
    if (found == 0) continue;
    BELAY_TRY(jsonOf(digest));
    foundIn_[digest.hex()] = found;
    ++place.rows;
    place.found += found;
  }
  if (place.rows == 0) return {};
  places_.push_back(std::move(place));
  // A content cannot have its own digest in it, nor a circle of them each other's: this ends.
  for (bool changed = apply; changed;) {
    changed = false;
    for (const crypto::Digest& digest : all) BELAY_TRY(renew(digest, changed));
  }
  return {};
}

Status HostFiles::renew(const crypto::Digest& digest, bool& changed) {
  BELAY_ASSIGN(const UniqueFd fd, openContent(folder_, digest));
  MaskedReader look(fd.get(), values_, &names_);
  while (true) {
    BELAY_ASSIGN(const std::string_view piece, look.next());
    if (piece.empty()) break;
  }
  if (look.found() + look.renamed() == 0) return {};
  MaskedReader reader(fd.get(), values_, &names_);
  BELAY_ASSIGN(std::optional<std::string> text, jsonOf(digest));
  if (text) journal::renameContents(names_, {text->data(), text->size()}, text->size());
  BELAY_ASSIGN(const resources::Resource stored,
               text ? store_.put(*text)
                    : store_.putPieces([&reader] { return reader.next(); },
                                       std::numeric_limits<std::uint64_t>::max()));
  std::string& name = names_[digest.hex()];
  changed = changed || name != stored.digest.hex();
  name = stored.digest.hex();
  return {};
}

Result<std::uint64_t> HostFiles::lookAtJobFile(const std::string& path, bool apply) const {
  const UniqueFd fd = apply ? openForWriting(path) : openFile(path, kRead);
  if (!fd.valid() && apply) return base::errnoError(errno, "open " + path);
  // A folder, or it has just been removed.
  if (!fd.valid()) return std::uint64_t{0};
  if (!path.ends_with(jobs::kRecordSuffix))
    return apply ? overwriteIn(fd.get(), values_) : countIn(fd.get(), values_);
  BELAY_ASSIGN(std::string record, base::readFile(path, kRecordMax));
  const std::uint64_t found = scrubRecord(record, values_);
  if (found > 0 && apply) BELAY_TRY(writeAt(fd.get(), record, 0));
  if (found > 0 && apply && ::fsync(fd.get()) != 0)
    return base::errnoError(errno, "sync " + path);
  return found;
}

Status HostFiles::lookAtJobs() {
  const std::string folder = folder_ + "/jobs";
  if (!base::fileExists(folder)) return {};
  BELAY_ASSIGN(const std::vector<std::string> names, base::listFolder(folder));
  for (const std::string& name : names) {
    const std::string path = folder + "/" + name;
    BELAY_ASSIGN(const std::uint64_t found, lookAtJobFile(path, false));
    if (found == 0) continue;
    foundInJobs_ += found;
    jobFiles_.push_back(path);
  }
  if (!jobFiles_.empty()) places_.push_back({"jobs", jobFiles_.size(), foundInJobs_, false});
  return {};
}

void HostFiles::lookElsewhere(const std::string& root, const std::string& below, int depth) {
  const auto tell = [&](const std::string& path, std::uint64_t rows, std::uint64_t found) {
    std::string name = root == folder_ && !path.empty() ? path.substr(1) : root + path;
    if (rows == 0) name += " (cannot be read)";
    places_.push_back({std::move(name), rows, found, true});
  };
  if (depth > kDepthMax) return tell(below, 0, 0);
  const auto names = base::listFolder(root + below);
  if (!names && base::fileExists(root + below)) return tell(below, 0, 0);
  if (!names) return;  // it has just been removed
  for (const std::string& name : *names) {
    const std::string path = below + "/" + name;
    if (root == folder_ &&
        std::find(kNotElsewhere.begin(), kNotElsewhere.end(), path) != kNotElsewhere.end())
      continue;
    struct stat info {};
    if (::lstat((root + path).c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) lookElsewhere(root, path, depth + 1);
    if (!S_ISREG(info.st_mode) || (root == folder_ && below == "/jobs")) continue;
    const UniqueFd fd = openFile(root + path, kRead);
    if (!fd.valid() && errno == ENOENT) continue;
    Result<std::uint64_t> found = std::uint64_t{0};
    if (fd.valid()) found = countIn(fd.get(), values_);
    if (!fd.valid() || !found)
      tell(path, 0, 0);
    else if (*found > 0)
      tell(path, 1, *found);
  }
}

void HostFiles::describe(journal::ScrubPlan& plan) const {
  plan.contents = names_;
  for (const auto& [before, after] : names_) {
    ScrubRow row;
    row.place = "resource";
    row.before = before;
    row.after = after;
    const auto found = foundIn_.find(before);
    row.count = found == foundIn_.end() ? 0 : static_cast<std::int64_t>(found->second);
    plan.elsewhere.push_back(std::move(row));
  }
  if (jobFiles_.empty()) return;
  ScrubRow row;
  row.place = "jobs";
  row.count = static_cast<std::int64_t>(foundInJobs_);
  plan.elsewhere.push_back(std::move(row));
}

Status HostFiles::finish() {
  for (const std::string& path : jobFiles_) {
    if (const auto masked = lookAtJobFile(path, true); !masked) return masked.error();
  }
  for (const auto& [before, after] : names_) {
    BELAY_ASSIGN(const crypto::Digest old, resources::parseResourceRef("res://sha256/" + before));
    BELAY_TRY(store_.remove(old));
  }
  return {};
}

}  // namespace belay::scrub
