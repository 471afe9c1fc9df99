#include "agent/vault/HostKeyPins.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/crypto/HostKeyFingerprint.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

std::string typeOf(std::string_view key) { return std::string(key.substr(0, key.find(' '))); }

/// A pinned line may have a comment behind the key, as in a .pub file.
std::string withoutComment(std::string_view line) {
  const auto words = base::split(line, ' ');
  return words.size() < 2 ? std::string(line) : std::string(words[0]) + " " + std::string(words[1]);
}

std::vector<std::string> pinnedBy(const Value& definition) {
  std::vector<std::string> out;
  const Value* list = definition.find("host_keys");
  if (!list || !list->isArray()) return out;
  for (const Value& line : list->asArray()) {
    if (line.isString()) out.push_back(withoutComment(line.asString()));
  }
  return out;
}

bool has(const std::vector<std::string>& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

bool hasType(const std::vector<std::string>& keys, const std::string& type) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const std::string& key) { return typeOf(key) == type; });
}

Value described(const std::string& key) {
  Value out;
  out.set("type", typeOf(key)).set("fingerprint", crypto::hostKeyFingerprint(key));
  return out;
}

}  // namespace

Value judgeHostKeys(const Value& definition, const std::vector<std::string>& shown) {
  const std::vector<std::string> pins = pinnedBy(definition);
  const bool known = pins.empty() || std::any_of(shown.begin(), shown.end(),
                                                 [&](const auto& key) { return has(pins, key); });
  bool changed = !known;
  Value keys{json::Array{}};
  for (const std::string& key : shown) {
    const bool same = has(pins, key);
    const bool other = !same && (!known || hasType(pins, typeOf(key)));
    changed = changed || other;
    Value one = described(key);
    one.set("key", key).set("state", same ? "pinned" : other ? "changed" : "new");
    keys.push(std::move(one));
  }
  Value pinned{json::Array{}};
  for (const std::string& key : pins) pinned.push(described(key));
  Value out;
  out.set("host_keys", std::move(keys)).set("pinned", std::move(pinned)).set("changed", changed);
  return out;
}

Result<Value> withHostKeys(const Value& definition, const std::vector<std::string>& keys,
                           bool replace) {
  std::vector<std::string> pins = replace ? std::vector<std::string>() : pinnedBy(definition);
  for (const std::string& key : keys) {
    if (crypto::hostKeyFingerprint(key).empty())
      return Error{ErrorCode::kInvalidArgument, "a host key is \"TYPE BASE64\""};
    if (has(pins, key)) continue;
    if (!replace && hasType(pins, typeOf(key))) {
      return Error{ErrorCode::kSshHostKey, "the connection pins another key of type " +
                                               typeOf(key) + " than " + crypto::hostKeyFingerprint(key)};
    }
    pins.push_back(key);
  }
  Value list{json::Array{}};
  for (const std::string& key : pins) list.push(key);
  Value out = definition;
  out.set("host_keys", std::move(list));
  return out;
}

Error changedHostKey(const std::string& name, const Value& judged) {
  const auto listed = [&](std::string_view member, std::string_view state) {
    std::string out;
    for (const Value& key : judged.find(member)->asArray()) {
      if (!state.empty() && key.text("state") != state) continue;
      out += (out.empty() ? "" : ", ") + key.text("type") + " " + key.text("fingerprint");
    }
    return out;
  };
  std::string first;
  for (const Value& key : judged.find("host_keys")->asArray()) {
    if (first.empty() && key.text("state") == "changed") first = key.text("fingerprint");
  }
  return Error{
      ErrorCode::kSshHostKey,
      "the server of connection " + name + " shows " + listed("host_keys", "changed") +
          ", but pinned is " + listed("pinned", "") +
          ": somebody stands in between, the name leads to another machine, or it was installed "
          "anew. Nothing was changed",
      {"on the machine itself, not over this way: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
       "only if it shows the same fingerprint: belay connection test " + name +
           " --learn --replace --fingerprint " + first}};
}

}  // namespace belay::vault
