#include "agent/vault/Vault.h"

#include <utility>

#include "common/base/Files.h"
#include "common/base/SecretName.h"
#include "common/base/Text.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Wipe.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;

namespace {

// The file is one JSON object, written in exactly this way, so that the MAC covers every byte that
// is not compared here: {"format":"belay-vault","v":1,"mac":"<64 hex>","body":{…}} and a newline.
constexpr std::string_view kHead = R"({"format":"belay-vault","v":1,"mac":")";
constexpr std::string_view kMiddle = R"(","body":)";
constexpr std::string_view kTail = "}\n";
constexpr std::size_t kMacChars = 64;
constexpr std::size_t kFileBytesMax = 128u << 20;

Error damaged(const std::string& path, const std::string& why) {
  return Error{ErrorCode::kVaultSealed,
               "vault " + path + ": " + why,
               {"restore the file and keys/vault.key from one backup"}};
}

/// Binds an entry to its name and version.
std::string contextOf(std::string_view name, std::uint64_t version) {
  return "belay vault entry " + std::string(name) + " " + std::to_string(version);
}

std::uint64_t sizeClass(std::size_t size) {
  std::uint64_t most = 16;
  while (most < size) most *= 4;
  return most;
}

Error noSecret(std::string_view name) {
  return Error{ErrorCode::kSecretNotFound,
               "there is no secret " + base::visible(name.substr(0, 64)),
               {"belay secret set " + base::visible(name.substr(0, 64)), "belay secret list"}};
}

}  // namespace

Vault::Vault(Private, std::string path, const crypto::SealKey& key, const base::Clock& clock,
             base::Random& random, const VaultLimits& limits)
    : path_(std::move(path)),
      key_(key.derive("vault entry")),
      macKey_(SecretValue::take(key.deriveMacKey("vault file"))),
      clock_(clock),
      random_(random),
      limits_(limits) {}

Result<std::unique_ptr<Vault>> Vault::open(const std::string& path, crypto::SealKey key,
                                           const base::Clock& clock, base::Random& random,
                                           const VaultLimits& limits) {
  auto vault = std::make_unique<Vault>(Private(), path, key, clock, random, limits);
  BELAY_TRY(vault->load());
  return vault;
}

Status Vault::load() {
  auto text = base::readFile(path_, kFileBytesMax);
  if (!text.ok()) {
    if (text.error().code == ErrorCode::kNotFound) return {};
    return std::move(text).error();
  }
  BELAY_ASSIGN(Entries entries, decode(*text));
  MutexLock lock(mutex_);
  entries_ = std::move(entries);
  return {};
}

Result<Vault::Entries> Vault::decode(const std::string& text) const {
  const std::size_t framing = kHead.size() + kMacChars + kMiddle.size() + kTail.size();
  std::string_view rest = text;
  if (rest.size() <= framing || !rest.starts_with(kHead) || !rest.ends_with(kTail)) {
    return damaged(path_, "it is not a vault that this version can read");
  }
  rest.remove_prefix(kHead.size());
  rest.remove_suffix(kTail.size());
  const std::string_view mac = rest.substr(0, kMacChars);
  rest.remove_prefix(kMacChars);
  if (!rest.starts_with(kMiddle)) return damaged(path_, "it is not a vault");
  const std::string_view body = rest.substr(kMiddle.size());
  const std::string expected = crypto::hmacSha256(macKey_.reveal(), body).hex();
  if (!base::equalsInConstantTime(mac, expected)) {
    return damaged(path_, "it was changed, or belongs to another vault.key");
  }
  BELAY_ASSIGN(const json::Value value, json::parse(body, {.bytesMax = kFileBytesMax}));
  const json::Value* list = value.find("entries");
  if (!list || !list->isArray()) return damaged(path_, "it has no entries");
  Entries entries;
  for (const json::Value& item : list->asArray()) {
    Entry entry;
    entry.version = static_cast<std::uint64_t>(item.integer("version"));
    entry.updatedMs = item.integer("updated_ms");
    entry.sizeAtMost = static_cast<std::uint64_t>(item.integer("size_at_most"));
    entry.redacted = item.flag("redacted");
    auto sealed = base::fromBase64(item.text("sealed"));
    if (!sealed || !base::isSecretName(item.text("name")))
      return damaged(path_, "an entry is malformed");
    entry.sealed = std::move(*sealed);
    entries.emplace(item.text("name"), std::move(entry));
  }
  return entries;
}

std::string Vault::encode(const Entries& entries) const {
  std::string body;
  json::Writer writer(body);
  writer.beginObject().name("entries").beginArray();
  for (const auto& [name, entry] : entries) {
    writer.beginObject()
        .member("name", name)
        .member("version", static_cast<std::int64_t>(entry.version))
        .member("updated_ms", entry.updatedMs)
        .member("size_at_most", static_cast<std::int64_t>(entry.sizeAtMost))
        .member("redacted", entry.redacted)
        .member("sealed", base::toBase64(entry.sealed))
        .endObject();
  }
  writer.endArray().endObject();
  std::string text(kHead);
  text += crypto::hmacSha256(macKey_.reveal(), body).hex();
  return text.append(kMiddle).append(body).append(kTail);
}

