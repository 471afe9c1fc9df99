#include "agent/link/RelayClient.h"

#include <utility>

#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Jws.h"
#include "common/statement/SessionClaim.h"
#include "common/wire/Envelope.h"
#include "common/wire/Protocol.h"
#include "common/wire/ReconnectProof.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

/// What a poll may take beyond its wait: the answer's way, and a relay that is busy.
constexpr std::chrono::seconds kPollSlack{15};
// A batch, a message above it, and what they are wrapped into.
constexpr std::size_t kAnswerBytesMax = wire::kBatchBytesMax + 2 * wire::kMessageBytesMax;
constexpr std::int64_t kSecondsMax = 3'600;

Error strange(const std::string& what) {
  return Error{ErrorCode::kHttpProtocol,
               "the relay's answer lacks " + what,
               {"look whether the URL is that of a belay-relay"}};
}

std::int64_t bounded(const Value& value, std::string_view name, std::int64_t most) {
  const std::int64_t number = value.integer(name);
  return number < 0 ? 0 : std::min(number, most);
}

}  // namespace

Result<std::string> relayUrl(const std::string& text) {
  BELAY_ASSIGN(const http::Url url, http::parseUrl(text));
  if (!url.secure() || url.target != "/") {
    return Error{ErrorCode::kUrlInvalid,
                 "the URL of a relay is https and has no path: " + base::visible(text)};
  }
  return "https://" + url.authority();
}

Result<Value> RelayClient::ask(const Call& call, Value* errorData) {
  http::ClientRequest request;
  request.method = call.method;
  request.url = call.url + call.path;
  if (!call.body.empty()) request.headers.add("Content-Type", call.contentType);
  if (!call.bearer.empty()) request.headers.add("Authorization", "Bearer " + call.bearer);
  request.body = call.body;
  request.timeout = call.timeout;
  request.responseBytesMax = kAnswerBytesMax;
  request.cancel = cancel_;
  auto outcome = send_(request);
  if (!outcome.ok()) return outcome.failure().error;
  const int status = outcome.response().status;
  auto envelope = wire::parseEnvelope(outcome.response().body);
  if (!envelope) {
    return Error{ErrorCode::kHttpProtocol,
                 call.url + " answers " + std::to_string(status) + " with something else than a " +
                     "relay's envelope",
                 {"look whether the URL is that of a belay-relay"}};
  }
  if (!envelope->error) return std::move(envelope->data);
  if (errorData) *errorData = std::move(envelope->data);
  return std::move(*envelope->error);
}

Result<Identity> RelayClient::enrol(const std::string& url, const std::string& token,
                                    const crypto::P256PublicKey& key, const std::string& label) {
  Identity out;
  BELAY_ASSIGN(out.url, relayUrl(url));
  std::string body;
  json::Writer writer(body);
  writer.beginObject().rawMember("key", key.jwk()).member("label", label).endObject();
  BELAY_ASSIGN(const Value data, ask({out.url, "/v1/enrol", body, token}));
  out.host = data.text("host");
  out.label = label;
  out.fresh = !data.flag("existing");
  if (out.host != key.thumbprint()) return strange("this host's name");
  if (data.text("url") != out.url) {
    return Error{ErrorCode::kRelayUrl,
                 "the relay calls itself " + base::visible(data.text("url")) + ", not " + out.url,
                 {"enrol with that URL, or set relay.url in the relay's settings"}};
  }
  return out;
}

