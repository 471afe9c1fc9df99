// Artifacts of open requests, sealed, in parts.

#include "relay/mailbox/BlobStatements.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::int64_t kBlobsOfRequestMax = 100;

}  // namespace

Status SqliteMailbox::putBlob(std::string_view host, const BlobPart& part, std::int64_t bytesMost) {
  BELAY_ASSIGN(const std::optional<std::int64_t> of, number(host));
  if (!of) return Error{ErrorCode::kRelayHost, "there is no host " + std::string(host)};
  {
    sqlite::Execution rows(blobs_->owner, part.request, *of);
    BELAY_ASSIGN(const bool open, rows.next());
    if (!open) {
      return Error{ErrorCode::kRelayApproval, "this host has no open request " + part.request};
    }
  }
  BELAY_ASSIGN(std::optional<BlobState> there, blob(part.request, part.name));
  const bool same = there && there->seal == part.seal && there->parts == part.parts;
  // The same again: an answer was lost.
  if (same && part.part < there->have) return {};
  if (part.part != (same ? there->have : 0)) {
    return Error{ErrorCode::kConflict, "part " + std::to_string(part.part) + " is not the next"};
  }
  {
    sqlite::Execution rows(blobs_->weigh, part.request, *of, part.name, same);
    BELAY_ASSIGN(const bool found, rows.next());
    const std::int64_t bytes = found ? rows.integer(0) : 0;
    const bool room = bytes + static_cast<std::int64_t>(part.content.size()) <= bytesMost;
    if (!room || (found && rows.integer(1) >= kBlobsOfRequestMax)) {
      return Error{ErrorCode::kRelayQuota, "the artifacts of this host take " +
                                               std::to_string(bytes) +
                                               " bytes already (limits.artifact_bytes_per_host)"};
    }
  }
  if (!same) {
    BELAY_TRY(write(blobs_->drop, part.request, part.name));
    BELAY_TRY(write(blobs_->begin, part.request, part.name, *of, part.seal, part.parts));
  }
  BELAY_TRY(write(blobs_->add, part.request, part.name, part.part, part.content));
  return write(blobs_->count, part.content.size(), part.request, part.name);
}

Result<std::optional<BlobState>> SqliteMailbox::blob(std::string_view request,
                                                     std::string_view name) {
  sqlite::Execution rows(blobs_->find, request, name);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<BlobState>();
  return std::optional(BlobState{rows.string(0), rows.integer(1), rows.integer(2)});
}

Result<std::optional<std::string>> SqliteMailbox::blobPart(std::string_view request,
                                                           std::string_view name,
                                                           std::int64_t part) {
  sqlite::Execution rows(blobs_->read, request, name, part);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(rows.string(0)) : std::nullopt;
}

Status SqliteMailbox::dropBlobs(std::string_view request) {
  BELAY_TRY(write(blobs_->closeParts, request));
  return write(blobs_->close, request);
}

Status SqliteMailbox::removeBlobs(std::int64_t host) {
  BELAY_TRY(write(blobs_->removeParts, host));
  return write(blobs_->remove, host);
}

Status SqliteMailbox::sweepBlobs(std::int64_t nowMs, std::size_t most) {
  std::vector<std::string> requests;
  {
    sqlite::Execution rows(blobs_->expired, nowMs, most);
    while (true) {
      BELAY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      requests.push_back(rows.string(0));
    }
  }
  for (const std::string& request : requests) BELAY_TRY(dropBlobs(request));
  return {};
}

}  // namespace belay::mailbox
