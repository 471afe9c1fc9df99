#include "agent/Parts.h"

#include <memory>
#include <string_view>
#include <utility>

#include "agent/script/Program.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Clock.h"
#include "common/calendar/TimeZones.h"

namespace belay {

using base::Result;

Result<http::ProxySettings> proxyOf(const std::string& url, const std::vector<std::string>& noProxy,
                                    const base::EnvironmentLookup& environment) {
  if (url == "environment") return http::ProxySettings::fromEnvironment(environment);
  http::ProxySettings proxy;
  if (url.empty()) return proxy;
  BELAY_ASSIGN(const http::ProxyEndpoint endpoint, http::parseProxy(url));
  proxy.http = proxy.https = endpoint;
  std::string except;
  for (const std::string& entry : noProxy) except += (except.empty() ? "" : ",") + entry;
  proxy.except = http::NoProxy(except);
  return proxy;
}

flow::SyntaxCheck makeSyntaxCheck() {
  const auto checker = std::make_shared<script::SyntaxChecker>();
  return flow::SyntaxCheck{
      [checker](std::string_view text) { return checker->checkExpression(text); },
      [checker](std::string_view text) { return checker->checkFunction(text); },
      [checker](std::string_view text) { return checker->checkCode(text); },
      calendar::checkZone,
      [](std::string_view text) { return script::checkProgram(text); },
      [] { return base::PosixClock().wallMs(); }};
}

}  // namespace belay
