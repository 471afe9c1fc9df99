#include "agent/tools/Tool.h"

#include <sys/prctl.h>

#include <array>

#include "agent/tools/ToolIo.h"
#include "common/base/Files.h"

namespace belay::tools {

namespace {

struct ToolRow {
  std::string_view name;
  void (*run)(const json::Value& request, Exit& exit, const base::EnvironmentLookup& environment);
};
constexpr std::array<ToolRow, 2> kTools{{{"ssh", &runSsh}, {"mail", &runMail}}};

int report(const base::Error& error) {
  const std::string line =
      std::string(base::errorText(error.code)) + ": " + error.message + "\n";
  static_cast<void>(base::writeAll(2, line, "standard error"));
  return 2;
}

}  // namespace

int runTool(const std::string& name, const base::EnvironmentLookup& environment) {
  // What runs as the same user must not get at our memory, which holds credentials.
  ::prctl(PR_SET_DUMPABLE, 0);
  const auto exit = Exit::open(environment);
  if (!exit) return report(exit.error());
  const auto request = readRequest(0);
  if (!request) return report(request.error());
  for (const ToolRow& tool : kTools) {
    if (tool.name == name) tool.run(*request, **exit, environment);
  }
  return report({base::ErrorCode::kInvalidArgument, "there is no step " + name + " in this program"});
}

}  // namespace belay::tools
