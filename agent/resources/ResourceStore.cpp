#include "agent/resources/ResourceStore.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "agent/resources/ResourceStream.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::resources {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;
using base::UniqueFd;
using crypto::Digest;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kRefPrefix = "res://sha256/";
constexpr std::size_t kShards = 256;
constexpr const char* kTemporary = "/tmp";

std::string shardName(std::size_t shard) {
  const std::array<std::uint8_t, 1> byte{static_cast<std::uint8_t>(shard)};
  return base::toHex(byte);
}

/// The digest of a file named `<shard>/<rest>`; nothing for a foreign file.
std::optional<Digest> digestOf(const std::string& shard, const std::string& rest) {
  return Digest::fromHex(shard + rest);
}

/// None when the shard has no folder yet.
Result<std::vector<std::string>> filesOf(const std::string& folder) {
  auto files = base::listFolder(folder);
  if (!files.ok() && files.error().code == ErrorCode::kNotFound) return std::vector<std::string>();
  return files;
}

}  // namespace

std::string resourceRef(const Digest& digest) { return std::string(kRefPrefix) + digest.hex(); }

Result<Digest> parseResourceRef(std::string_view ref) {
  std::optional<Digest> digest;
  if (ref.starts_with(kRefPrefix)) digest = Digest::fromHex(ref.substr(kRefPrefix.size()));
  if (digest) return *digest;
  return Error{ErrorCode::kResourceNotFound,
               "\"" + base::visible(ref.substr(0, 100)) + "\" is not a resource; write " +
                   std::string(kRefPrefix) + " and 64 hexadecimal digits"};
}

ResourceStore::ResourceStore(Private, std::string folder, const base::Clock& clock,
                             base::Random& random)
    : folder_(std::move(folder)),
      clock_(clock),
      random_(random),
      own_(base::makeToken(random, 6)) {}

Result<std::unique_ptr<ResourceStore>> ResourceStore::open(const std::string& folder,
                                                           const base::Clock& clock,
                                                           base::Random& random) {
  BELAY_TRY(base::makeFolders(folder + kTemporary));
  BELAY_ASSIGN(const std::vector<std::string> names, base::listFolder(folder));
  BELAY_TRY(base::syncFolder(folder));
  auto store = std::make_unique<ResourceStore>(Private(), folder, clock, random);
  MutexLock lock(store->mutex_);
  store->shards_.insert(names.begin(), names.end());
  return store;
}

