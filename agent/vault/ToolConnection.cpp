// Connections that a program inside of a job uses: ssh, smtp, plugin. One table says what they hold.

#include "agent/vault/ToolConnection.h"

#include <algorithm>
#include <array>

#include "agent/vault/ConnectionReader.h"
#include "common/base/Ids.h"
#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// What a member of a definition may be.
enum class Part {
  kWord,      ///< One line without spaces, not beginning with "-".
  kLine,      ///< One line.
  kPort,
  kSecret,
  kTextOrSecret,
  kHostKeys,  ///< "TYPE BASE64", as ssh-keyscan and known_hosts have them behind the host.
  kName,      ///< An identifier.
  kDuration,
  kSize,
  kPath,
  kTls,
  kFree,      ///< An object; {secret: NAME} may stand anywhere in it.
  kInput,     ///< An object as a step has it: without secrets.
};

struct ToolKey {
  std::string_view name;
  Part part = Part::kWord;
  bool required = false;
};

struct ToolType {
  std::string_view name;
  std::span<const ToolKey> keys;
};

bool isWord(const json::Value& value) {
  if (!value.isString() || value.asString().empty() || value.asString().size() > 255) return false;
  const std::string& text = value.asString();
  return text.front() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && c != 0x7F;
         });
}

bool isHostKey(const json::Value& value) {
  if (!value.isString()) return false;
  const auto words = base::split(value.asString(), ' ');
  if (words.size() < 2) return false;
  const std::string_view type = words[0];
  const bool known = type == "ssh-ed25519" || type == "ssh-rsa" ||
                     type.starts_with("ecdsa-sha2-nistp");
  return known && words[1].size() > 40 && base::fromBase64(words[1]).has_value();
}

template <typename T>
Status statusOf(const Result<T>& result) {
  return result.ok() ? Status() : Status(result.error());
}

bool isSecret(const json::Value& value) {
  return value.isObject() && value.asObject().size() == 1 && value.find("secret") &&
         base::isSecretName(value.text("secret"));
}

Status checkFree(const ConnectionReader& reader, const json::Value& value,
                 const std::string& pointer) {
  if (value.isArray()) {
    for (std::size_t i = 0; i < value.asArray().size(); ++i)
      BELAY_TRY(checkFree(reader, value.asArray()[i], pointer + "/" + std::to_string(i)));
  }
  if (!value.isObject()) return {};
  if (value.find("secret")) return statusOf(reader.secretRef(value, pointer));
  for (const auto& [name, member] : value.asObject())
    BELAY_TRY(checkFree(reader, member, pointer + "/" + json::pointerToken(name)));
  return {};
}

void collectNames(const json::Value& value, std::set<std::string>& names) {
  if (value.isArray()) {
    for (const json::Value& item : value.asArray()) collectNames(item, names);
  }
  if (!value.isObject()) return;
  if (isSecret(value)) {
    names.insert(value.text("secret"));
    return;
  }
  for (const auto& [name, member] : value.asObject()) collectNames(member, names);
}

Status checkInput(const ConnectionReader& reader, const json::Value& value,
                  const std::string& pointer) {
  std::set<std::string> secrets;
  collectNames(value, secrets);
  if (value.isObject() && secrets.empty()) return {};
  return reader.invalid(pointer, "it must be an object without secrets, as the `with` of a step");
}

Status checkPart(const ConnectionReader& reader, const ToolKey& key, const json::Value& value) {
  const std::string pointer = "/" + std::string(key.name);
  switch (key.part) {
    case Part::kWord:
      if (isWord(value)) return {};
      return reader.invalid(pointer, "it must be a text without spaces that does not begin with -");
    case Part::kLine:
      return statusOf(reader.text(key.name, true));
    case Part::kPort:
      if (value.isInteger() && value.asInteger() >= 1 && value.asInteger() <= 65535) return {};
      return reader.invalid(pointer, "it must be a port from 1 to 65535");
    case Part::kSecret:
      if (isSecret(value)) return {};
      return reader.invalid(pointer, "a credential belongs into the vault: write {secret: NAME}");
    case Part::kTextOrSecret:
      return statusOf(reader.textOrSecret(value, pointer));
    case Part::kHostKeys:
      if (value.isArray() && !value.asArray().empty() &&
          std::all_of(value.asArray().begin(), value.asArray().end(), isHostKey))
        return {};
      return reader.invalid(pointer,
                     "it must be a list of the server's keys, each as \"ssh-ed25519 AAAA…\"");
    case Part::kName:
      if (value.isString() && base::isIdentifier(value.asString())) return {};
      return reader.invalid(pointer, "it must match [a-z0-9][a-z0-9_-]{0,63}");
    case Part::kDuration: {
      const auto time = base::parseDuration(value.isString() ? value.asString() : "");
      if (time && time->count() > 0 && *time <= std::chrono::minutes{10}) return {};
      return reader.invalid(pointer, "it must be a duration of at most 10m, like 20s");
    }
    case Part::kSize:
      if (value.isString() && base::parseBytes(value.asString()).ok()) return {};
      return reader.invalid(pointer, "it must be a size, like \"20 MB\"");
    case Part::kPath:
      if (isWord(value) && value.asString().front() == '/') return {};
      return reader.invalid(pointer, "it must be an absolute path");
    case Part::kTls:
      for (const std::string_view mode : {"starttls", "implicit", "none"}) {
        if (value.isString() && value.asString() == mode) return {};
      }
      return reader.invalid(pointer, "it must be starttls, implicit or none");
    case Part::kFree:
      if (!value.isObject()) return reader.invalid(pointer, "it must be an object");
      return checkFree(reader, value, pointer);
    case Part::kInput:
      return checkInput(reader, value, pointer);
  }
  return {};
}

