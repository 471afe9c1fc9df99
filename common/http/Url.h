#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"

namespace belay::http {

/// An absolute http or https URL, taken apart strictly: what two readers could understand
/// differently is refused.
struct Url {
  std::string scheme;  ///< "http" or "https", lower case.
  std::string
      host;  ///< Lower case; a name, a dotted quad, or an IPv6 address without its brackets.
  std::uint16_t port = 0;
  std::string target;  ///< Path and query as written, from "/"; what goes into the request line.

  bool secure() const { return scheme == "https"; }
  /// "host" or "host:port" as the Host field has it: the scheme's own port is left out, IPv6 in
  /// brackets.
  std::string authority() const;
  /// "host:port", always with the port, as CONNECT has it.
  std::string endpoint() const;
  std::string str() const { return scheme + "://" + authority() + target; }
  /// Same scheme, host and port.
  bool sameOrigin(const Url& other) const;
};

/// Errors: kUrlInvalid with what is wrong: another scheme, user info, a host that is not ASCII
/// (write it as xn--…), numbers that are no dotted quad (0x7f.1, 2130706433), a bad escape, spaces,
/// controls, backslashes. A fragment is dropped, as it is never sent.
base::Result<Url> parseUrl(std::string_view text);

/// Resolves a Location of a response to `base` (RFC 3986 §5.2).
base::Result<Url> resolveReference(const Url& base, std::string_view reference);

}  // namespace belay::http