Result<SessionGrant> RelayClient::openSession(const std::string& url,
                                              const crypto::P256PrivateKey& key,
                                              const SessionFacts& facts) {
  Value challenge;
  auto first = ask({url, "/v1/session", "{}", ""}, &challenge);
  if (first) return strange("a nonce");
  if (first.error().code != ErrorCode::kRelayNonce) return std::move(first).error();
  statement::SessionClaim claim;
  claim.relay = url;
  claim.nonce = challenge.text("nonce");
  claim.epoch = facts.epoch;
  claim.number = facts.number;
  claim.sent = facts.sent;
  claim.ended = facts.ended;
  claim.head = facts.head;
  if (!facts.fleet.empty())
    claim.fleet = crypto::Digest::fromHex(facts.fleet).value_or(crypto::Digest{});
  const auto nonce = base::fromBase64Url(claim.nonce);
  // Nothing that the relay chose is signed but so many bytes in their place.
  if (!nonce || nonce->size() != statement::SessionClaim::kNonceBytes) return strange("a nonce");
  SessionGrant grant;
  grant.statement = statement::signJws(key, statement::SessionClaim::kTyp, claim.print());
  Value body;
  body.set("statement", grant.statement);
  if (!facts.reconnectKey.empty())
    body.set("proof", wire::reconnectProof(facts.reconnectKey, grant.statement));
  BELAY_ASSIGN(const Value data, ask({url, "/v1/session", json::print(body), ""}));
  grant.previous = data.text("previous");
  grant.bearer = data.text("session");
  grant.reconnectKey = data.text("reconnect_key");
  if (grant.bearer.empty()) return strange("a session");
  grant.received = bounded(data, "received", wire::kSequenceMax);
  grant.pollMax = std::chrono::seconds{bounded(data, "poll_max_s", wire::kPollSecondsMax)};
  grant.reconnectWindow = std::chrono::seconds{bounded(data, "reconnect_window_s", kSecondsMax)};
  return grant;
}

Result<std::vector<Incoming>> RelayClient::poll(const std::string& url, const std::string& bearer,
                                                std::int64_t acknowledged,
                                                std::chrono::seconds wait) {
  Value body;
  body.set("ack", acknowledged).set("wait_s", std::int64_t{wait.count()});
  Call call{url, "/v1/poll", json::print(body), bearer};
  call.timeout = wait + kPollSlack;
  BELAY_ASSIGN(Value data, ask(call));
  Value* const list = data.find("messages");
  if (!list || !list->isArray()) return strange("a list of messages");
  std::vector<Incoming> out;
  for (Value& each : list->asArray()) {
    Value* const content = each.find("body");
    const std::int64_t seq = each.integer("seq");
    const std::int64_t before = out.empty() ? acknowledged : out.back().seq;
    if (seq <= before || seq > wire::kSequenceMax || !content || !content->isObject()) {
      return strange("messages in their order");
    }
    out.push_back({seq, each.text("kind"), std::move(*content)});
  }
  return out;
}

Result<RelayClient::Handed> RelayClient::hand(const std::string& url, const std::string& bearer,
                                              const std::string& messagesJson) {
  BELAY_ASSIGN(const Value data,
               ask({url, "/v1/messages", "{\"messages\":" + messagesJson + "}", bearer}));
  Handed out;
  out.acknowledged = bounded(data, "acknowledged", wire::kSequenceMax);
  const Value* const refused = data.find("refused");
  if (!refused || !refused->isArray()) return out;
  for (const Value& each : refused->asArray()) {
    out.refused.push_back({each.integer("seq"), each.text("code"), each.text("message")});
  }
  return out;
}

Result<std::int64_t> RelayClient::blobParts(const std::string& url, const std::string& bearer,
                                            const Blob& blob) {
  Call call{url, "/v1/blobs/" + blob.name + "?request=" + blob.request, "", bearer};
  call.method = "GET";
  BELAY_ASSIGN(const Value data, ask(call));
  const bool same = data.text("seal") == blob.seal && data.integer("parts") == blob.parts;
  return same ? bounded(data, "have", blob.parts) : 0;
}

base::Status RelayClient::putBlob(const std::string& url, const std::string& bearer,
                                  const Blob& blob, std::int64_t part, const std::string& sealed) {
  Call call{url,
            "/v1/blobs/" + blob.name + "?request=" + blob.request + "&seal=" + blob.seal +
                "&part=" + std::to_string(part) + "&parts=" + std::to_string(blob.parts),
            sealed, bearer};
  call.method = "PUT";
  call.contentType = "application/jose+json";
  const auto taken = ask(call);
  return taken ? base::Status{} : base::Status{taken.error()};
}

}  // namespace belay::link
