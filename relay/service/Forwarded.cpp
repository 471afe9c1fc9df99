#include "relay/service/Forwarded.h"

#include <algorithm>
#include <vector>

#include "common/base/Text.h"
#include "common/http/Resolver.h"
#include "common/http/Url.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

constexpr std::string_view kMapped = "::ffff:";
constexpr std::size_t kHopsMax = 32;
constexpr std::string_view kOn = "on";
constexpr std::string_view kLoopback = "off";

/// "192.0.2.1" of "192.0.2.1:40000", "[::ffff:192.0.2.1]:40000" and "::ffff:192.0.2.1"; empty when
/// it is none.
std::string addressIn(std::string_view text, bool withPort) {
  text = base::trim(text);
  if (withPort) text = text.substr(0, text.rfind(':'));
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  http::Address address;
  if (text.starts_with(kMapped) && http::parseAddress(text.substr(kMapped.size()), 0, address)) {
    return std::string(text.substr(kMapped.size()));
  }
  return http::parseAddress(text, 0, address) ? std::string(text) : std::string();
}

}  // namespace

bool isAddressBlock(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view host = text.substr(0, slash);
  http::Address address;
  if (!http::parseAddress(host, 0, address)) return false;
  if (slash == text.size()) return true;
  const auto bits = base::parseUnsigned(text.substr(slash + 1));
  const std::uint64_t most = host.find(':') == std::string_view::npos ? 32 : 128;
  return bits && *bits <= most;
}

bool isPlain(const Settings& settings) { return settings.tlsMode != kOn; }

Status checkPlain(const Settings& settings) {
  if (settings.tlsMode != kLoopback) return {};
  if (http::isLoopback(addressIn(settings.address, true))) return {};
  return Error{ErrorCode::kSettingsInvalid,
               "tls.mode is off, and listen.address " + settings.address +
                   " is not of this machine alone: secrets would travel in the clear",
               {"listen.address: 127.0.0.1:8080", "tls.mode: off-beyond-loopback"}};
}

Forwarded::Forwarded(const Settings& settings)
    : proxies_(base::join(settings.trustedProxies, ",")), plain_(isPlain(settings)) {}

std::string Forwarded::clientOf(const http::ServerRequest& request) const {
  std::string client = addressIn(request.peer.address, true);
  if (!trusted(client)) return client;
  std::vector<std::string> hops;
  for (const http::HeaderField& field : request.headers.fields()) {
    if (!base::equalsIgnoringCase(field.name, "X-Forwarded-For")) continue;
    for (const std::string_view each : base::split(field.value, ',')) {
      hops.push_back(addressIn(each, false));
    }
  }
  // From the nearest on: what one who is not trusted has written may be anything.
  std::size_t looked = 0;
  for (auto hop = hops.rbegin(); hop != hops.rend() && looked < kHopsMax; ++hop, ++looked) {
    if (hop->empty()) return client;
    client = *hop;
    if (!trusted(client)) return client;
  }
  return client;
}

Status Forwarded::admit(const http::ServerRequest& request) const {
  if (!plain_) return {};
  const std::string peer = addressIn(request.peer.address, true);
  if (http::isLoopback(peer) || trusted(peer)) return {};
  return Error{ErrorCode::kPermission,
               "plain HTTP is answered to the balancers of listen.trusted_proxies only"};
}

}  // namespace belay::service
