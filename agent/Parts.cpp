#include "agent/Parts.h"

#include <memory>
#include <string_view>
#include <utility>

#include "agent/script/Program.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Clock.h"
#include "common/calendar/TimeZones.h"

namespace belay {

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
