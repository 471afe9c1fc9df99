#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Environment.h"
#include "common/base/Result.h"
#include "common/http/Url.h"

namespace belay::http {

/// An HTTP proxy: plain to the proxy itself, CONNECT through it for https.
struct ProxyEndpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string user;  ///< Empty: no credentials.
  std::string password;

  /// "Basic …" for Proxy-Authorization; empty without credentials.
  std::string authorization() const;
};

/// Errors: kInvalidArgument. "http://user:p%40ss@proxy:3128", "proxy:3128"; https and socks proxies
/// are refused.
base::Result<ProxyEndpoint> parseProxy(std::string_view text);

/// The hosts that are reached without the proxy, as NO_PROXY lists them: "corp.test" (and what is
/// below it), ".corp.test" (the same), addresses, CIDR blocks, each with an optional ":port"; "*"
/// is everything.
class NoProxy {
 public:
  NoProxy() = default;
  /// Entries that mean nothing are ignored, as everybody else does.
  explicit NoProxy(std::string_view list);

  bool matches(std::string_view host, std::uint16_t port) const;

 private:
  struct Rule {
    std::string suffix;  ///< A domain, without leading dot; empty for an address rule.
    std::vector<std::uint8_t> address;  ///< 4 or 16 bytes.
    unsigned prefixBits = 0;
    std::uint16_t port = 0;  ///< 0: any.
  };
  static std::optional<Rule> parseRule(std::string_view entry);

  bool everything_ = false;
  std::vector<Rule> rules_;
};

/// Which proxy is asked for which URL. Loopback addresses and "localhost" are never proxied.
struct ProxySettings {
  std::optional<ProxyEndpoint> http;
  std::optional<ProxyEndpoint> https;
  NoProxy except;

  /// Null pointer: connect directly.
  const ProxyEndpoint* select(const Url& url) const;

  /// Reads http_proxy (lower case only: HTTP_PROXY can come from a request header in CGI),
  /// https_proxy, all_proxy and no_proxy, the latter three in lower case first, then in upper case.
  /// Errors: kInvalidArgument with the name.
  static base::Result<ProxySettings> fromEnvironment(const base::EnvironmentLookup& environment);
};

/// True for "localhost", names below it, 127.0.0.0/8 and ::1.
bool isLoopback(std::string_view host);

}  // namespace belay::http
