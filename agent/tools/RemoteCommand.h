#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace belay::tools {

/// A command for another machine, as it is to arrive there.
struct RemoteCommand {
  std::vector<std::string> argv;
  std::string folder;  ///< Empty: where the server puts it.
  std::vector<std::pair<std::string, std::string>> environment;
  bool terminal = false;
  bool detach = false;
};

/// What is sent: SSH has no argv, only a line that the user's login shell there reads.
struct RemoteLine {
  std::string line;
  std::string prelude;  ///< To be sent on standard input before anything else: the environment.
};

/// Makes each byte of `word` arrive: for sh, bash, dash, ksh, zsh and fish alike.
std::string quoteWord(std::string_view word);

/// The line is for a login shell as above, and needs /bin/sh there. Without a terminal, the values
/// of the environment are in the prelude and on no command line, where others could read them; with
/// one, which would show what is typed, they stand in the line.
RemoteLine remoteLine(const RemoteCommand& command);

}  // namespace belay::tools
