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

Result<base::UniqueFd> lockState(const settings::StateLayout& layout) {
  const std::string& folder = layout.folder;
  const std::string path = folder + "/daemon.lock";
  BELAY_TRY(journal::checkStateFolder(path, {}));
  if (!base::fileExists(layout.keys())) {
    return Error{ErrorCode::kNotInitialised, "there are no keys in " + folder, {"belay init"}};
  }
  base::UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return base::errnoError(errno, "open " + path);
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
