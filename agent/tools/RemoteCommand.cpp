#include "agent/tools/RemoteCommand.h"

#include <algorithm>

namespace belay::tools {

namespace {

bool isPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("%+,-./:=@_").find(c) != std::string_view::npos;
}

/// As the argument of printf %b: what is not plain by its number.
std::string octal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (isPlain(c) && c != '%') {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += "\\0";
    out += static_cast<char>('0' + (byte >> 6));
    out += static_cast<char>('0' + (byte >> 3 & 7));
    out += static_cast<char>('0' + (byte & 7));
  }
  return out;
}

/// One line that sets the environment. The X keeps line breaks at the end, which $( ) takes away.
std::string preludeOf(const std::vector<std::pair<std::string, std::string>>& environment) {
  std::string out = ":";
  for (const auto& [name, value] : environment) {
    out += ";" + name + "=$(printf %bX '" + octal(value) + "');export " + name + "=\"${" + name +
           "%X}\"";
  }
  return out + "\n";
}

}  // namespace

std::string quoteWord(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), isPlain)) return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    // fish reads a backslash within single quotes, the others do not; within double quotes all do.
    if (c == '\'')
      out += "'\"'\"'";
    else if (c == '\\')
      out += "'\"\\\\\"'";
    else
      out += c;
  }
  return out + "'";
}

RemoteLine remoteLine(const RemoteCommand& command) {
  RemoteLine out;
  std::string program;
  std::string variables;
  if (command.terminal) {
    for (const auto& [name, value] : command.environment)
      variables += " " + quoteWord(name + "=" + value);
  } else if (!command.environment.empty()) {
    out.prelude = preludeOf(command.environment);
    program = "IFS= read -r __belay||exit 126;eval \"$__belay\";unset __belay;";
  }
  program += "cd \"$1\"||exit 126;shift;";
  // A group of its own, where there is setsid: what ends this session does not end it.
  program += command.detach
                 ? "S=$(command -v setsid);nohup $S \"$@\" </dev/null >/dev/null 2>&1 & echo $!"
                 : "exec \"$@\"";
  out.line = "exec " + std::string(variables.empty() ? "" : "env" + variables + " ") +
             "/bin/sh -c " + quoteWord(program) + " sh " +
             quoteWord(command.folder.empty() ? "." : command.folder);
  for (const std::string& word : command.argv) out.line += " " + quoteWord(word);
  return out;
}

}  // namespace belay::tools
