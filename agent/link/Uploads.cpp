#include "agent/link/Uploads.h"

#include <utility>

#include "agent/runtime/HostTrust.h"
#include "common/statement/Artifacts.h"
#include "common/statement/Sealed.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kPerRound = 20;
constexpr std::size_t kDoneMax = 100'000;
constexpr std::chrono::milliseconds kRetryAfter{60'000};

/// It says something about this artifact, and nothing about the link.
bool isRefusal(ErrorCode code) {
  return code == ErrorCode::kRelayQuota || code == ErrorCode::kRelayApproval ||
         code == ErrorCode::kConflict || code == ErrorCode::kInvalidArgument ||
         code == ErrorCode::kHttpRoute || code == ErrorCode::kHttpMethod ||
         code == ErrorCode::kResourceNotFound || code == ErrorCode::kResourceDamaged;
}

Status addUploads(runtime::Runtime& runtime, const statement::Roster& roster,
                  const journal::GateRow& gate, std::vector<Upload>& out) {
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate.wait));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, runtime.journal().wait(wait));
  const auto request = row ? runtime::gateRequest(row->requestJson) : std::nullopt;
  if (!request || request->artifacts.empty()) return {};
  const auto recipients = trust::answererKeys(*request, roster);
  if (recipients.empty()) return {};
  const std::string seal = statement::recipientsDigest(recipients);
  for (const statement::Request::Artifact& each : request->artifacts) {
    if (each.size > statement::kArtifactBytesMax) continue;
    out.push_back({gate.request, statement::artifactName(*request, each.digest), seal, each.digest,
                   each.size, recipients});
  }
  return {};
}

}  // namespace

Result<std::vector<Upload>> uploadsAfter(runtime::Runtime& runtime, std::string& request) {
  std::vector<Upload> out;
  const std::string after = std::exchange(request, {});
  if (!runtime.policy().artifactsToRelay()) return out;
  BELAY_ASSIGN(const runtime::HostTrust trust, runtime::hostTrust(runtime.journal()));
  if (!trust.roster) return out;
  BELAY_ASSIGN(const auto gates, runtime.journal().gates().toldAfter(after, kPerRound));
  for (const journal::GateRow& gate : gates) {
    BELAY_TRY(addUploads(runtime, trust.roster->document, gate, out));
  }
  if (gates.size() == kPerRound) request = gates.back().request;
  return out;
}

Status Uploads::bring(RelayClient& relay, const std::string& url, const std::string& bearer,
                      const std::vector<Upload>& uploads) {
  for (const Upload& upload : uploads) {
    if (done_.count(upload.key()) > 0) continue;
    const Status brought = bringOne(relay, url, bearer, upload);
    if (!brought && !isRefusal(brought.error().code)) return brought;
    if (!brought) {
      // Most were closed meanwhile, and do not come again. One that has not been handed in yet does:
      // a round follows each hand-over.
      if (brought.error().code == ErrorCode::kRelayApproval) continue;
      world_.log.error("link.artifact_refused", brought.error(), {{"request", upload.request}});
      if (brought.error().code == ErrorCode::kRelayQuota) {
        retryAt_ = world_.clock.sinceBoot() + kRetryAfter;
        continue;
      }
    }
    if (done_.size() >= kDoneMax) done_.clear();
    done_.insert(upload.key());
  }
  return {};
}

Status Uploads::bringOne(RelayClient& relay, const std::string& url, const std::string& bearer,
                         const Upload& upload) {
  const RelayClient::Blob blob{upload.request, upload.name, upload.seal,
                               statement::artifactParts(upload.size)};
  BELAY_ASSIGN(const std::int64_t have, relay.blobParts(url, bearer, blob));
  if (have >= blob.parts) return {};
  std::int64_t part = 0;
  std::string piece;
  const auto putPart = [&]() -> Status {
    if (part >= have) {
      const std::string sealed =
          statement::seal(piece, statement::kSealedArtifact, upload.recipients, world_.random);
      BELAY_TRY(relay.putBlob(url, bearer, blob, part, sealed));
      BELAY_TRY(world_.between());
    }
    ++part;
    piece.clear();
    return {};
  };
  const auto cut = [&](std::string_view bytes) -> Status {
    while (!bytes.empty()) {
      const std::size_t room = statement::artifactPartBytes(upload.size, part) - piece.size();
      if (room == 0) return Error{ErrorCode::kResourceDamaged, "an artifact is longer than it was"};
      piece += bytes.substr(0, room);
      bytes.remove_prefix(std::min(room, bytes.size()));
      // The last part waits for the end, where the content turns out to be whole.
      const bool full = piece.size() == statement::artifactPartBytes(upload.size, part);
      if (full && part + 1 < blob.parts) BELAY_TRY(putPart());
    }
    return {};
  };
  BELAY_TRY(world_.read(upload.digest, cut));
  return putPart();
}

}  // namespace belay::link