std::string ResourceStore::pathOf(const Digest& digest) const {
  const std::string hex = digest.hex();
  return folder_ + "/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

Result<ResourceStore::Pending> ResourceStore::begin() {
  Pending pending;
  const std::string path = folder_ + kTemporary + "/" + own_ + "-" + base::makeToken(random_, 12);
  pending.fd = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
  if (!pending.fd.valid()) return base::errnoError(errno, "create " + path);
  pending.path = path;
  BELAY_TRY(touch(path));
  return pending;
}

void ResourceStore::noteUse(const Digest& digest) {
  MutexLock lock(mutex_);
  recent_[digest] = clock_.sinceBoot();
}

void ResourceStore::setBytesMax(std::uint64_t bytes) {
  MutexLock lock(mutex_);
  bytesMax_ = bytes;
}

std::uint64_t ResourceStore::bytesUsed() const {
  MutexLock lock(mutex_);
  return used_;
}

Status ResourceStore::checkRoom(std::uint64_t more) const {
  MutexLock lock(mutex_);
  if (bytesMax_ == 0 || used_ + more <= bytesMax_) return {};
  return Error{ErrorCode::kResourceQuota,
               "the resources of this host take " + base::formatBytes(used_) + ", and " +
                   base::formatBytes(more) + " more would be over resources.total_max = " +
                   base::formatBytes(bytesMax_),
               {"belay resource list --largest", "belay resource delete REF"}};
}

void ResourceStore::countStored(std::uint64_t bytes) {
  MutexLock lock(mutex_);
  used_ += bytes;
  seen_ += bytes;  // A sweep that has passed its place will not see it.
}

void ResourceStore::countSwept(const SweepReport& report) {
  MutexLock lock(mutex_);
  used_ -= std::min(used_, report.bytes);
  seen_ += report.kept;
  if (!report.finished) return;
  used_ = seen_;
  seen_ = 0;
}

bool ResourceStore::isWhole(const Digest& digest) const {
  return stream(digest, [](std::string_view) { return Status{}; }).ok();
}

Status ResourceStore::makeShard(const std::string& shard) {
  const std::string name = shard.substr(shard.rfind('/') + 1);
  {
    MutexLock lock(mutex_);
    if (shards_.contains(name)) return {};
  }
  if (::mkdir(shard.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::errnoError(errno, "make folder " + shard);
  }
  BELAY_TRY(base::syncFolder(folder_));
  MutexLock lock(mutex_);
  shards_.insert(name);
  return {};
}

Status ResourceStore::publish(std::span<Pending> pending) {
  // All data first, then all names, then each folder once: the disk may do the syncs together.
  for (Pending& one : pending) {
    BELAY_TRY(touch(one.path));
    if (::fsync(one.fd.get()) != 0) return base::errnoError(errno, "sync " + one.path);
  }
  std::set<std::string> folders;
  for (Pending& one : pending) {
    const std::string path = pathOf(one.resource.digest);
    const std::string shard = path.substr(0, path.rfind('/'));
    if (folders.insert(shard).second) BELAY_TRY(makeShard(shard));
    const bool known = base::fileExists(path);
    if (::rename(one.path.c_str(), path.c_str()) != 0) {
      return base::errnoError(errno, "rename " + one.path);
    }
    if (!known) countStored(one.resource.size);
    one.path.clear();
    one.fd.reset();
  }
  for (const std::string& folder : folders) BELAY_TRY(base::syncFolder(folder));
  return {};
}

Result<Resource> ResourceStore::put(std::string_view content) {
  BELAY_ASSIGN(std::vector<Resource> stored, putAll({&content, 1}));
  return stored.front();
}

Result<std::vector<Resource>> ResourceStore::putAll(std::span<const std::string_view> contents) {
  std::vector<Resource> out;
  std::vector<Pending> pending;
  std::set<Digest> writing;
  std::set<std::string> present;
  for (const std::string_view content : contents) {
    const Resource resource{crypto::sha256(content), content.size()};
    out.push_back(resource);
    if (!writing.insert(resource.digest).second) continue;
    // Noted before it is looked for: from here on sweep() leaves it alone.
    noteUse(resource.digest);
    if (isWhole(resource.digest)) {
      const std::string path = pathOf(resource.digest);
      present.insert(path.substr(0, path.rfind('/')));
      BELAY_TRY(touch(path));
      continue;
    }
    BELAY_TRY(checkRoom(resource.size));
    BELAY_ASSIGN(Pending one, begin());
    one.resource = resource;
    BELAY_TRY(base::writeAll(one.fd.get(), content, one.path));
    pending.push_back(std::move(one));
  }
  BELAY_TRY(publish(pending));
  // Its file may have been there and not yet its name: another thread renames before it syncs.
  for (const std::string& folder : present) BELAY_TRY(base::syncFolder(folder));
  return out;
}

Status ResourceStore::touch(const std::string& path) {
  // The time of the file is what sweep() goes by after a restart.
  const timespec now{static_cast<time_t>(clock_.wallMs() / 1000),
                     static_cast<long>(clock_.wallMs() % 1000) * 1'000'000};
  const std::array<timespec, 2> times{now, now};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return base::errnoError(errno, "set the time of " + path);
  }
  return {};
}

Result<UniqueFd> ResourceStore::openContent(const Digest& digest) const {
  auto fd = base::openForReading(pathOf(digest));
  if (fd.ok() || fd.error().code != ErrorCode::kNotFound) return fd;
  return Error{ErrorCode::kResourceNotFound,
               "there is no resource " + resourceRef(digest),
               {"belay resource list"}};
}

bool ResourceStore::exists(const Digest& digest) const { return base::fileExists(pathOf(digest)); }

Result<std::uint64_t> ResourceStore::size(const Digest& digest) const {
  BELAY_ASSIGN(const UniqueFd fd, openContent(digest));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::errnoError(errno, "stat " + pathOf(digest));
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::string> ResourceStore::read(const Digest& digest, std::uint64_t bytesMax) const {
  std::string content;
  BELAY_TRY(stream(digest, [&](std::string_view piece) -> Status {
    if (content.size() + piece.size() > bytesMax) {
      return Error{ErrorCode::kLimit, "resource " + resourceRef(digest) + " is larger than " +
                                          std::to_string(bytesMax) + " bytes"};
    }
    content += piece;
    return {};
  }));
  return content;
}

Status ResourceStore::copyTo(const Digest& digest, const std::string& path) const {
  const UniqueFd out(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400));
  if (!out.valid()) return base::errnoError(errno, "create " + path);
  const Status copied = stream(
      digest, [&](std::string_view piece) { return base::writeAll(out.get(), piece, path); });
  if (!copied.ok()) static_cast<void>(base::removeFile(path));
  return copied;
}

Status ResourceStore::remove(const Digest& digest) { return base::removeFile(pathOf(digest)); }

Status ResourceStore::forEach(const std::function<Status(const Resource&)>& visit) const {
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    const std::string name = shardName(shard);
    BELAY_ASSIGN(const std::vector<std::string> files, filesOf(folder_ + "/" + name));
    for (const std::string& file : files) {
      const auto digest = digestOf(name, file);
      if (!digest) continue;
      const auto bytes = size(*digest);
      if (!bytes.ok() && bytes.error().code == ErrorCode::kResourceNotFound) continue;
      if (!bytes.ok()) return bytes.error();
      BELAY_TRY(visit(Resource{*digest, *bytes}));
    }
  }
  return {};
}