Status Vault::replaceEntry(std::string_view name, Entry entry) {
  Entries next;
  {
    MutexLock lock(mutex_);
    next = entries_;
  }
  next[std::string(name)] = std::move(entry);
  BELAY_TRY(base::writeFileDurably(path_, encode(next), 0600));
  MutexLock lock(mutex_);
  const auto old = entries_.find(name);
  if (old != entries_.end() && !old->second.sealed.empty()) retired_.emplace_back(*old);
  if (retired_.size() > kRetiredMax) retired_.pop_front();
  entries_ = std::move(next);
  redactor_.reset();
  ++changes_;
  return {};
}

Result<SecretInfo> Vault::set(std::string_view name, const SecretValue& value) {
  BELAY_TRY(base::checkSecretName(name));
  if (value.empty()) return Error{ErrorCode::kInvalidArgument, "a secret must not be empty"};
  if (value.size() > limits_.valueBytes) {
    return Error{ErrorCode::kLimit,
                 "a secret has at most " + std::to_string(limits_.valueBytes) + " bytes"};
  }
  MutexLock writing(writeMutex_);
  SecretInfo info{std::string(name), 1, clock_.wallMs(), sizeClass(value.size()),
                  redaction::Redactor::canFind(value)};
  {
    MutexLock lock(mutex_);
    const auto old = entries_.find(name);
    if (old != entries_.end()) info.version = old->second.version + 1;
    if (old == entries_.end() && entries_.size() >= limits_.names) {
      return Error{ErrorCode::kLimit,
                   "the vault keeps at most " + std::to_string(limits_.names) + " names"};
    }
  }
  Entry entry{info.version, info.updatedMs, info.sizeAtMost, info.redacted, {}};
  entry.sealed = key_.seal(value.reveal(), contextOf(name, info.version), random_);
  BELAY_TRY(replaceEntry(name, std::move(entry)));
  return info;
}

Status Vault::remove(std::string_view name) {
  MutexLock writing(writeMutex_);
  Entry entry;
  {
    MutexLock lock(mutex_);
    const auto old = entries_.find(name);
    if (old == entries_.end() || old->second.sealed.empty()) return noSecret(name);
    entry.version = old->second.version;
  }
  entry.updatedMs = clock_.wallMs();
  return replaceEntry(name, std::move(entry));
}

Status Vault::sealAnew(const crypto::SealKey& key) const {
  const Vault other(Private(), path_, key, clock_, random_, limits_);
  Entries next;
  {
    MutexLock lock(mutex_);
    next = entries_;
  }
  for (auto& [name, entry] : next) {
    if (entry.sealed.empty()) continue;
    BELAY_ASSIGN(const Secret opened, openEntry(name, entry));
    entry.sealed = other.key_.seal(opened.value.reveal(), contextOf(name, entry.version), random_);
  }
  return base::writeFileDurably(path_, other.encode(next), 0600);
}

std::vector<SecretInfo> Vault::list() const {
  std::vector<SecretInfo> out;
  MutexLock lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    if (entry.sealed.empty()) continue;
    out.push_back({name, entry.version, entry.updatedMs, entry.sizeAtMost, entry.redacted});
  }
  return out;
}

Result<Vault::Entry> Vault::entry(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.sealed.empty()) return noSecret(name);
  return found->second;
}

Result<Secret> Vault::secret(std::string_view name) const {
  BELAY_ASSIGN(const Entry found, entry(name));
  return openEntry(name, found);
}

Result<std::uint64_t> Vault::secretVersion(std::string_view name) const {
  BELAY_ASSIGN(const Entry found, entry(name));
  return found.version;
}

Result<Secret> Vault::openEntry(std::string_view name, const Entry& entry) const {
  auto plain = key_.open(entry.sealed, contextOf(name, entry.version));
  if (!plain.ok()) return damaged(path_, "entry " + std::string(name) + " does not open");
  return Secret{SecretValue::take(std::move(plain).value()), entry.version};
}

void Vault::maskAlso(std::string_view name, const SecretValue& value) {
  Entry entry;
  entry.sealed = key_.seal(value.reveal(), contextOf(name, entry.version), random_);
  MutexLock lock(mutex_);
  retired_.emplace_back(name, std::move(entry));
  if (retired_.size() > kRetiredMax) retired_.pop_front();
  redactor_.reset();
  ++changes_;
}

Result<std::shared_ptr<const redaction::Redactor>> Vault::redactor() const {
  std::vector<std::pair<std::string, Entry>> known;
  std::uint64_t seen = 0;
  {
    MutexLock lock(mutex_);
    if (redactor_) return redactor_;
    known.assign(entries_.begin(), entries_.end());
    known.insert(known.end(), retired_.begin(), retired_.end());
    seen = changes_;
  }
  auto made = std::make_shared<redaction::Redactor>();
  for (const auto& [name, entry] : known) {
    if (entry.sealed.empty()) continue;
    BELAY_ASSIGN(const Secret opened, openEntry(name, entry));
    static_cast<void>(made->add(name, opened.value));
  }
  std::shared_ptr<const redaction::Redactor> redactor = std::move(made);
  MutexLock lock(mutex_);
  // Not kept when a secret was set meanwhile; for this caller it is still right.
  if (changes_ == seen) redactor_ = redactor;
  return redactor;
}

}  // namespace belay::vault
