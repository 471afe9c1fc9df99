#pragma once

#include <memory>
#include <string>

#include "agent/vault/HostKeys.h"
#include "agent/vault/SecretValue.h"
#include "agent/vault/Vault.h"
#include "common/base/Clock.h"
#include "common/base/Random.h"
#include "common/base/Result.h"

namespace belay::vault {

/// The key that seals the vault, wherever it comes from, and its change.
///
/// In this order: systemd's credential, `keys/vault.pass` (a passphrase protects it),
/// `keys/vault.key`. A change writes the new key beside the old one, then the vault, then takes the
/// old key away: whatever a crash leaves, open() ends it, one way or the other.
///
/// Threads:    owner; one process at a time, which holds the journal.
/// Ownership:  clock and random must outlive it and the vaults that it opens.
/// Errors:     kVaultLocked without a passphrase where one is needed; kMasterKey for another one,
///             and for a new key that cannot be used; those of HostKeys and Vault.
class VaultKey {
 public:
  struct World {
    KeyFolders folders;
    std::string vaultPath;
    const base::Clock& clock;
    base::Random& random;
  };
  explicit VaultKey(World world) : world_(std::move(world)) {}

  bool needsPassphrase() const;

  struct Opened {
    std::unique_ptr<Vault> vault;
    std::string callbackKey;  ///< Of the tokens of callbacks; a change of the key keeps it.
  };
  /// `passphrase`: null where there is none.
  base::Result<Opened> open(const SecretValue* passphrase) const;

  /// What seals the vault from now on.
  struct Next {
    enum class Kind {
      kFile,        ///< A new keys/vault.key.
      kPassphrase,  ///< A new key in keys/vault.pass.
      kGiven,       ///< `key`, which is kept elsewhere: for a credential.
    } kind = Kind::kFile;
    SecretValue key;
    SecretValue passphrase;
  };
  /// Durability: on return the vault opens with the new key only.
  base::Status rotate(const SecretValue* passphrase, const Next& next) const;

 private:
  std::string file(const char* name) const { return world_.folders.keys + name; }
  base::Result<SecretValue> current(const SecretValue* passphrase, bool next) const;
  base::Result<std::unique_ptr<Vault>> openWith(const SecretValue& key) const;
  bool changing() const;
  base::Status finish() const;
  base::Status forget() const;
  base::Result<std::string> callbackKey(const SecretValue& key) const;

  const World world_;
};

}  // namespace belay::vault
