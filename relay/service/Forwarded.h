#pragma once

#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/http/Handler.h"
#include "common/http/ProxySettings.h"
#include "relay/service/Settings.h"

namespace belay::service {

/// Whether it is an address or a block of addresses: "192.0.2.1", "10.0.0.0/8", "2001:db8::/32".
bool isAddressBlock(std::string_view text);
/// Of the setting tls.mode: whether no connection is encrypted here.
bool isPlain(const Settings& settings);
/// Plain HTTP stays on this machine, unless the settings say otherwise. Errors: kSettingsInvalid.
base::Status checkPlain(const Settings& settings);

/// Tells who asks, where balancers stand in between: what X-Forwarded-For says counts only as far
/// as those say it who are trusted.
///
/// Threads: any.
class Forwarded {
 public:
  explicit Forwarded(const Settings& settings);

  /// The address of whoever asks, without a port.
  std::string clientOf(const http::ServerRequest& request) const;
  /// Over plain HTTP only balancers and this machine are answered. Errors: kPermission.
  base::Status admit(const http::ServerRequest& request) const;

 private:
  bool trusted(const std::string& address) const { return proxies_.matches(address, 0); }

  // Constant after construction.
  const http::NoProxy proxies_;  ///< Matches addresses and blocks as such lists do.
  const bool plain_;
};

}  // namespace belay::service
