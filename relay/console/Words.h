#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::console {

struct Command;

/// One flag of a command.
struct Flag {
  std::string_view name;   ///< Without "--".
  std::string_view value;  ///< What follows it; empty: nothing, it is a switch.
  std::string_view help;
};

/// The words of a command line, sorted.
struct Words {
  const Command* command = nullptr;
  std::vector<std::string> arguments;
  std::map<std::string, std::string, std::less<>> flags;  ///< Switches have "true".

  bool has(std::string_view flag) const { return flags.find(flag) != flags.end(); }
  std::string text(std::string_view flag) const;
};

/// Flags that every command takes.
std::span<const Flag> globalFlags();

/// Errors: kUsage with the nearest right word.
base::Result<Words> parseWords(std::span<const std::string> words,
                               std::span<const Command* const> commands);

std::string helpOf(const Command& command);
std::string helpOn(std::span<const Command* const> commands);

}  // namespace belay::console
