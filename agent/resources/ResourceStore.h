#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/crypto/Sha256.h"

namespace belay::resources {

/// "res://sha256/<64 hex>": a resource is named by its content, on every host the same.
std::string resourceRef(const crypto::Digest& digest);
/// Errors: kResourceNotFound when `ref` is not of that form.
base::Result<crypto::Digest> parseResourceRef(std::string_view ref);

/// Content that is in the store. What it is called and which run it belongs to is the journal's.
struct Resource {
  crypto::Digest digest;
  std::uint64_t size = 0;

  std::string ref() const { return resourceRef(digest); }
};

/// What one call of sweep() may do.
struct SweepPlan {
  /// Whether anything refers to this content; asked with no lock held but that of the sweep.
  std::function<base::Result<bool>(const crypto::Digest&)> isReferenced;
  std::chrono::milliseconds grace{std::chrono::hours{24}};
  std::size_t most = 1000;  ///< Files to look at.
};

/// What one call of sweep() did.
struct SweepReport {
  std::uint64_t examined = 0;
  std::uint64_t removed = 0;
  std::uint64_t bytes = 0;  ///< Freed.
  std::uint64_t kept = 0;   ///< Bytes of what it has looked at and left.
  bool finished = false;    ///< All folders have been looked at since the last time this was true.
};

/// The contents of resources as files `<folder>/ab/cdef…`, named by their SHA-256.
///
/// Threads:    any.
/// Ownership:  clock and random must outlive the store and all its writers.
/// Errors:     kResourceNotFound; kResourceDamaged when content does not match its digest, whatever
///             was given out by then is not to be used; kLimit; kDiskFull, kIo.
/// Durability: what put() and commit() returned is on disk; a crash leaves either all of a content
///             or none of it.
class ResourceStore {
  struct Private {
    explicit Private() = default;
  };

 public:
  /// For open() only.
  ResourceStore(Private, std::string folder, const base::Clock& clock, base::Random& random);
  /// Makes the folder where it is missing; touches nothing that is there, so that a command can
  /// read while the daemon writes.
  static base::Result<std::unique_ptr<ResourceStore>> open(const std::string& folder,
                                                           const base::Clock& clock,
                                                           base::Random& random);

  /// From here on nothing is stored that would take the contents above so many bytes (0: no
  /// bound). What was there before is counted when a whole sweep has seen it.
  void setBytesMax(std::uint64_t bytes);
  /// Bytes of all contents, as far as they are known.
  std::uint64_t bytesUsed() const;

  base::Result<Resource> put(std::string_view content);
  /// The same for several, with their syncs made together; results in the order of `contents`.
  base::Result<std::vector<Resource>> putAll(std::span<const std::string_view> contents);
  class Writer;  ///< ResourceStream.h
  class Reader;
  /// For a content that comes in pieces: it is there when the writer's commit() has returned.
  base::Result<std::unique_ptr<Writer>> write(std::uint64_t bytesMax);
  base::Result<std::unique_ptr<Reader>> reader(const crypto::Digest& digest) const;
  /// Gives the next piece of a content; an empty one is the end.
  using Source = std::function<base::Result<std::string_view>()>;
  /// Takes pieces until the end, in bounded memory. Errors: kLimit after `bytesMax` bytes; those of
  /// the source.
  base::Result<Resource> putPieces(const Source& next, std::uint64_t bytesMax);
  /// The same from `fd`, to its end.
  base::Result<Resource> putStream(int fd, std::uint64_t bytesMax);

  bool exists(const crypto::Digest& digest) const;
  base::Result<std::uint64_t> size(const crypto::Digest& digest) const;
  /// The whole content, checked before it is given out. Errors: kLimit.
  base::Result<std::string> read(const crypto::Digest& digest, std::uint64_t bytesMax) const;
  /// The content in pieces of at most 64 KiB; kResourceDamaged comes after the last one. An error
  /// of `sink` ends it and is returned.
  base::Status stream(const crypto::Digest& digest,
                      const std::function<base::Status(std::string_view)>& sink) const;
  /// A fresh copy at `path` (which must not exist), mode 0400, checked; on failure there is no
  /// file. Not synced: it is for a step that runs now.
  base::Status copyTo(const crypto::Digest& digest, const std::string& path) const;

  /// Success also when it was not there.
  base::Status remove(const crypto::Digest& digest);
  /// Calls `visit` for each content, in order of digests; its error ends it.
  base::Status forEach(const std::function<base::Status(const Resource&)>& visit) const;

  /// Removes contents that nobody refers to and that are older than the plan's grace by both
  /// clocks, and what crashes have left half written; goes on where the last call stopped. One call
  /// at a time; others wait.
  base::Result<SweepReport> sweep(const SweepPlan& plan);

 private:
  struct Pending;  ///< Content under its temporary name.

  std::string pathOf(const crypto::Digest& digest) const;
  base::Result<Pending> begin();
  /// Durability: the folder is there after a power cut, whoever made it.
  base::Status makeShard(const std::string& shard);
  base::Status publish(std::span<Pending> pending);
  bool isWhole(const crypto::Digest& digest) const;
  /// Errors: kResourceQuota.
  base::Status checkRoom(std::uint64_t more) const;
  void countStored(std::uint64_t bytes);
  void countSwept(const SweepReport& report);
  void noteUse(const crypto::Digest& digest);
  base::Status touch(const std::string& path);
  base::Result<bool> isOld(const std::string& path, std::chrono::milliseconds grace) const;
  base::Result<bool> isUnused(const crypto::Digest& digest, const SweepPlan& plan) const;
  base::Status removeLeftovers(std::chrono::milliseconds grace);
  /// The bytes that it freed.
  base::Result<std::uint64_t> removeUnused(const crypto::Digest& digest,
                                           std::chrono::milliseconds grace);
  base::Status sweepShard(const std::string& shard, const SweepPlan& plan, std::string& after,
                          SweepReport& report);
  base::Result<base::UniqueFd> openContent(const crypto::Digest& digest) const;

  // Constant after construction.
  const std::string folder_;
  const base::Clock& clock_;
  base::Random& random_;
  const std::string own_;  ///< Begins the temporary names of this store: the others are leftovers.

  /// Held over a whole sweep.
  base::Mutex sweepMutex_;
  std::size_t sweepShard_ BELAY_GUARDED_BY(sweepMutex_) = 0;
  std::string sweepAfter_ BELAY_GUARDED_BY(sweepMutex_);

  mutable base::Mutex mutex_;
  std::uint64_t bytesMax_ BELAY_GUARDED_BY(mutex_) = 0;
  std::uint64_t used_ BELAY_GUARDED_BY(mutex_) = 0;
  std::uint64_t seen_ BELAY_GUARDED_BY(mutex_) = 0;  ///< By the sweep that is under way.
  std::set<std::string> shards_
      BELAY_GUARDED_BY(mutex_);  ///< Folders that are known to be durable.
  /// When this process last put a content, on the boot clock: sweep() spares it whatever the wall
  /// clock says.
  std::map<crypto::Digest, std::chrono::milliseconds> recent_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::resources
