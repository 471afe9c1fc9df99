#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/vault/SecretSource.h"
#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/crypto/SealKey.h"
#include "common/redaction/Redactor.h"

namespace belay::vault {

/// What may be known of a secret: never its value.
struct SecretInfo {
  std::string name;
  std::uint64_t version = 0;     ///< From 1, one more with each set(), also after remove().
  std::int64_t updatedMs = 0;    ///< Wall time.
  std::uint64_t sizeAtMost = 0;  ///< 16, 64, 256, … bytes: the class of its size.
  bool redacted = true;          ///< False: too short to be found in logs without hiding much else.
};

/// Bounds of a vault. The whole of it is rewritten with each change.
struct VaultLimits {
  std::size_t valueBytes = 64u << 10;
  std::size_t names = 1000;  ///< Removed ones count: their versions are kept.
};

/// The secrets of this host, each sealed on its own, in one file that is sealed against change as a
/// whole (any byte, order, an older entry in place of a newer).
///
/// One process opens it for writing at a time: the daemon, or a command while the daemon is down.
///
/// Threads:    any.
/// Ownership:  clock and random must outlive it.
/// Errors:     kVaultSealed when the file was changed or belongs to another key; kSecretNotFound;
///             kInvalidArgument for a name or value that cannot be; kLimit; kIo, kDiskFull.
/// Durability: set() and remove() return after the file is replaced on disk; when they fail, memory
///             is as it was, and after a restart either the old or the new is there.
class Vault final : public SecretSource {
  struct Private {
    explicit Private() = default;
  };

 public:
  /// For open() only.
  Vault(Private, std::string path, const crypto::SealKey& key, const base::Clock& clock,
        base::Random& random, const VaultLimits& limits);
  /// A missing file is an empty vault.
  static base::Result<std::unique_ptr<Vault>> open(const std::string& path, crypto::SealKey key,
                                                   const base::Clock& clock, base::Random& random,
                                                   const VaultLimits& limits = {});

  base::Result<SecretInfo> set(std::string_view name, const SecretValue& value);
  base::Status remove(std::string_view name);
  /// Writes the file so that only `key` opens it; this object goes on with the old one and must not
  /// write any more.
  base::Status sealAnew(const crypto::SealKey& key) const;
  /// In order of names.
  std::vector<SecretInfo> list() const;

  base::Result<Secret> secret(std::string_view name) const override;
  base::Result<std::uint64_t> secretVersion(std::string_view name) const override;

  /// Finds all present secrets in texts, and the last of those that this process has replaced or
  /// removed: jobs may still hold them. Made anew when the secrets have changed; sharers are the
  /// vault and all who redact at this moment.
  base::Result<std::shared_ptr<const redaction::Redactor>> redactor() const;
  /// Masks a value that is no secret of the vault, such as a token that a server gave for one, until
  /// kRetiredMax others have come.
  void maskAlso(std::string_view name, const SecretValue& value);

 private:
  struct Entry {
    std::uint64_t version = 0;
    std::int64_t updatedMs = 0;
    std::uint64_t sizeAtMost = 0;
    bool redacted = true;
    std::string sealed;  ///< Empty: removed; the version is kept so that none is used twice.
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  static constexpr std::size_t kRetiredMax = 256;

  base::Status load();
  base::Result<Entries> decode(const std::string& text) const;
  std::string encode(const Entries& entries) const;
  /// The caller holds writeMutex_.
  base::Status replaceEntry(std::string_view name, Entry entry);
  base::Result<Entry> entry(std::string_view name) const;
  base::Result<Secret> openEntry(std::string_view name, const Entry& entry) const;

  // Constant after construction.
  const std::string path_;
  const crypto::SealKey key_;
  const SecretValue macKey_;
  const base::Clock& clock_;
  base::Random& random_;
  const VaultLimits limits_;

  /// Held while the file is written, so that two writers do not undo each other; readers go on.
  base::Mutex writeMutex_;

  mutable base::Mutex mutex_;
  Entries entries_ BELAY_GUARDED_BY(mutex_);
  std::deque<std::pair<std::string, Entry>> retired_ BELAY_GUARDED_BY(mutex_);  ///< Oldest first.
  std::uint64_t changes_ BELAY_GUARDED_BY(mutex_) = 0;
  mutable std::shared_ptr<const redaction::Redactor> redactor_ BELAY_GUARDED_BY(mutex_);
};

}  // namespace belay::vault
