#pragma once

#include <string>

#include "agent/vault/SecretValue.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"

namespace belay::vault {

/// Where this host's keys lie.
struct KeyFolders {
  std::string keys;         ///< "<state>/keys": local.key and host.key (JWK), vault.key (32 bytes).
  std::string credentials;  ///< Folder of systemd's credentials, or empty. Its belay-vault-key
                            ///< (32 bytes) comes before vault.key.
};

/// systemd gives a credential to the service's user by an access list, which shows as group bits.
enum class Closed { kToGroup, kToOthers };
/// A small file that holds a key, and that others can neither read nor have put there.
/// Errors: kNotInitialised when it is missing, kStateFolderUnsafe, kIo.
base::Result<std::string> readKeyFile(const std::string& path, Closed closed);

/// Makes and reads the keys of this host.
///
/// Files must be regular, belong to this user or root, and be closed to others (a credential may be
/// readable by its group, as systemd leaves it).
///
/// Threads: any.
/// Errors:  kNotInitialised when a key is missing, kStateFolderUnsafe, kVaultSealed or kCrypto when
///          a file holds no key, kIo.
class HostKeys {
 public:
  explicit HostKeys(KeyFolders folders) : folders_(std::move(folders)) {}

  /// Makes the keys that are missing; never replaces one, even when two processes do this at once.
  /// Durability: the keys are on disk on return.
  base::Status create(base::Random& random) const;

  /// Makes the key by which a relay knows this host, where there is none; on disk on return.
  base::Status createHostKey(base::Random& random) const;

  /// Puts a new one in its place; on disk on return. A crash in between leaves none.
  base::Status replaceHostKey(base::Random& random) const;

  /// Signs the decisions of class `local`.
  base::Result<crypto::P256PrivateKey> localKey() const;
  /// Signs sessions with a relay.
  base::Result<crypto::P256PrivateKey> hostKey() const;
  /// Seals the vault: 32 bytes, where no passphrase protects them.
  base::Result<SecretValue> vaultKeyBytes() const;

 private:
  base::Result<crypto::P256PrivateKey> signingKey(const std::string& path) const;

  KeyFolders folders_;
};

}  // namespace belay::vault
