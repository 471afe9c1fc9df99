#include "common/base/SecretName.h"

#include <algorithm>
#include <string>

#include "common/base/Text.h"

namespace belay::base {

bool isSecretName(std::string_view name) {
  constexpr std::size_t kNameMax = 64;
  const auto isPart = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= kNameMax && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), isPart);
}

Status checkSecretName(std::string_view name) {
  if (isSecretName(name)) return {};
  return Error{ErrorCode::kInvalidArgument, "the name of a secret must match " +
                                                std::string(kSecretNamePattern) + ", not \"" +
                                                visible(name.substr(0, 80)) + "\""};
}

}  // namespace belay::base
