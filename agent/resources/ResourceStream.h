#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/resources/ResourceStore.h"

namespace belay::resources {

/// A content under its temporary name; the file goes with this object unless it was published.
struct ResourceStore::Pending {
  std::string path;
  base::UniqueFd fd;
  Resource resource;

  Pending() = default;
  Pending(Pending&& other) noexcept;
  Pending& operator=(Pending&&) = delete;
  ~Pending();
};

/// Takes a content piece by piece, as it comes, in bounded memory.
///
/// Threads:    one at a time.
/// Ownership:  the store must outlive it. What was not committed goes with it.
/// Errors:     kLimit beyond the size that it was made for; kDiskFull, kIo.
/// Durability: after commit() all of the content is on disk, and before it none of it is there.
class ResourceStore::Writer {
 public:
  /// By ResourceStore::write() only.
  Writer(ResourceStore& store, Pending pending, std::uint64_t bytesMax)
      : store_(store), bytesMax_(bytesMax), pending_(std::move(pending)) {}

  base::Status write(std::string_view piece);
  /// Bytes so far.
  std::uint64_t size() const { return pending_.resource.size; }
  /// At most once, and nothing is written after it.
  base::Result<Resource> commit();

 private:
  ResourceStore& store_;
  const std::uint64_t bytesMax_;
  Pending pending_;
  crypto::Sha256 hash_;
};

/// Gives a content piece by piece, for who asks at a pace of its own.
///
/// Threads: one at a time.
/// Errors:  kResourceDamaged in place of the end when the content does not match its digest: what
///          was given out by then is not to be used; kIo.
class ResourceStore::Reader {
 public:
  /// By ResourceStore::reader() only.
  Reader(const crypto::Digest& digest, base::UniqueFd fd, std::uint64_t size);

  std::uint64_t size() const { return size_; }
  /// At most 64 KiB, valid until the next call; empty at the end, which is checked by then.
  base::Result<std::string_view> next();

 private:
  const crypto::Digest digest_;
  const base::UniqueFd fd_;
  const std::uint64_t size_;
  crypto::Sha256 hash_;
  std::vector<char> buffer_;
  bool ended_ = false;
};

}  // namespace belay::resources
