#include "agent/steps/PolicyResolver.h"

namespace belay::steps {

base::Result<std::vector<http::Address>> PolicyResolver::resolve(const std::string& host,
                                                                 std::uint16_t port,
                                                                 const tls::Deadline& deadline) {
  BELAY_ASSIGN(const std::vector<http::Address> found, inner_.resolve(host, port, deadline));
  std::vector<http::Address> allowed;
  base::Status refused;
  for (const http::Address& address : found) {
    trust::Verdict verdict = policy_.checkAddress(address);
    if (verdict.allowed)
      allowed.push_back(address);
    else
      refused = base::Error{
          base::ErrorCode::kEgressRefused, std::move(verdict.message), {std::move(verdict.change)}};
  }
  if (allowed.empty() && !refused) return std::move(refused).error().in(host);
  return allowed;
}

}  // namespace belay::steps
