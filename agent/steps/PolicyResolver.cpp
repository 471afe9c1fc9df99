#include "agent/steps/PolicyResolver.h"

namespace belay::steps {

base::Result<std::vector<http::Address>> PolicyResolver::resolve(const std::string& host,
                                                                 std::uint16_t port,
                                                                 const tls::Deadline& deadline) {
  BELAY_ASSIGN(const std::vector<http::Address> found, inner_.resolve(host, port, deadline));
  std::vector<http::Address> allowed;
  base::Status refused;
  for (const http::Address& address : found) {
    base::Status verdict = policy_.checkAddress(address).status();
    if (verdict)
      allowed.push_back(address);
    else
      refused = std::move(verdict);
  }
  if (allowed.empty() && !refused) return std::move(refused).error().in(host);
  return allowed;
}

}  // namespace belay::steps