Result<bool> ResourceStore::isOld(const std::string& path, milliseconds grace) const {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return false;
    return base::errnoError(errno, "stat " + path);
  }
  const std::int64_t changedMs =
      static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  return clock_.wallMs() - changedMs > grace.count();
}

Status ResourceStore::removeLeftovers(milliseconds grace) {
  const std::string folder = folder_ + kTemporary;
  BELAY_ASSIGN(const std::vector<std::string> names, filesOf(folder));
  for (const std::string& name : names) {
    if (name.starts_with(own_)) continue;  // being written, whatever the wall clock did meanwhile
    const std::string path = folder + "/" + name;
    BELAY_ASSIGN(const bool old, isOld(path, grace));
    if (old) BELAY_TRY(base::removeFile(path));
  }
  return {};
}

Result<std::uint64_t> ResourceStore::removeUnused(const Digest& digest, milliseconds grace) {
  BELAY_ASSIGN(const std::uint64_t bytes, size(digest));
  // Under the lock, as the only file operation: a put() of the same content that began meanwhile
  // has noted itself, or will find the file gone and write it.
  MutexLock lock(mutex_);
  const auto used = recent_.find(digest);
  if (used != recent_.end() && clock_.sinceBoot() - used->second <= grace) return std::uint64_t{0};
  BELAY_TRY(base::removeFile(pathOf(digest)));
  recent_.erase(digest);
  return bytes;
}

Result<bool> ResourceStore::isUnused(const Digest& digest, const SweepPlan& plan) const {
  BELAY_ASSIGN(const bool old, isOld(pathOf(digest), plan.grace));
  if (!old) return false;
  BELAY_ASSIGN(const bool referenced, plan.isReferenced(digest));
  return !referenced;
}

Status ResourceStore::sweepShard(const std::string& shard, const SweepPlan& plan,
                                 std::string& after, SweepReport& report) {
  BELAY_ASSIGN(const std::vector<std::string> files, filesOf(folder_ + "/" + shard));
  for (auto file = std::upper_bound(files.begin(), files.end(), after); file != files.end();
       ++file) {
    if (report.examined >= plan.most) return {};
    ++report.examined;
    after = *file;
    const auto digest = digestOf(shard, *file);
    if (!digest) continue;
    BELAY_ASSIGN(const bool goes, isUnused(*digest, plan));
    const auto bytes = goes ? removeUnused(*digest, plan.grace) : size(*digest);
    if (!bytes.ok() && bytes.error().code != ErrorCode::kResourceNotFound) return bytes.error();
    const bool gone = goes && !exists(*digest);
    if (gone) ++report.removed;
    (gone ? report.bytes : report.kept) += bytes.ok() ? *bytes : 0;
  }
  after.clear();
  return {};
}

Result<SweepReport> ResourceStore::sweep(const SweepPlan& plan) {
  SweepReport report;
  MutexLock sweeping(sweepMutex_);
  if (sweepShard_ == 0 && sweepAfter_.empty()) BELAY_TRY(removeLeftovers(plan.grace));
  while (report.examined < plan.most) {
    BELAY_TRY(sweepShard(shardName(sweepShard_), plan, sweepAfter_, report));
    if (!sweepAfter_.empty()) break;
    if (++sweepShard_ < kShards) continue;
    sweepShard_ = 0;
    report.finished = true;
    break;
  }
  countSwept(report);
  MutexLock lock(mutex_);
  std::erase_if(recent_,
                [&](const auto& used) { return clock_.sinceBoot() - used.second > plan.grace; });
  return report;
}

}  // namespace belay::resources
