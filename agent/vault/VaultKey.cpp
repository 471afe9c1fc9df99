#include "agent/vault/VaultKey.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/vault/PassphraseKey.h"
#include "common/base/Files.h"
#include "common/crypto/Wipe.h"

namespace belay::vault {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr const char* kKey = "/vault.key";
constexpr const char* kPass = "/vault.pass";
constexpr const char* kNextKey = "/vault.key.next";
constexpr const char* kNextPass = "/vault.pass.next";
constexpr const char* kCallbackKey = "/callback.key";
constexpr const char* kCredential = "/belay-vault-key";

Status rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return base::errnoError(errno, "rename " + from);
}

bool isGiven(const KeyFolders& folders) {
  return !folders.credentials.empty() && base::fileExists(folders.credentials + kCredential);
}

}  // namespace

bool VaultKey::needsPassphrase() const {
  // A change that a crash has cut may end in either of them.
  return !isGiven(world_.folders) && (base::fileExists(file(kPass)) || base::fileExists(file(kNextPass)));
}

bool VaultKey::changing() const {
  return base::fileExists(file(kNextKey)) || base::fileExists(file(kNextPass));
}

Result<SecretValue> VaultKey::current(const SecretValue* passphrase, bool next) const {
  const char* pass = next ? kNextPass : kPass;
  if (!isGiven(world_.folders) && base::fileExists(file(pass))) {
    if (!passphrase) {
      return Error{ErrorCode::kVaultLocked,
                   "the vault waits for its passphrase",
                   {"belay secret unlock"}};
    }
    BELAY_ASSIGN(const std::string text, readKeyFile(file(pass), Closed::kToGroup));
    return unprotectKey(text, *passphrase);
  }
  if (next) {
    BELAY_ASSIGN(std::string bytes, readKeyFile(file(kNextKey), Closed::kToGroup));
    return SecretValue::take(std::move(bytes));
  }
  return HostKeys(world_.folders).vaultKeyBytes();
}

Result<std::unique_ptr<Vault>> VaultKey::openWith(const SecretValue& key) const {
  BELAY_ASSIGN(crypto::SealKey seal, crypto::SealKey::fromBytes(key.reveal()));
  return Vault::open(world_.vaultPath, std::move(seal), world_.clock, world_.random);
}

Result<std::string> VaultKey::callbackKey(const SecretValue& key) const {
  if (base::fileExists(file(kCallbackKey))) return readKeyFile(file(kCallbackKey), Closed::kToGroup);
  BELAY_ASSIGN(const crypto::SealKey seal, crypto::SealKey::fromBytes(key.reveal()));
  return seal.deriveMacKey("callback tokens");
}

Result<VaultKey::Opened> VaultKey::open(const SecretValue* passphrase) const {
  const bool changes = changing();
  auto key = current(passphrase, false);
  if (!key && !changes) return std::move(key).error();
  auto vault = key ? openWith(*key) : Result<std::unique_ptr<Vault>>(key.error());
  if (!vault && changes) {
    // The vault was written, and the keys were not put in order any more.
    key = current(passphrase, true);
    if (!key) return std::move(key).error();
    vault = openWith(*key);
    if (vault) BELAY_TRY(finish());
  } else if (vault && changes) {
    BELAY_TRY(forget());
  }
  if (!vault) return std::move(vault).error();
  Opened out;
  out.vault = std::move(*vault);
  BELAY_ASSIGN(out.callbackKey, callbackKey(*key));
  return out;
}

/// The new key takes the place of the old one, which goes first: as long as a next one stands, open()
/// knows that a change was cut.
Status VaultKey::finish() const {
  const bool pass = base::fileExists(file(kNextPass));
  BELAY_TRY(base::removeFile(file(pass ? kKey : kPass)));
  BELAY_TRY(base::syncFolder(world_.folders.keys));
  BELAY_TRY(pass ? rename(file(kNextPass), file(kPass)) : rename(file(kNextKey), file(kKey)));
  return base::syncFolder(world_.folders.keys);
}

/// A change that did not come to the vault.
Status VaultKey::forget() const {
  BELAY_TRY(base::removeFile(file(kNextKey)));
  return base::removeFile(file(kNextPass));
}

Status VaultKey::rotate(const SecretValue* passphrase, const Next& next) const {
  BELAY_ASSIGN(const Opened opened, open(passphrase));
  if (!base::fileExists(file(kCallbackKey)))
    BELAY_TRY(base::writeFileDurably(file(kCallbackKey), opened.callbackKey, 0600));
  SecretValue made = next.key.clone();
  if (next.kind != Next::Kind::kGiven) {
    std::string bytes(crypto::SealKey::kBytes, '\0');
    world_.random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    made = SecretValue::take(std::move(bytes));
  }
  auto seal = crypto::SealKey::fromBytes(made.reveal());
  if (!seal) return Error{ErrorCode::kMasterKey, "a key has 32 bytes"};
  if (next.kind == Next::Kind::kPassphrase) {
    BELAY_ASSIGN(const std::string text, protectKey(made, next.passphrase, world_.random));
    BELAY_TRY(base::writeFileDurably(file(kNextPass), text, 0600));
  } else if (next.kind == Next::Kind::kFile) {
    BELAY_TRY(base::writeFileDurably(file(kNextKey), made.reveal(), 0600));
  }
  BELAY_TRY(opened.vault->sealAnew(*seal));
  if (next.kind != Next::Kind::kGiven) return finish();
  BELAY_TRY(base::removeFile(file(kKey)));
  BELAY_TRY(base::removeFile(file(kPass)));
  return base::syncFolder(world_.folders.keys);
}

}  // namespace belay::vault
