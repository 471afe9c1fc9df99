#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/cli/Transport.h"
#include "agent/settings/Paths.h"
#include "agent/settings/Settings.h"
#include "common/base/Clock.h"
#include "common/base/Environment.h"
#include "common/base/Random.h"
#include "common/base/Result.h"

namespace belay::cli {

/// Where a command reads and writes. Data go to out, everything else to err.
///
/// Threads: owner.
class Console {
 public:
  virtual ~Console() = default;

  virtual void out(std::string_view text) = 0;
  virtual void err(std::string_view text) = 0;
  /// All of standard input. Errors: kLimit, kIo.
  virtual base::Result<std::string> readInput(std::size_t bytesMax) = 0;
  /// Asks on the terminal for one line that is not shown. Errors: kUsage without a terminal, kIo.
  virtual base::Result<std::string> readHidden(std::string_view prompt) = 0;

  virtual bool inputIsTerminal() const = 0;
  virtual bool outIsTerminal() const = 0;
  virtual bool errIsTerminal() const = 0;
  /// Width of the terminal; 80 when it is not known.
  virtual std::size_t columns() const = 0;
  /// Its height; 24 when it is not known.
  virtual std::size_t rows() const = 0;
};

/// What `belay daemon` hands to the daemon.
struct DaemonOptions {
  settings::Settings settings;
  settings::Paths paths;   ///< With the options of the command line in them.
  std::string configFile;  ///< The file that was read; empty: there is none, defaults are in force.
};

/// The process's world, as commands see it. main.cpp makes the real one, tests make another.
struct World {
  Console& console;
  const base::Clock& clock;
  base::Random& random;
  base::EnvironmentLookup environment;
  uid_t uid = 0;       ///< Effective.
  std::string home;    ///< Of the password file.
  std::string folder;  ///< The working folder; empty when it cannot be told.
  /// Reaches the daemon behind a Unix socket.
  std::function<std::unique_ptr<Transport>(const std::string& socket)> connect;
  /// Runs the daemon until it ends. The error's code gives the exit code.
  std::function<base::Status(const DaemonOptions&)> runDaemon;
  /// Sleeps; the command line is the one place that may.
  std::function<void(std::chrono::milliseconds)> sleep;
  /// Before the system's paths (/etc/belay, …), which a test has in a folder of its own.
  std::string systemRoot = {};
};

/// Runs one command line; returns the exit code of docs/exit-codes.md.
int main(int argc, const char* const* argv, World& world);

}  // namespace belay::cli
