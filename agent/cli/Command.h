#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/Envelope.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::cli {

class Invocation;

/// One flag of a command.
struct Flag {
  std::string_view name;   ///< Without "--".
  char letter = 0;         ///< "-f"; 0: none.
  std::string_view value;  ///< What follows it ("K=V"); empty: nothing, it is a switch.
  std::string_view help;
  bool repeats = false;
};

/// What can complete a word: for the completion scripts.
enum class Completes { kNothing, kFile, kRun, kWait, kFlow, kSchedule };

/// One verb: what it is called, what it takes, and what does it. Constant; one file each.
struct Command {
  std::string_view path;       ///< "run list"
  std::string_view arguments;  ///< "RUN [STEP]"; the last may end in "…": any number.
  std::string_view summary;    ///< One line, imperative.
  std::string_view details;    ///< Paragraphs for --help and docs/cli.md; may be empty.
  std::span<const Flag> flags;
  /// What it gives: data, or an error with data. Errors before there is any are the Result's.
  base::Result<api::Envelope> (*run)(Invocation&);
  /// The data for people, as text for standard output; null: nothing is shown.
  std::string (*show)(const Invocation&, const json::Value& data);
  Completes completes = Completes::kNothing;
};

/// All commands, in the order in which help lists them.
std::span<const Command* const> allCommands();

/// Flags that every command takes.
std::span<const Flag> globalFlags();

/// The words of one command line, sorted by a command's flags.
struct ParsedArguments {
  const Command* command = nullptr;  ///< Null: none was named.
  std::vector<std::string> positionals;
  std::multimap<std::string, std::string, std::less<>> flags;  ///< Switches have "true".
  std::string place;  ///< "--user ": the flags that say which daemon, as they were given.
  std::string topic;  ///< The words before a command was found: "run" of `belay run --help`.
  /// Set when the words make no command line; what was found until then stands.
  std::optional<base::Error> error;

  bool has(std::string_view flag) const { return flags.find(flag) != flags.end(); }
};

/// Never fails as a whole: `error` is kUsage with the nearest right word.
ParsedArguments parseArguments(std::span<const std::string> words,
                               std::span<const Command* const> commands);

/// "belay run list [--flow SLUG] …", and everything below it.
std::string helpOf(const Command& command);
/// The commands that begin with `topic` ("" for all), one line each.
std::string helpOn(std::string_view topic, std::span<const Command* const> commands);
/// The reference part of docs/cli.md.
std::string referenceMarkdown(std::span<const Command* const> commands);
/// A completion script. Errors: kUsage for another shell than bash, zsh and fish.
base::Result<std::string> completionScript(std::string_view shell,
                                           std::span<const Command* const> commands);

}  // namespace belay::cli
