#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/agents/DriveSpec.h"
#include "agent/agents/Event.h"
#include "common/base/Environment.h"
#include "common/base/Result.h"

namespace belay::agents {

/// How an agent is started.
struct LaunchPlan {
  std::vector<std::string> arguments;                            ///< Behind the program.
  std::vector<std::pair<std::string, std::string>> environment;  ///< Put into that of the job.
  std::vector<std::pair<std::string, std::string>> files;  ///< Names in raw_folder, and content.
  std::string input;                                       ///< Written to its standard input first.
  bool keepInput = false;  ///< Leave the standard input open after it: the adapter has more to say.
};

/// How the agent's main process ended, and what its last words were.
struct Ending {
  std::optional<int> exitCode;
  std::optional<int> signal;
  std::optional<Event> last;  ///< Its kFinal, if it came.
  std::string lastError;      ///< Of a note or a retry that came last.
  int lastStatus = 0;
  std::string errors;  ///< The end of its standard error.
  bool sawEvents = false;
};

struct Verdict {
  Outcome outcome = Outcome::kFailed;
  std::string detail;
  std::string budget;
};

/// Knows one kind of agent: how it is started, what its stream means, how its end is to be read.
///
/// Threads:   the driver's one.
/// Ownership: borrows the spec, which must outlive it.
class Adapter {
 public:
  virtual ~Adapter() = default;

  /// Errors: kUnsupported for what this agent cannot be told; nothing is ever left out in silence.
  virtual base::Result<LaunchPlan> launch(const base::EnvironmentLookup& environment) = 0;

  /// One line of its standard output, without its end. False: it is no event of its stream.
  virtual bool parse(std::string_view line, std::vector<Event>& events) = 0;

  /// What has to be written to its standard input since the last call; see keepInput.
  virtual std::string takeInput() { return {}; }
  /// Nothing more will be written.
  virtual bool inputDone() const { return true; }

  /// Asks it to end in its own way; false: it knows none but a signal.
  virtual bool cancel() { return false; }

  /// Whether lines are events: else all output is text for people, and any of it is progress.
  virtual bool hasStream() const { return true; }

  /// Why a line of its standard error means that it must not go on; empty: it may.
  virtual std::string fatal(std::string_view) const { return {}; }

  /// Judges an end that was not forced by a budget.
  virtual Verdict classify(const Ending& ending) const = 0;
};

std::unique_ptr<Adapter> makeAdapter(const DriveSpec& spec);

// One each, in a file of its own.
std::unique_ptr<Adapter> makeClaudeCode(const DriveSpec& spec);
std::unique_ptr<Adapter> makeCodex(const DriveSpec& spec);
std::unique_ptr<Adapter> makeGemini(const DriveSpec& spec);
std::unique_ptr<Adapter> makeOpenCode(const DriveSpec& spec);
std::unique_ptr<Adapter> makeAcp(const DriveSpec& spec);
std::unique_ptr<Adapter> makeCommand(const DriveSpec& spec);

}  // namespace belay::agents
