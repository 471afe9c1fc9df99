#include "common/statement/Card.h"

#include <algorithm>
#include <array>

#include "common/base/Ids.h"
#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;

namespace {

constexpr std::size_t kLabelBytesMax = 128;
constexpr std::size_t kGroupsMax = 64;
constexpr std::array<std::string_view, 7> kMembers{"v",      "fleet",   "key",    "label",
                                                   "groups", "counter", "created"};
constexpr PayloadShape kShape{"card", 16u << 10, 2, kMembers};

bool isGroup(const json::Value& value) {
  return value.isString() && base::isIdentifier(value.asString());
}

}  // namespace

Result<Card> Card::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the card", kMembers);
  const crypto::Digest fleet = members.digest("fleet");
  std::string label = members.text("label", kLabelBytesMax);
  const std::int64_t counter = members.number("counter", 1);
  const std::int64_t createdMs = members.instant("created");
  const json::Array& groups = members.list("groups", kGroupsMax);
  if (label.empty()) members.refuse("label", "must not be empty");
  if (!std::all_of(groups.begin(), groups.end(), isGroup)) {
    members.refuse("groups", "must be a list of names");
  }
  const json::Value& jwk = members.object("key");
  BELAY_TRY(members.status());
  BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKey(jwk, "the card"));
  Card card(std::move(key));
  card.fleet = fleet;
  card.label = std::move(label);
  card.counter = counter;
  card.createdMs = createdMs;
  for (const json::Value& each : groups) card.groups.push_back(each.asString());
  return card;
}

std::string Card::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .rawMember("key", key.jwk())
      .member("label", label)
      .name("groups")
      .beginArray();
  for (const std::string& each : groups) writer.string(each);
  writer.endArray()
      .member("counter", std::to_string(counter))
      .member("created", base::formatInstant(createdMs))
      .endObject();
  return out;
}

}  // namespace belay::statement
