#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/script/Limits.h"
#include "common/base/Result.h"

namespace belay::script {

class ProgramRealm;

/// Something that the code of a run asks for: a step, a wait, a child run.
struct ProgramCall {
  std::string path;
  std::uint32_t visit = 1;
  std::string definitionJson;  ///< An object, as a step of a flow file without its id.
  std::size_t open = 0;        ///< Calls that are open already.
};

/// Takes the calls that a program makes.
class ProgramCalls {
 public:
  virtual ~ProgramCalls() = default;
  /// An error is given to the code as a StepError of class `invalid`, and the call is not made.
  virtual base::Status take(const ProgramCall& call) = 0;
};

/// How a call ended.
struct Settlement {
  std::string path;
  std::uint32_t visit = 1;
  bool ok = true;
  std::string valueJson;    ///< What the call gives; empty: undefined.
  std::string failureJson;  ///< Unless ok: {code, class, step, message, output?}.
  std::int64_t atMs = 0;    ///< From now on the time of the run.
};

/// Why a program failed.
struct ProgramFailure {
  std::string code;  ///< "BLY-…"
  std::string kind;  ///< Class of a failed step; empty else.
  std::string message;
  std::string step;  ///< Path of the step whose failure it is; may be empty.
};

struct ProgramEnd {
  std::string outputJson;                 ///< Empty: undefined.
  std::optional<ProgramFailure> failure;  ///< Nothing: the function has returned.
};

/// What a program is started with.
struct ProgramStart {
  std::string source;  ///< A module that exports a function as default.
  std::string inputJson = "{}";
  std::string stateJson = "{}";
  std::string runJson = "{}";
  std::string triggerJson = "null";
  std::uint64_t seed = 0;
  std::int64_t nowMs = 0;  ///< The time of the run, until a call has ended.
};

/// The code of one run (flows.md §6) on an interpreter of its own, up to the point where it waits
/// for calls to end.
///
/// Nothing but the settlements drives it: the same start and the same settlements in the same order
/// make the same calls. It is given one settlement at a time, and works until no promise has
/// anything left to do. Date and Math.random are those of the run; there is no I/O, no import and
/// no code from text.
///
/// Threads:   owner.
/// Ownership: `calls` must outlive it.
/// Errors:    of load(): kFlowCode with the place in the source. Of start() and settle(), after
/// which it must not go on: kExpressionTicks and kExpressionMemory, each over one call of them but
/// for memory, which is bounded in all.
class Program {
 public:
  /// Compiles the module and runs its top level, which defines.
  static base::Result<std::unique_ptr<Program>> load(const ProgramStart& start,
                                                     const Limits& limits, ProgramCalls& calls);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Calls the function.
  base::Status start();
  /// Ends a call. One that was cancelled, or that there is not, is passed over.
  base::Status settle(const Settlement& settlement);

  /// Once the function has ended, and all that it called when it has returned. What it called and
  /// did not look at fails it, if it failed.
  const std::optional<ProgramEnd>& end() const;
  /// It waits, and no call is open that could go on with it.
  bool isStalled() const;

  // What the code did since the last time.
  std::vector<std::string> takeCancelled();  ///< What the paths of the calls begin with.
  std::vector<std::string> takeLogs();
  base::Result<std::string> takeState();  ///< JSON; empty: unchanged. Errors: kExpressionOutput.

  /// What the interpreter holds now.
  std::size_t memoryBytes() const;

 private:
  explicit Program(std::unique_ptr<ProgramRealm> realm);

  const std::unique_ptr<ProgramRealm> realm_;
};

/// Loads a module and forgets it: that it is JavaScript, can be loaded and has a function.
/// Errors: kFlowCode with the place in the source.
base::Status checkProgram(std::string_view source, const Limits& limits = {});

}  // namespace belay::script
