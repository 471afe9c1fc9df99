// Artifacts of open requests: sealed by the host for those who may answer, kept in parts, and given
// to approvers. What they are called says nothing to the relay either.

#include <algorithm>
#include <utility>

#include "common/base/Text.h"
#include "common/crypto/Digest.h"
#include "common/wire/Protocol.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using mailbox::Mailbox;

namespace {

Result<std::string> digestIn(std::string text, const char* what) {
  if (crypto::Digest::fromHex(text)) return text;
  return Error{ErrorCode::kInvalidArgument, std::string("the ") + what + " must be a digest"};
}

Result<mailbox::BlobPart> readPart(http::ServerRequest& request) {
  mailbox::BlobPart out;
  BELAY_ASSIGN(out.name, digestIn(request.param("name"), "name"));
  BELAY_ASSIGN(out.request, digestIn(request.queryValue("request").value_or(""), "request"));
  BELAY_ASSIGN(out.seal, digestIn(request.queryValue("seal").value_or(""), "seal"));
  BELAY_ASSIGN(out.part, queryNumber(request, "part", wire::kBlobPartsMax - 1));
  BELAY_ASSIGN(out.parts, queryNumber(request, "parts", wire::kBlobPartsMax));
  if (out.part >= out.parts) {
    return Error{ErrorCode::kInvalidArgument, "an artifact has so many parts as it says"};
  }
  out.content = std::move(request.body);
  if (out.content.empty() || !base::isUtf8(out.content)) {
    return Error{ErrorCode::kInvalidArgument, "a part is a JWE in JSON"};
  }
  return out;
}

Value stateJson(const mailbox::BlobState& state) {
  Value out;
  out.set("seal", state.seal).set("have", state.have).set("parts", state.parts);
  return out;
}

/// What is kept of it; all zero when it is not there.
Result<mailbox::BlobState> stateOf(Mailbox& mailbox, const std::string& request,
                                   const std::string& name) {
  BELAY_ASSIGN(std::optional<mailbox::BlobState> found, mailbox.blob(request, name));
  return found ? std::move(*found) : mailbox::BlobState{};
}

}  // namespace

void answerBlob(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const auto session = sessionOf(context, request);
  if (!session) return responder.send(errorResponse(session.error()));
  context.store.post(
      std::move(responder),
      [host = session->host, name = request.param("name"),
       id = request.queryValue("request").value_or("")](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(const std::optional<mailbox::ApprovalRow> row, mailbox.approval(id));
        if (!row || row->host != host || row->closed) {
          return Error{ErrorCode::kRelayApproval, "this host has no such open request"};
        }
        BELAY_ASSIGN(const mailbox::BlobState state, stateOf(mailbox, id, name));
        return Outcome{okResponse(stateJson(state)), {}, {}, {}};
      });
}

void takeBlob(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const auto session = sessionOf(context, request);
  if (!session) return responder.send(errorResponse(session.error()));
  auto part = readPart(request);
  if (!part) return responder.send(errorResponse(part.error()));
  context.store.post(
      std::move(responder),
      [&context, session = *session, part = std::move(*part)](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(const std::optional<mailbox::HostRow> host, mailbox.host(session.host));
        if (!host || host->epoch != session.epoch) {
          return Error{ErrorCode::kRelayFenced, "a newer session of this host has taken over"};
        }
        const auto most = static_cast<std::int64_t>(context.settings.artifactBytesMax);
        BELAY_TRY(mailbox.putBlob(session.host, part, most));
        BELAY_ASSIGN(const mailbox::BlobState state, stateOf(mailbox, part.request, part.name));
        Outcome outcome;
        outcome.response = okResponse(stateJson(state));
        outcome.onCommitted = [&context] { context.metrics.add(Counter::kArtifactParts); };
        return outcome;
      });
}

void answerArtifact(Context& context, http::ServerRequest&& request, http::Responder responder) {
  const auto part = queryNumber(request, "part", wire::kBlobPartsMax - 1);
  if (!part) return responder.send(errorResponse(part.error()));
  context.store.post(
      std::move(responder),
      [part = *part, id = request.param("request"),
       name = request.param("name")](Mailbox& mailbox) -> Result<Outcome> {
        BELAY_ASSIGN(const std::optional<mailbox::ApprovalRow> row, mailbox.approval(id));
        if (!row) return Error{ErrorCode::kRelayApproval, "this relay has no such request"};
        BELAY_ASSIGN(const mailbox::BlobState state, stateOf(mailbox, id, name));
        BELAY_ASSIGN(std::optional<std::string> content, mailbox.blobPart(id, name, part));
        Value data = stateJson(state);
        // Without it the part is not here yet, or never will be.
        if (content) data.set("content", std::move(*content));
        return Outcome{okResponse(std::move(data)), {}, {}, {}};
      });
}

}  // namespace belay::service
