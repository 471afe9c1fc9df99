#include "common/statement/Roster.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;
using base::Status;

namespace {

constexpr std::size_t kKeysMax = 512;
constexpr std::size_t kListMax = 2048;
constexpr std::size_t kRelaysMax = 16;
constexpr std::size_t kIdBytesMax = 256;
constexpr std::size_t kReasonBytesMax = 256;
constexpr std::size_t kUrlBytesMax = 512;
constexpr std::int64_t kThresholdMax = 32;

constexpr std::array<std::string_view, 6> kRoles{
    "approver", "bot", "starter", "registrar", "release-signer", "upgrade-signer"};
constexpr std::array<std::string_view, 4> kClasses{"none", "e2e", "page", "bot"};
constexpr std::array<std::string_view, 2> kModes{"from_now", "void"};

constexpr std::array<std::string_view, 12> kMembers{
    "v",          "fleet", "version",    "prev",        "created",    "max_age",
    "thresholds", "keys",  "identities", "revocations", "pin_floors", "relays"};
constexpr std::array<std::string_view, 2> kThresholdMembers{"pin", "upgrade"};
constexpr std::array<std::string_view, 4> kKeyMembers{"key", "role", "class", "person"};
constexpr std::array<std::string_view, 3> kIdentityMembers{"id", "person", "bot"};
constexpr std::array<std::string_view, 3> kRevocationMembers{"key", "mode", "reason"};
constexpr std::array<std::string_view, 3> kFloorMembers{"flow", "channel", "counter"};
constexpr PayloadShape kShape{"roster", 512u << 10, 4, kMembers};

/// "kind:name" in visible ASCII without spaces.
bool isChatId(std::string_view id) {
  const std::size_t colon = id.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == id.size()) return false;
  return std::all_of(id.begin(), id.begin() + static_cast<std::ptrdiff_t>(colon),
                     [](char c) { return c >= 'a' && c <= 'z'; }) &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string nth(std::string_view what, std::size_t index) {
  return std::string(what) + " " + std::to_string(index + 1) + " of the roster";
}

Status readKeys(const json::Array& list, Roster& roster) {
  for (const json::Value& each : list) {
    const std::string what = nth("key", roster.keys.size());
    Members members(each, what, kKeyMembers);
    const auto role = static_cast<Role>(members.word("role", kRoles));
    const auto keyClass = static_cast<KeyClass>(members.word("class", kClasses));
    std::string person = members.person("person");
    const json::Value& jwk = members.object("key");
    if (!isClassOf(keyClass, role)) members.refuse("class", "is not one of this role");
    BELAY_TRY(members.status());
    BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKey(jwk, what));
    roster.keys.push_back({std::move(key), role, keyClass, std::move(person)});
  }
  return {};
}

Status readIdentities(const json::Array& list, Roster& roster) {
  for (const json::Value& each : list) {
    Members members(each, nth("identity", roster.identities.size()), kIdentityMembers);
    Roster::Identity identity;
    identity.id = members.text("id", kIdBytesMax);
    identity.person = members.person("person");
    identity.bot = members.thumbprint("bot");
    if (!isChatId(identity.id)) members.refuse("id", "must be as slack:T1/U2");
    BELAY_TRY(members.status());
    roster.identities.push_back(std::move(identity));
  }
  return {};
}

Status readRevocations(const json::Array& list, Roster& roster) {
  for (const json::Value& each : list) {
    Members members(each, nth("revocation", roster.revocations.size()), kRevocationMembers);
    Roster::Revocation revocation;
    revocation.key = members.thumbprint("key");
    revocation.mode = static_cast<Roster::Mode>(members.word("mode", kModes));
    revocation.reason = members.text("reason", kReasonBytesMax);
    BELAY_TRY(members.status());
    roster.revocations.push_back(std::move(revocation));
  }
  return {};
}

Status readFloors(const json::Array& list, Roster& roster) {
  for (const json::Value& each : list) {
    Members members(each, nth("floor", roster.floors.size()), kFloorMembers);
    Roster::Floor floor;
    floor.flow = members.identifier("flow");
    floor.channel = members.identifier("channel");
    floor.counter = members.number("counter", 1);
    BELAY_TRY(members.status());
    roster.floors.push_back(std::move(floor));
  }
  return {};
}

template <typename List, typename Name>
bool namesEachOnce(const List& list, const Name& name) {
  std::set<std::string> names;
  for (const auto& each : list) names.insert(name(each));
  return names.size() == list.size();
}

/// What the members must be to each other.
void checkTogether(const Roster& roster, Members& members) {
  const auto isBot = [&](const std::string& kid) {
    return std::any_of(roster.keys.begin(), roster.keys.end(), [&](const Roster::Key& key) {
      return key.role == Role::kBot && key.key.thumbprint() == kid;
    });
  };
  if (!namesEachOnce(roster.keys, [](const auto& key) { return key.key.thumbprint(); })) {
    members.refuse("keys", "has one key twice: one key has one role");
  }
  if (!namesEachOnce(roster.identities,
                     [](const auto& identity) { return identity.id + " " + identity.bot; })) {
    members.refuse("identities", "has one id twice for one bot");
  }
  for (const Roster::Identity& identity : roster.identities) {
    if (!isBot(identity.bot)) members.refuse("identities", "names a bot that keys does not have");
  }
  if (!namesEachOnce(roster.revocations, [](const auto& each) { return each.key; })) {
    members.refuse("revocations", "has one key twice");
  }
  if (!namesEachOnce(roster.floors,
                     [](const auto& floor) { return floor.flow + "/" + floor.channel; })) {
    members.refuse("pin_floors", "has one chain twice");
  }
  if (roster.version == 1 && roster.prev != crypto::Digest{}) {
    members.refuse("prev", "must be empty in version 1");
  }
  if (roster.version != 1 && roster.prev == crypto::Digest{}) {
    members.refuse("prev", "must not be empty after version 1");
  }
}

