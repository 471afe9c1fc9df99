#pragma once

#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "agent/vault/SecretSource.h"
#include "common/base/Result.h"

namespace belay::vault {

/// `{secret: NAME}` in a definition.
struct SecretRef {
  std::string name;
  bool operator==(const SecretRef&) const = default;
};
using TextOrSecret = std::variant<std::string, SecretRef>;

/// The text, or what the secret is now. Errors: those of the source.
base::Result<SecretValue> valueOf(const TextOrSecret& value, const SecretSource& secrets);

/// Adds the name of the secret, where it is one.
void collectSecret(const TextOrSecret& value, std::set<std::string>& names);

}  // namespace belay::vault
