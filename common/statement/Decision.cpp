#include "common/statement/Decision.h"

#include <array>

#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/statement/Jws.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kCommentBytesMax = 4096;
constexpr std::size_t kAccountBytesMax = 256;
constexpr std::size_t kUnseenMax = 100;
constexpr std::array<std::string_view, 2> kAnswers{"reject", "approve"};
constexpr std::array<std::string_view, 9> kMembers{
    "v", "fleet", "request", "decision", "form", "comment", "for", "unseen", "created"};
constexpr PayloadShape kShape{"decision", 128u << 10, 32, kMembers, Decision::kVersion};

}  // namespace

Result<Decision> Decision::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the decision", kMembers);
  Decision decision;
  decision.fleet = members.digest("fleet");
  decision.request = members.digest("request");
  decision.approve = members.word("decision", kAnswers) == 1;
  decision.form = members.object("form");
  decision.comment = members.text("comment", kCommentBytesMax);
  decision.onBehalfOf = members.text("for", kAccountBytesMax);
  decision.createdMs = members.instant("created");
  for (const json::Value& each : members.list("unseen", kUnseenMax)) {
    const auto digest = each.isString() ? crypto::Digest::fromHex(each.asString())
                                        : std::optional<crypto::Digest>();
    if (!digest) members.refuse("unseen", "must be a list of digests");
    decision.unseen.push_back(digest.value_or(crypto::Digest{}));
  }
  BELAY_TRY(members.status());
  return decision;
}

std::string Decision::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kVersion)
      .member("fleet", fleet.hex())
      .member("request", request.hex())
      .member("decision", kAnswers.at(approve ? 1 : 0))
      .name("form")
      .value(form)
      .member("comment", comment)
      .member("for", onBehalfOf)
      .name("unseen")
      .beginArray();
  for (const crypto::Digest& each : unseen) writer.string(each.hex());
  writer.endArray().member("created", base::formatInstant(createdMs)).endObject();
  return out;
}

bool isOfRoster(std::string_view compact) {
  const auto jws = Jws::parse(compact);
  if (!jws) return false;
  const auto payload = json::parse(jws->unverifiedPayload());
  return payload && payload->integer("v") == Decision::kVersion;
}

}  // namespace belay::statement
