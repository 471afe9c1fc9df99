#include "common/http/Url.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/Text.h"
#include "common/http/Resolver.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr std::size_t kUrlBytesMax = 8u << 10;
constexpr std::size_t kHostBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

/// What may be a password is left out of the message.
Error refuse(std::string_view text, const std::string& why) {
  std::string shown(text.substr(0, text.find('?')));
  const std::size_t at = shown.rfind('@');
  const std::size_t from = shown.find("//");
  if (at != std::string::npos) {
    const std::size_t begin = from < at ? from + 2 : 0;
    shown.replace(begin, at - begin, "…");
  }
  return Error{ErrorCode::kUrlInvalid, "\"" + base::visible(shown.substr(0, 120)) + "\": " + why};
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool isHexDigit(char c) { return isDigit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

/// What is wrong with the characters, if anything: they are the same for every part.
std::optional<std::string> badCharacters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) return "only ASCII is sent: write the host as xn--…, and the rest with %XX";
    if (c <= ' ' || c == 0x7f) return "it has a space or control character; write it as %XX";
    if (std::string_view("\\\"<>^`{|}").find(text[i]) != std::string_view::npos) {
      return std::string("\"") + text[i] + "\" must be written as %XX";
    }
    if (c != '%') continue;
    const bool escape = i + 2 < text.size() && isHexDigit(text[i + 1]) && isHexDigit(text[i + 2]);
    if (!escape) return "\"%\" is not followed by two hexadecimal digits";
  }
  return std::nullopt;
}

/// A last label that is a number in any base makes some readers see an IPv4 address: 0x7f.1,
/// 2130706433.
bool looksLikeNumber(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.starts_with("0x")) return true;
  return std::all_of(last.begin(), last.end(), isDigit);
}

bool isName(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  for (const std::string_view label : base::split(host, '.')) {
    if (label.empty() || label.size() > kLabelBytesMax) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    const bool valid = std::all_of(label.begin(), label.end(), [](char c) {
      return isDigit(c) || isLetter(c) || c == '-' || c == '_';
    });
    if (!valid) return false;
  }
  return host.size() <= kHostBytesMax;
}

/// Splits "host", "host:port" or "[v6]:port"; what is wrong, if anything.
std::optional<std::string> readAuthority(std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    return "a user or password does not belong into a URL; use a header or a connection";
  }
  std::string_view host = authority;
  std::string_view port;
  bool hasPort = false;
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
    hasPort = true;
  }
  url.port = url.secure() ? 443 : 80;
  if (hasPort) {
    const auto number = port.size() <= 5 ? base::parseUnsigned(port) : std::nullopt;
    if (!number || *number == 0 || *number > 65535)
      return "the port is not a number from 1 to 65535";
    url.port = static_cast<std::uint16_t>(*number);
  }
  url.host = base::toLower(host);
  Address address;
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return "an IPv6 address must stand in brackets";
    url.host = url.host.substr(1, url.host.size() - 2);
    const bool valid =
        url.host.find(':') != std::string::npos && parseAddress(url.host, url.port, address);
    return valid ? std::nullopt : std::optional<std::string>("the IPv6 address is not valid");
  }
  if (!isName(host)) return "the host is not a valid name";
  if (looksLikeNumber(url.host) && !parseAddress(url.host, url.port, address)) {
    return "a numeric host must be a dotted quad, as 192.0.2.1";
  }
  return std::nullopt;
}

/// RFC 3986 §5.2.4 for a path from "/".
std::string withoutDotSegments(std::string_view path) {
  std::vector<std::string_view> kept;
  const auto parts = base::split(path.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == ".." && !kept.empty()) kept.pop_back();
    if (parts[i] != "." && parts[i] != "..")
      kept.push_back(parts[i]);
    else if (last)
      kept.emplace_back();
  }
  std::string out;
  for (const std::string_view part : kept) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (secure() ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

std::string Url::endpoint() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return name + ":" + std::to_string(port);
}

bool Url::sameOrigin(const Url& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

Result<Url> parseUrl(std::string_view text) {
  if (text.size() > kUrlBytesMax) {
    return refuse(text, "it is longer than " + std::to_string(kUrlBytesMax) + " bytes");
  }
  if (const auto bad = badCharacters(text)) return refuse(text, *bad);
  const std::size_t colon = text.find("://");
  Url url;
  url.scheme = base::toLower(text.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return refuse(text, "it must begin with http:// or https://");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  if (const auto bad = readAuthority(rest.substr(0, end), url)) return refuse(text, *bad);
  const std::string_view target = rest.substr(end);
  if (target.find_first_of("[]") != std::string_view::npos &&
      target.find('?') > target.find_first_of("[]")) {
    return refuse(text, "brackets in the path must be written as %5B and %5D");
  }
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

Result<Url> resolveReference(const Url& base, std::string_view reference) {
  const std::size_t colon = reference.find_first_of(":/?#");
  const bool absolute = colon != std::string_view::npos && colon != 0 && reference[colon] == ':';
  if (absolute) return parseUrl(reference);
  if (reference.starts_with("//")) return parseUrl(base.scheme + ":" + std::string(reference));
  const std::string origin = base.scheme + "://" + base.authority();
  reference = reference.substr(0, reference.find('#'));
  const std::size_t query = std::min(reference.find('?'), reference.size());
  const std::string path(reference.substr(0, query));
  const std::string basePath = base.target.substr(0, base.target.find('?'));
  if (path.empty()) {
    return parseUrl(origin +
                    (query < reference.size() ? basePath + std::string(reference) : base.target));
  }
  const std::string merged =
      path.front() == '/' ? path : basePath.substr(0, basePath.rfind('/') + 1) + path;
  return parseUrl(origin + withoutDotSegments(merged) + std::string(reference.substr(query)));
}

}  // namespace belay::http