void printLists(const Roster& roster, json::Writer& writer) {
  writer.name("keys").beginArray();
  for (const Roster::Key& key : roster.keys) {
    writer.beginObject()
        .rawMember("key", key.key.jwk())
        .member("role", roleName(key.role))
        .member("class", keyClassName(key.keyClass))
        .member("person", key.person)
        .endObject();
  }
  writer.endArray().name("identities").beginArray();
  for (const Roster::Identity& identity : roster.identities) {
    writer.beginObject()
        .member("id", identity.id)
        .member("person", identity.person)
        .member("bot", identity.bot)
        .endObject();
  }
  writer.endArray().name("revocations").beginArray();
  for (const Roster::Revocation& revocation : roster.revocations) {
    writer.beginObject()
        .member("key", revocation.key)
        .member("mode", kModes.at(static_cast<std::size_t>(revocation.mode)))
        .member("reason", revocation.reason)
        .endObject();
  }
  writer.endArray().name("pin_floors").beginArray();
  for (const Roster::Floor& floor : roster.floors) {
    writer.beginObject()
        .member("flow", floor.flow)
        .member("channel", floor.channel)
        .member("counter", std::to_string(floor.counter))
        .endObject();
  }
  writer.endArray().name("relays").beginArray();
  for (const std::string& relay : roster.relays) writer.string(relay);
  writer.endArray();
}

}  // namespace

std::string_view roleName(Role role) { return kRoles.at(static_cast<std::size_t>(role)); }

std::optional<Role> roleFromName(std::string_view name) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

std::string_view keyClassName(KeyClass keyClass) {
  return kClasses.at(static_cast<std::size_t>(keyClass));
}

bool isClassOf(KeyClass keyClass, Role role) {
  if (role == Role::kApprover) return keyClass == KeyClass::kE2e || keyClass == KeyClass::kPage;
  return keyClass == (role == Role::kBot ? KeyClass::kBot : KeyClass::kNone);
}

Result<Roster> Roster::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the roster", kMembers);
  Roster roster;
  roster.fleet = members.digest("fleet");
  roster.version = members.number("version", 1);
  roster.prev = members.digestOrNone("prev");
  roster.createdMs = members.instant("created");
  roster.maxAgeS = members.number("max_age", 1);
  const json::Array& keys = members.list("keys", kKeysMax);
  const json::Array& identities = members.list("identities", kListMax);
  const json::Array& revocations = members.list("revocations", kListMax);
  const json::Array& floors = members.list("pin_floors", kListMax);
  const json::Array& relays = members.list("relays", kRelaysMax);
  const json::Value& thresholds = members.object("thresholds");
  BELAY_TRY(members.status());
  Members limits(thresholds, "thresholds of the roster", kThresholdMembers);
  roster.pinThreshold = limits.small("pin", 1, kThresholdMax);
  roster.upgradeThreshold = limits.small("upgrade", 1, kThresholdMax);
  BELAY_TRY(limits.status());
  BELAY_TRY(readKeys(keys, roster));
  BELAY_TRY(readIdentities(identities, roster));
  BELAY_TRY(readRevocations(revocations, roster));
  BELAY_TRY(readFloors(floors, roster));
  for (const json::Value& relay : relays) {
    const bool good = relay.isString() && relay.asString().size() <= kUrlBytesMax &&
                      relay.asString().starts_with("https://");
    if (!good) members.refuse("relays", "must be addresses that begin with https://");
    BELAY_TRY(members.status());
    roster.relays.push_back(relay.asString());
  }
  checkTogether(roster, members);
  BELAY_TRY(members.status());
  return roster;
}

std::string Roster::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", fleet.hex())
      .member("version", std::to_string(version))
      .member("prev", hexOrNone(prev))
      .member("created", base::formatInstant(createdMs))
      .member("max_age", std::to_string(maxAgeS))
      .name("thresholds")
      .beginObject()
      .member("pin", pinThreshold)
      .member("upgrade", upgradeThreshold)
      .endObject();
  printLists(*this, writer);
  writer.endObject();
  return out;
}

const Roster::Revocation* Roster::revocationOf(std::string_view kid) const {
  const auto found = std::find_if(revocations.begin(), revocations.end(),
                                  [kid](const Revocation& each) { return each.key == kid; });
  return found == revocations.end() ? nullptr : &*found;
}

std::int64_t Roster::floorOf(std::string_view flow, std::string_view channel) const {
  const auto found = std::find_if(floors.begin(), floors.end(), [&](const Floor& floor) {
    return floor.flow == flow && floor.channel == channel;
  });
  return found == floors.end() ? 0 : found->counter;
}

}  // namespace belay::statement
