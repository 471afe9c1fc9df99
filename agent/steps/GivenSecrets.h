#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/vault/SecretSource.h"

namespace belay::steps {

/// Passes secrets on, and notes which: a job's own are masked in what its supervisor keeps.
///
/// Threads:   owner.
/// Ownership: both must outlive it.
class GivenSecrets final : public vault::SecretSource {
 public:
  using Given = std::vector<std::pair<std::string, std::string>>;

  GivenSecrets(const vault::SecretSource& from, Given& given) : from_(from), given_(given) {}

  base::Result<vault::Secret> secret(std::string_view name) const override;
  base::Result<std::uint64_t> secretVersion(std::string_view name) const override {
    return from_.secretVersion(name);
  }

 private:
  const vault::SecretSource& from_;
  Given& given_;
};

}  // namespace belay::steps
