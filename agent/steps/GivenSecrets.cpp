#include "agent/steps/GivenSecrets.h"

#include <algorithm>

namespace belay::steps {

base::Result<vault::Secret> GivenSecrets::secret(std::string_view name) const {
  BELAY_ASSIGN(vault::Secret opened, from_.secret(name));
  const bool known = std::any_of(given_.begin(), given_.end(),
                                 [&](const auto& each) { return each.first == name; });
  if (!known) given_.emplace_back(name, opened.value.reveal());
  return opened;
}

}  // namespace belay::steps
