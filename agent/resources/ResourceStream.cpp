#include "agent/resources/ResourceStream.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/Files.h"

namespace belay::resources {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;
using crypto::Digest;

namespace {

constexpr std::size_t kPieceBytes = 64u << 10;

/// Reads once, again after a signal; 0 at the end.
Result<std::size_t> readPiece(int fd, std::span<char> buffer, const std::string& what) {
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return base::errnoError(errno, "read " + what);
  }
}

}  // namespace

ResourceStore::Pending::Pending(Pending&& other) noexcept
    : path(std::exchange(other.path, {})), fd(std::move(other.fd)), resource(other.resource) {}

ResourceStore::Pending::~Pending() {
  if (!path.empty()) static_cast<void>(base::removeFile(path));
}

Status ResourceStore::Writer::write(std::string_view piece) {
  pending_.resource.size += piece.size();
  if (pending_.resource.size > bytesMax_) {
    return Error{ErrorCode::kLimit,
                 "the content is larger than " + std::to_string(bytesMax_) + " bytes"};
  }
  // Those that write at once may pass the bound together, by what each has written since.
  BELAY_TRY(store_.checkRoom(pending_.resource.size));
  hash_.update(piece);
  return base::writeAll(pending_.fd.get(), piece, pending_.path);
}

Result<Resource> ResourceStore::Writer::commit() {
  pending_.resource.digest = hash_.finish();
  store_.noteUse(pending_.resource.digest);
  const Resource resource = pending_.resource;
  BELAY_TRY(store_.publish({&pending_, 1}));
  return resource;
}

ResourceStore::Reader::Reader(const Digest& digest, UniqueFd fd, std::uint64_t size)
    : digest_(digest), fd_(std::move(fd)), size_(size), buffer_(kPieceBytes) {}

Result<std::string_view> ResourceStore::Reader::next() {
  if (ended_) return std::string_view();
  BELAY_ASSIGN(const std::size_t got, readPiece(fd_.get(), buffer_, resourceRef(digest_)));
  if (got > 0) {
    const std::string_view piece(buffer_.data(), got);
    hash_.update(piece);
    return piece;
  }
  ended_ = true;
  if (hash_.finish() == digest_) return std::string_view();
  return Error{ErrorCode::kResourceDamaged,
               "resource " + resourceRef(digest_) + " does not match its digest",
               {"check the disk", "run the step that made it again"}};
}

Result<std::unique_ptr<ResourceStore::Writer>> ResourceStore::write(std::uint64_t bytesMax) {
  BELAY_ASSIGN(Pending pending, begin());
  return std::make_unique<Writer>(*this, std::move(pending), bytesMax);
}

Result<std::unique_ptr<ResourceStore::Reader>> ResourceStore::reader(const Digest& digest) const {
  BELAY_ASSIGN(UniqueFd fd, openContent(digest));
  BELAY_ASSIGN(const std::uint64_t bytes, size(digest));
  return std::make_unique<Reader>(digest, std::move(fd), bytes);
}

Result<Resource> ResourceStore::putPieces(const Source& next, std::uint64_t bytesMax) {
  BELAY_ASSIGN(const std::unique_ptr<Writer> writer, write(bytesMax));
  while (true) {
    BELAY_ASSIGN(const std::string_view piece, next());
    if (piece.empty()) return writer->commit();
    BELAY_TRY(writer->write(piece));
  }
}

Result<Resource> ResourceStore::putStream(int fd, std::uint64_t bytesMax) {
  std::vector<char> buffer(kPieceBytes);
  const Source source = [&]() -> Result<std::string_view> {
    BELAY_ASSIGN(const std::size_t got, readPiece(fd, buffer, "content of a resource"));
    return std::string_view(buffer.data(), got);
  };
  return putPieces(source, bytesMax);
}

Status ResourceStore::stream(const Digest& digest,
                             const std::function<Status(std::string_view)>& sink) const {
  BELAY_ASSIGN(const std::unique_ptr<Reader> content, reader(digest));
  while (true) {
    BELAY_ASSIGN(const std::string_view piece, content->next());
    if (piece.empty()) return {};
    BELAY_TRY(sink(piece));
  }
}

}  // namespace belay::resources
