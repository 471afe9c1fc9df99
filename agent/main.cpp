// The composition root: what this process is, and which of its roles it plays.

#include <nss.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/Daemon.h"
#include "agent/Limits.h"
#include "agent/agents/Driver.h"
#include "agent/agents/Workspace.h"
#include "agent/cli/PosixWorld.h"
#include "agent/jobs/Spawner.h"
#include "agent/jobs/SpawnerNursery.h"
#include "agent/steps/SqliteStatement.h"
#include "agent/tools/Tool.h"
#include "common/base/StandardDescriptors.h"
#include "common/log/StderrLog.h"

namespace {

/// A static program must not load the host's NSS modules, which are made for another C library.
void useOwnNameServices() {
  __nss_configure_lookup("hosts", "files dns");
  __nss_configure_lookup("passwd", "files");
  __nss_configure_lookup("group", "files");
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

belay::base::Status runDaemon(const belay::cli::DaemonOptions& options) {
  const belay::base::PosixClock clock;
  belay::base::OsRandom random;
  belay::log::StderrLog log(clock, &environment);
  return belay::runDaemon(options, {clock, random, log, &environment, options.paths.system});
}

/// Inside of a job: no settings, no journal, no keys.
int driveAgent(const std::string& specFile) {
  const belay::base::PosixClock clock;
  std::vector<std::pair<std::string, std::string>> variables;
  for (char* const* each = ::environ; *each != nullptr; ++each) {
    const std::string text = *each;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return belay::agents::runDriver(specFile, {clock, std::move(variables)});
}

}  // namespace

int main(int argc, char** argv) {
  belay::base::fillStandardDescriptors();
  if (argc >= 2 && std::strcmp(argv[1], "spawner") == 0) {
    belay::liftMemoryLimit();
    const auto is = [&](const char* word) { return argc == 3 && std::strcmp(argv[2], word) == 0; };
    if (is("--nursery")) return belay::jobs::runNursery(belay::jobs::kSpawnerSocketFd);
    return belay::jobs::runSpawner(belay::jobs::kSpawnerSocketFd, is("--accepted"));
  }
  if (argc > 2 && std::strcmp(argv[1], "workspace") == 0)
    return belay::agents::runWorkspace(argc, argv);
  if (argc == 2 && std::strcmp(argv[1], "db-statement") == 0)
    return belay::steps::runSqliteMain(belay::base::PosixClock());
  if (argc == 3 && std::strcmp(argv[1], "drive") == 0) return driveAgent(argv[2]);
  useOwnNameServices();
  if (argc == 3 && std::strcmp(argv[1], "step") == 0)
    return belay::tools::runTool(argv[2], &environment);
  belay::cli::PosixWorld world(&runDaemon);
  return belay::cli::main(argc, argv, world.world());
}