constexpr std::array<ToolKey, 8> kSshKeys{{{"host", Part::kWord, true},
                                       {"port", Part::kPort},
                                       {"user", Part::kWord, true},
                                       {"key", Part::kSecret, true},
                                       {"passphrase", Part::kSecret},
                                       {"host_keys", Part::kHostKeys},
                                       {"jump", Part::kName},
                                       {"connect_timeout", Part::kDuration}}};
constexpr std::array<ToolKey, 10> kSmtpKeys{{{"host", Part::kWord, true},
                                        {"port", Part::kPort},
                                        {"tls", Part::kTls},
                                        {"user", Part::kTextOrSecret},
                                        {"password", Part::kSecret},
                                        {"from", Part::kLine, true},
                                        {"hello", Part::kWord},
                                        {"ca_file", Part::kPath},
                                        {"attachments_max", Part::kSize},
                                        {"connect_timeout", Part::kDuration}}};
constexpr std::array<ToolKey, 3> kPluginKeys{
    {{"plugin", Part::kName, true}, {"with", Part::kFree}, {"test", Part::kInput}}};
constexpr std::array<ToolType, 3> kTypes{
    {{"ssh", kSshKeys}, {"smtp", kSmtpKeys}, {"plugin", kPluginKeys}}};

const ToolType* findType(std::string_view name) {
  for (const ToolType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace

Result<ToolConnection> readToolConnection(const ConnectionReader& reader) {
  const json::Value& definition = reader.definition();
  BELAY_ASSIGN(const std::string type, reader.type());
  const ToolType& found = *findType(type);
  std::vector<std::string_view> known{"type", "rate_limit"};
  for (const ToolKey& key : found.keys) known.push_back(key.name);
  BELAY_TRY(reader.onlyKeys(definition, "", known));
  ToolConnection out;
  out.type = type;
  for (const ToolKey& key : found.keys) {
    const json::Value* value = definition.find(key.name);
    if (!value && key.required) return reader.invalid("", std::string(key.name) + " is missing");
    if (!value) continue;
    BELAY_TRY(checkPart(reader, key, *value));
    out.fields.set(key.name, *value);
  }
  if (type == "smtp" && (definition.find("user") != nullptr) !=
                            (definition.find("password") != nullptr))
    return reader.invalid("", "user and password stand together");
  if (type == "smtp" && definition.find("password") && definition.text("tls") == "none")
    return reader.invalid("/tls", "a password does not go over a connection that is not encrypted");
  return out;
}

void collectSecrets(const ToolConnection& connection, std::set<std::string>& names) {
  collectNames(connection.fields, names);
}

Result<json::Value> withSecrets(const json::Value& value, const SecretSource& secrets) {
  if (isSecret(value)) {
    const std::string name = value.text("secret");
    BELAY_ASSIGN(const Secret secret, secrets.secret(name));
    if (!base::isUtf8(secret.value.reveal()))
      return Error{ErrorCode::kConnectionInvalid, "secret " + name + " is no UTF-8 text"};
    return json::Value(std::string(secret.value.reveal()));
  }
  json::Value out = value;
  if (out.isArray()) {
    for (json::Value& item : out.asArray()) {
      BELAY_ASSIGN(item, withSecrets(item, secrets));
    }
  } else if (out.isObject()) {
    for (auto& [name, member] : out.asObject()) {
      BELAY_ASSIGN(member, withSecrets(member, secrets));
    }
  }
  return out;
}

}  // namespace belay::vault
