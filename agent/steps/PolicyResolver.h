#pragma once

#include <string>
#include <vector>

#include "agent/trust/Policy.h"
#include "common/http/Resolver.h"

namespace belay::steps {

/// Resolves names, and leaves out the addresses that the policy forbids: what was checked is what
/// is connected to, so a name that resolves differently the second time gains nothing.
///
/// Threads: any.
/// Errors:  kEgressRefused when no address is left.
class PolicyResolver final : public http::Resolver {
 public:
  PolicyResolver(http::Resolver& inner, const trust::Policy& policy)
      : inner_(inner), policy_(policy) {}

  base::Result<std::vector<http::Address>> resolve(const std::string& host, std::uint16_t port,
                                                   const tls::Deadline& deadline) override;

 private:
  http::Resolver& inner_;
  const trust::Policy& policy_;
};

}  // namespace belay::steps
