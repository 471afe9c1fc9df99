#include "agent/vault/TextOrSecret.h"

namespace belay::vault {

base::Result<SecretValue> valueOf(const TextOrSecret& value, const SecretSource& secrets) {
  if (const auto* text = std::get_if<std::string>(&value)) return SecretValue(*text);
  BELAY_ASSIGN(Secret secret, secrets.secret(std::get<SecretRef>(value).name));
  return std::move(secret.value);
}

void collectSecret(const TextOrSecret& value, std::set<std::string>& names) {
  if (const auto* ref = std::get_if<SecretRef>(&value)) names.insert(ref->name);
}

}  // namespace belay::vault
