#include "common/statement/Request.h"

#include <algorithm>
#include <array>

#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;
using base::Status;

namespace {

constexpr std::size_t kNameBytesMax = 512;
constexpr std::size_t kSummaryBytesMax = 16u << 10;
constexpr std::size_t kArtifactsMax = 100;
constexpr std::size_t kApproversMax = 512;
constexpr std::int64_t kExactMax = std::int64_t{1} << 52;
constexpr std::int64_t kQuorumMax = 100;

constexpr std::array<std::string_view, 2> kKinds{"approval", "review"};
constexpr std::array<std::string_view, 4> kClasses{"none", "e2e", "page", "bot"};
constexpr std::array<std::string_view, 30> kMembers{
    "v",        "fleet",      "host",      "flow",         "release",   "run",
    "step",     "visit",      "attempt",   "wait",         "epoch",     "nonce",
    "kind",     "class",      "summary",   "effect_class", "effect",    "effect_digest",
    "rendered", "timeout_ms", "artifacts", "approvers",    "requester", "quorum",
    "fresh",    "form",       "roster",    "pin",          "created",   "expires"};
constexpr std::array<std::string_view, 5> kArtifactMembers{"name", "ref", "digest", "size",
                                                           "media_type"};
// A rendered step nests as deep as its flow does.
constexpr PayloadShape kShape{"request", Request::kPayloadBytesMax, 96, kMembers};
static_assert(Request::kNonceBytes == 32, "a nonce is written as a thumbprint is");

Status readArtifacts(const json::Array& list, Request& request) {
  for (const json::Value& each : list) {
    Members members(each,
                    "artifact " + std::to_string(request.artifacts.size() + 1) + " of the request",
                    kArtifactMembers);
    Request::Artifact artifact;
    artifact.name = members.text("name", kNameBytesMax);
    artifact.ref = members.text("ref", kNameBytesMax);
    artifact.digest = members.digest("digest");
    artifact.size = members.small("size", 0, kExactMax);
    artifact.mediaType = members.text("media_type", kNameBytesMax);
    BELAY_TRY(members.status());
    request.artifacts.push_back(std::move(artifact));
  }
  return {};
}

/// Where it stands in its run, and what tells it from every other.
void readPlace(Members& members, Request& request) {
  request.fleet = members.digest("fleet");
  request.host = members.thumbprint("host");
  request.flow = members.identifier("flow");
  request.release = members.digest("release");
  request.run = members.identifier("run");
  request.step = members.text("step", kNameBytesMax);
  request.visit = members.small("visit", 1, kExactMax);
  request.attempt = members.small("attempt", 1, kExactMax);
  request.wait = members.identifier("wait");
  request.epoch = members.text("epoch", kNameBytesMax);
  request.nonce = members.thumbprint("nonce");
  request.roster = members.number("roster", 1);
  request.pin = members.number("pin", 0);
  request.createdMs = members.instant("created");
  request.expiresMs = members.instant("expires");
}

void readReview(Members& members, Request& request) {
  request.review = members.word("kind", kKinds) == 1;
  request.effectClass = members.text("effect_class", kNameBytesMax);
  request.effect = members.object("effect");
  request.effectDigest = hexOrNone(members.digestOrNone("effect_digest"));
  request.rendered = members.any("rendered");
  request.timeoutMs = members.small("timeout_ms", 0, kExactMax);
  if (request.review == request.effectDigest.empty()) {
    members.refuse("effect_digest", "must be there in a review, and in nothing else");
  }
}

void readGate(Members& members, Request& request) {
  request.keyClass = static_cast<KeyClass>(members.word("class", kClasses));
  request.summary = members.text("summary", kSummaryBytesMax);
  request.quorum = members.small("quorum", 1, kQuorumMax);
  request.requester = members.text("requester", kNameBytesMax);
  if (!request.requester.empty()) request.requester = members.person("requester");
  for (const json::Value& each : members.list("approvers", kApproversMax)) {
    const bool good = each.isString() && isPerson(each.asString());
    if (!good) members.refuse("approvers", "must be a list of persons");
    request.approvers.push_back(good ? each.asString() : "");
  }
  const json::Value& fresh = members.any("fresh");
  if (!fresh.isBool()) members.refuse("fresh", "must be true or false");
  request.fresh = fresh.isBool() && fresh.asBool();
  const json::Value& form = members.any("form");
  if (!form.isNull() && !form.isObject()) members.refuse("form", "must be an object, or null");
  request.form = form;
  if (request.keyClass == KeyClass::kNone) members.refuse("class", "must be e2e, page or bot");
}

}  // namespace

Result<Request> Request::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the request", kMembers);
  Request request;
  readPlace(members, request);
  readReview(members, request);
  readGate(members, request);
  if (request.expiresMs <= request.createdMs) members.refuse("expires", "must be after created");
  const json::Array& artifacts = members.list("artifacts", kArtifactsMax);
  BELAY_TRY(members.status());
  BELAY_TRY(readArtifacts(artifacts, request));
  return request;
}

namespace {

void printArtifacts(const std::vector<Request::Artifact>& artifacts, json::Writer& writer) {
  writer.name("artifacts").beginArray();
  for (const Request::Artifact& each : artifacts) {
    writer.beginObject()
        .member("name", each.name)
        .member("ref", each.ref)
        .member("digest", each.digest.hex())
        .member("size", each.size)
        .member("media_type", each.mediaType)
        .endObject();
  }
  writer.endArray();
}

}  // namespace

std::string Request::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("host", host)
      .member("flow", flow)
      .member("release", release.hex())
      .member("run", run)
      .member("step", step)
      .member("visit", visit)
      .member("attempt", attempt)
      .member("wait", wait)
      .member("epoch", epoch)
      .member("nonce", nonce)
      .member("kind", kKinds.at(review ? 1 : 0))
      .member("class", keyClassName(keyClass))
      .member("summary", summary)
      .member("effect_class", effectClass)
      .name("effect")
      .value(effect)
      .member("effect_digest", effectDigest)
      .name("rendered")
      .value(rendered)
      .member("timeout_ms", timeoutMs);
  printArtifacts(artifacts, writer);
  writer.name("approvers").beginArray();
  for (const std::string& each : approvers) writer.string(each);
  writer.endArray()
      .member("requester", requester)
      .member("quorum", quorum)
      .member("fresh", fresh)
      .name("form")
      .value(form)
      .member("roster", std::to_string(roster))
      .member("pin", std::to_string(pin))
      .member("created", base::formatInstant(createdMs))
      .member("expires", base::formatInstant(expiresMs))
      .endObject();
  return out;
}

}  // namespace belay::statement
