#include "common/statement/Root.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/Units.h"
#include "common/json/Writer.h"
#include "common/statement/Payload.h"

namespace belay::statement {

using base::Result;
using base::Status;

namespace {

constexpr std::size_t kKeysMax = 32;
constexpr std::size_t kNameBytesMax = 128;
constexpr std::array<std::string_view, 8> kMembers{"v",    "fleet", "version",   "prev",
                                                   "name", "keys",  "threshold", "created"};
constexpr std::array<std::string_view, 2> kKeyMembers{"key", "person"};
constexpr PayloadShape kShape{"root document", 64u << 10, 4, kMembers};

Result<Root::Key> readKey(const json::Value& value, const std::string& what) {
  Members members(value, what, kKeyMembers);
  std::string person = members.person("person");
  const json::Value& jwk = members.object("key");
  BELAY_TRY(members.status());
  BELAY_ASSIGN(crypto::P256PublicKey key, readPublicKey(jwk, what));
  return Root::Key{std::move(key), std::move(person)};
}

/// What the members must be to each other.
void checkTogether(const Root& root, Members& members) {
  std::set<std::string> kids, persons;
  for (const Root::Key& key : root.keys) {
    kids.insert(key.key.thumbprint());
    persons.insert(key.person);
  }
  if (kids.size() != root.keys.size()) members.refuse("keys", "has one key twice");
  if (root.keys.empty()) members.refuse("keys", "must not be empty");
  if (root.threshold > static_cast<std::int64_t>(persons.size())) {
    members.refuse("threshold", "is more than there are persons");
  }
  const bool first = root.version == 1;
  if ((root.fleet == crypto::Digest{}) != first) {
    members.refuse("fleet", "must be empty in version 1, and in no other");
  }
  if ((root.prev == crypto::Digest{}) != first) {
    members.refuse("prev", "must be empty in version 1, and in no other");
  }
}

}  // namespace

Result<Root> Root::parse(std::string_view payload) {
  BELAY_ASSIGN(const json::Value value, openPayload(payload, kShape));
  Members members(value, "the root document", kMembers);
  Root root;
  root.fleet = members.digestOrNone("fleet");
  root.version = members.number("version", 1);
  root.prev = members.digestOrNone("prev");
  root.name = members.text("name", kNameBytesMax);
  root.threshold = members.small("threshold", 1, kKeysMax);
  root.createdMs = members.instant("created");
  const json::Array& keys = members.list("keys", kKeysMax);
  BELAY_TRY(members.status());
  for (const json::Value& each : keys) {
    BELAY_ASSIGN(Key key, readKey(each, "key " + std::to_string(root.keys.size() + 1) +
                                            " of the root document"));
    root.keys.push_back(std::move(key));
  }
  checkTogether(root, members);
  BELAY_TRY(members.status());
  return root;
}

std::string Root::print() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject()
      .member("v", kPayloadVersion)
      .member("fleet", hexOrNone(fleet))
      .member("version", std::to_string(version))
      .member("prev", hexOrNone(prev))
      .member("name", name)
      .name("keys")
      .beginArray();
  for (const Key& key : keys) {
    writer.beginObject().rawMember("key", key.key.jwk()).member("person", key.person).endObject();
  }
  writer.endArray()
      .member("threshold", threshold)
      .member("created", base::formatInstant(createdMs))
      .endObject();
  return out;
}

}  // namespace belay::statement
