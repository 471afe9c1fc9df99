#include "agent/Parts.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/journal/StateFolder.h"
#include "agent/script/Program.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Clock.h"
#include "common/base/Files.h"
#include "common/calendar/TimeZones.h"

namespace belay {

using base::Error;
using base::ErrorCode;
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

Result<base::UniqueFd> lockState(const settings::StateLayout& layout) {
  BELAY_TRY(journal::checkStateFolder(layout.journal(), {}));
  const std::string& folder = layout.folder;
  if (!base::fileExists(layout.keys())) {
    return Error{ErrorCode::kNotInitialised, "there are no keys in " + folder, {"belay init"}};
  }
  const std::string path = folder + "/daemon.lock";
  base::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  const int failed = lock.valid() ? 0 : errno;
  if (failed == EACCES) {
    return Error{ErrorCode::kStateFolderUnsafe,
                 path + " belongs to another user than its folder",
                 {"chown -R --reference=" + folder + " " + folder}};
  }
  if (failed != 0) return base::errnoError(failed, "open " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kAlreadyRunning, "another daemon uses " + folder, {"belay doctor"}};
  }
  return lock;
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
