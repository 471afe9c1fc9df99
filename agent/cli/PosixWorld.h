#pragma once

#include <functional>

#include "agent/cli/World.h"
#include "common/base/Clock.h"
#include "common/base/Random.h"

namespace belay::cli {

/// Standard input, output and error of this process.
///
/// Threads: owner.
/// Errors:  output that nobody reads any more ends the process, as `head` expects it of a command.
class PosixConsole final : public Console {
 public:
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  base::Result<std::string> readInput(std::size_t bytesMax) override;
  base::Result<std::string> readHidden(std::string_view prompt) override;
  bool inputIsTerminal() const override;
  bool outIsTerminal() const override;
  bool errIsTerminal() const override;
  std::size_t columns() const override;
  std::size_t rows() const override;
};

/// The process as it is: for main.cpp.
///
/// Ownership: the world that it gives out lives as long as it does.
class PosixWorld {
 public:
  explicit PosixWorld(std::function<base::Status(const DaemonOptions&)> runDaemon);
  PosixWorld(const PosixWorld&) = delete;
  PosixWorld& operator=(const PosixWorld&) = delete;

  World& world() { return world_; }

 private:
  PosixConsole console_;
  base::PosixClock clock_;
  base::OsRandom random_;
  World world_;
};

}  // namespace belay::cli
