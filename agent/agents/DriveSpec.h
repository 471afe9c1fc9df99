#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::agents {

class Members;

/// Tokens of a model. `cached` is a part of `input`, `reasoning` one of `output`.
struct Usage {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cached = 0;
  std::int64_t reasoning = 0;

  std::int64_t total() const { return input + output; }
  bool operator==(const Usage&) const = default;
};

/// A conversation of an agent that outlives its process.
struct SessionSpec {
  std::string id;       ///< Empty: the agent makes one; the result says which.
  bool resume = false;  ///< Go on with `id`, in the same `cwd` and home as before.
  Usage used;           ///< What the session had used in all when its last run ended.
};

/// One rule; a field that is empty fits anything. In each, `*` fits any text.
struct Rule {
  std::string tool;  ///< Of the agent's own names ("Bash"), or of kinds: read, edit, execute, …
  std::string command;  ///< Of what is executed, as one text: "git *".
  std::string path;     ///< Of the file: absolute, or below `cwd`.
};

/// What the agent may do. `deny` goes before `allow`; what neither names is decided by
/// `defaultAllow`.
struct Permissions {
  bool defaultAllow = false;
  bool failOnDenied = false;  ///< End the agent with the first thing that it was denied.
  std::vector<Rule> allow;
  std::vector<Rule> deny;
};

/// Bounds of one run; 0 is no bound. The first that is hit ends the agent, gracefully.
struct Budgets {
  std::int64_t firstOutputMs = 0;  ///< Until its first sign of life.
  std::int64_t noProgressMs = 0;   ///< Between two; a repeated retry is none.
  std::int64_t wallMs = 0;         ///< In all.
  std::int64_t outputBytes = 0;    ///< Of both streams together.
  std::int64_t turns = 0;
  std::int64_t tokens = 0;  ///< Input and output of this run.
  double usd = 0;
  std::int64_t memoryBytes = 0;  ///< That agent, driver and what they started have for themselves.
};

/// How a program that has no adapter of its own takes its prompt and options (adapter `command`).
struct CommandShape {
  enum class Prompt { kArgument, kFlag, kStdin, kFile };
  enum class FlagStyle { kSpace, kEquals };
  Prompt prompt = Prompt::kArgument;
  std::string promptFlag;  ///< For kFlag and kFile: "-p"; kFile without one: bare path.
  std::vector<std::string> prefixArgs;      ///< Between the program and everything else: "exec".
  FlagStyle flagStyle = FlagStyle::kSpace;  ///< "--model M", or "--model=M".
  /// Flag and value each, in order; "true" as value is the flag alone, "false" is nothing.
  std::vector<std::pair<std::string, std::string>> optionFlags;
};

/// What `belay drive` is to do, rendered completely: docs/format/agent-drive.md.
///
/// The agent's environment is that of the job; no secret stands here.
struct DriveSpec {
  std::string adapter;            ///< claude-code, codex, gemini, opencode, acp or command.
  std::string binary;             ///< Absolute.
  std::string digest;             ///< SHA-256 of the binary's content; empty: it is not locked.
  std::vector<std::string> args;  ///< Behind those of the adapter.
  std::string model;              ///< Empty: the agent's own choice.
  std::string prompt;
  std::string appendSystem;  ///< Added to the agent's system prompt.
  json::Value outputSchema;  ///< Null, or a JSON Schema that the last message has to meet.
  std::string cwd;           ///< Absolute.
  SessionSpec session;
  Permissions permissions;
  Budgets budgets;
  CommandShape command;
  std::string rawFolder;  ///< Absolute, exists: stdout.log, stderr.log, text.txt are made there.
  /// Of the job's environment: their values are masked in the files of rawFolder.
  std::vector<std::string> secretVariables;
  std::int64_t graceMs = 10'000;  ///< For the agent, between being asked to end and the kill.
};

inline constexpr std::size_t kDriveSpecBytesMax = 4u << 20;

/// Errors: kJsonSyntax, kLimit (kDriveSpecBytesMax), kInvalidArgument with the member's path.
base::Result<DriveSpec> parseDriveSpec(std::string_view text);
/// Reads back the same.
std::string printDriveSpec(const DriveSpec& spec);

base::Result<Usage> parseUsage(const json::Value& value, const std::string& where);
/// The member of an object that is being read.
void readUsage(Members& outer, std::string_view name, Usage& out);
json::Value usageValue(const Usage& usage);

}  // namespace belay::agents
