#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "agent/vault/SecretSource.h"

namespace belay::test {

/// No secrets, or the one of that name.
class TestSecrets final : public vault::SecretSource {
 public:
  TestSecrets() = default;
  TestSecrets(std::string name, std::string value)
      : name_(std::move(name)), value_(std::move(value)) {}

  base::Result<vault::Secret> secret(std::string_view name) const override {
    if (!name_.empty() && name == name_) {
      return vault::Secret{vault::SecretValue::take(std::string(value_)), 1};
    }
    return base::Error{base::ErrorCode::kSecretNotFound,
                       "there is no secret " + std::string(name)};
  }
  base::Result<std::uint64_t> secretVersion(std::string_view) const override {
    return std::uint64_t{1};
  }

 private:
  std::string name_;
  std::string value_;
};

}  // namespace belay::test
