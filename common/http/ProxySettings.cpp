#include "common/http/ProxySettings.h"

#include <algorithm>
#include <cstring>

#include "common/base/Text.h"
#include "common/http/Message.h"
#include "common/http/Resolver.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

/// The 4 or 16 bytes of a numeric host; empty for a name.
std::vector<std::uint8_t> addressBytes(std::string_view host) {
  Address address;
  if (!parseAddress(host, 0, address)) return {};
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&v4.sin_addr);
    return {bytes, bytes + 4};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&v6.sin6_addr);
  return {bytes, bytes + 16};
}

bool samePrefix(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b,
                unsigned bits) {
  if (a.size() != b.size()) return false;
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned shift = 7 - i % 8;
    if (((a[i / 8] ^ b[i / 8]) >> shift & 1u) != 0) return false;
  }
  return true;
}

/// The value under the name in lower case, else in upper case.
std::string eitherCase(const base::EnvironmentLookup& environment, const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  const auto lower = environment(name);
  return lower ? *lower : environment(upper).value_or("");
}

}  // namespace

std::string ProxyEndpoint::authorization() const {
  return user.empty() ? std::string() : "Basic " + base::toBase64(user + ":" + password);
}

Result<ProxyEndpoint> parseProxy(std::string_view text) {
  // The text may hold a password, so that no message repeats it.
  const auto refuse = [](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument, "the proxy " + why};
  };
  std::string_view rest = text;
  const std::size_t scheme = text.find("://");
  if (scheme != std::string_view::npos) {
    if (!base::equalsIgnoringCase(text.substr(0, scheme), "http")) {
      return refuse("is not an http:// proxy; https and socks proxies are not supported");
    }
    rest = text.substr(scheme + 3);
  }
  rest = rest.substr(0, rest.find('/'));
  ProxyEndpoint proxy;
  const std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view userInfo = rest.substr(0, at);
    const std::size_t colon = std::min(userInfo.find(':'), userInfo.size());
    const bool valid =
        percentDecode(userInfo.substr(0, colon), proxy.user) &&
        percentDecode(userInfo.substr(std::min(colon + 1, userInfo.size())), proxy.password);
    if (!valid || proxy.user.empty() || proxy.user.find(':') != std::string::npos) {
      return refuse("has a user or password with a bad %XX escape");
    }
    rest = rest.substr(at + 1);
  }
  // Without a port curl takes 1080 and others take 80: nobody can know which is meant.
  if (rest.rfind(':') == std::string_view::npos || rest.ends_with(']'))
    return refuse("lacks its port");
  auto url = parseUrl("http://" + std::string(rest) + "/");
  if (!url.ok()) return refuse("is not host:port");
  proxy.host = url->host;
  proxy.port = url->port;
  return proxy;
}

NoProxy::NoProxy(std::string_view list) {
  std::string spaced(list);
  std::replace(spaced.begin(), spaced.end(), ' ', ',');
  for (const std::string_view entry : base::split(spaced, ',')) {
    const std::string_view trimmed = base::trim(entry);
    if (trimmed == "*")
      everything_ = true;
    else if (auto rule = parseRule(trimmed))
      rules_.push_back(std::move(*rule));
  }
}

std::optional<NoProxy::Rule> NoProxy::parseRule(std::string_view entry) {
  Rule rule;
  std::string_view host = entry;
  const std::size_t slash = entry.find('/');
  if (slash != std::string_view::npos) {
    rule.address = addressBytes(entry.substr(0, slash));
    const auto bits = base::parseUnsigned(entry.substr(slash + 1));
    if (rule.address.empty() || !bits || *bits > rule.address.size() * 8) return std::nullopt;
    rule.prefixBits = static_cast<unsigned>(*bits);
    return rule;
  }
  const std::size_t colon = entry.rfind(':');
  const bool bareV6 = !entry.starts_with('[') && std::count(entry.begin(), entry.end(), ':') > 1;
  if (colon != std::string_view::npos && !bareV6 && !entry.ends_with(']')) {
    const auto port = base::parseUnsigned(entry.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    rule.port = static_cast<std::uint16_t>(*port);
    host = entry.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  rule.address = addressBytes(host);
  rule.prefixBits = static_cast<unsigned>(rule.address.size() * 8);
  if (host.starts_with("*.")) host.remove_prefix(1);
  if (host.starts_with('.')) host.remove_prefix(1);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (rule.address.empty()) rule.suffix = base::toLower(host);
  if (rule.address.empty() && rule.suffix.empty()) return std::nullopt;
  return rule;
}

bool NoProxy::matches(std::string_view host, std::uint16_t port) const {
  if (everything_) return true;
  std::string name = base::toLower(host);
  if (name.ends_with('.')) name.pop_back();
  const std::vector<std::uint8_t> address = addressBytes(name);
  return std::any_of(rules_.begin(), rules_.end(), [&](const Rule& rule) {
    if (rule.port != 0 && rule.port != port) return false;
    if (!rule.address.empty()) return samePrefix(rule.address, address, rule.prefixBits);
    // On a label's boundary: corp.test is not acorp.test.
    return name == rule.suffix || name.ends_with("." + rule.suffix);
  });
}

bool isLoopback(std::string_view host) {
  std::string name = base::toLower(host);
  if (name.ends_with('.')) name.pop_back();
  if (name == "localhost" || name.ends_with(".localhost")) return true;
  const std::vector<std::uint8_t> bytes = addressBytes(name);
  if (bytes.size() == 4) return bytes[0] == 127;
  return bytes == std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
}

const ProxyEndpoint* ProxySettings::select(const Url& url) const {
  const auto& proxy = url.secure() ? https : http;
  if (!proxy || isLoopback(url.host) || except.matches(url.host, url.port)) return nullptr;
  return &*proxy;
}

Result<ProxySettings> ProxySettings::fromEnvironment(const base::EnvironmentLookup& environment) {
  ProxySettings settings;
  const auto read = [](const std::string& name, const std::string& value,
                       std::optional<ProxyEndpoint>& into) -> base::Status {
    if (value.empty()) return {};
    auto proxy = parseProxy(value);
    if (!proxy.ok()) return std::move(proxy).error().in(name);
    into = std::move(proxy).value();
    return {};
  };
  const std::string all = eitherCase(environment, "all_proxy");
  const std::string plain = environment("http_proxy").value_or("");
  const std::string secure = eitherCase(environment, "https_proxy");
  BELAY_TRY(
      read(plain.empty() ? "all_proxy" : "http_proxy", plain.empty() ? all : plain, settings.http));
  BELAY_TRY(read(secure.empty() ? "all_proxy" : "https_proxy", secure.empty() ? all : secure,
                 settings.https));
  settings.except = NoProxy(eitherCase(environment, "no_proxy"));
  return settings;
}

}  // namespace belay::http
