#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/vault/SecretValue.h"
#include "common/base/Result.h"

namespace belay::vault {

/// A secret as it was when it was read.
struct Secret {
  SecretValue value;
  std::uint64_t version = 0;
};

/// Where secrets come from at the last moment. The vault is one; tests have another.
///
/// Threads: any.
class SecretSource {
 public:
  virtual ~SecretSource() = default;

  /// Errors: kSecretNotFound, kVaultSealed.
  virtual base::Result<Secret> secret(std::string_view name) const = 0;
  /// The version that secret() would give, without opening it. Errors: kSecretNotFound.
  virtual base::Result<std::uint64_t> secretVersion(std::string_view name) const = 0;
};

}  // namespace belay::vault
