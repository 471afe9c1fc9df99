#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/Clock.h"
#include "common/base/Result.h"

namespace belay::agents {

/// A short question to a program.
struct Question {
  std::string program;  ///< Absolute.
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< "NAME=value"
  std::string folder = "/";
  std::string input;       ///< Its standard input stays open behind it; empty: /dev/null.
  bool untilLine = false;  ///< The first line of its standard output answers; it is ended then.
  std::chrono::milliseconds bound{10'000};
};

/// What a program answers: its standard output, at most 64 KiB, ended with all of its group.
/// Errors: kAgentNotFound, kIo; kAgentNoOutput when the bound passes; kAgentFailed for another exit
/// status than 0, with the last line of its standard error.
base::Result<std::string> askProgram(const Question& question, const base::Clock& clock);

/// The first line of `PROGRAM --version`, made visible. Errors: of askProgram().
base::Result<std::string> askVersion(const Question& question, const base::Clock& clock);

/// What an agent says of itself in answer to ACP's initialize: "name version".
/// Errors: of askProgram(); kAgentProtocol.
base::Result<std::string> askAcp(const Question& question, const base::Clock& clock);

}  // namespace belay::agents
