#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/flow/Start.h"
#include "agent/flow/Triggers.h"
#include "common/base/Ids.h"
#include "common/base/RateLimit.h"
#include "common/json/Value.h"

namespace belay::flow {

/// What a step is. One row each in the table of families (Family.h), one file each in agent/steps/.
enum class Family : std::uint8_t {
  kRun,
  kHttp,
  kFunction,
  kKv,
  kSet,
  kSleep,
  kWait,
  kNotify,
  kSwitch,
  kParallel,
  kForEach,
  kLoop,
  kFlow,
  kEmit,
  kAgent,
  kDb,
  kSearch,
  kLlm,
  kSsh,
  kPlugin,
  kCount
};

/// How a step's effect may be repeated: freely, with the same idempotency key, or never.
enum class EffectClass : std::uint8_t { kPure, kIdempotent, kOnce };

/// Classes of failure that retry.on can name.
enum class FailureClass : std::uint8_t {
  kTimeout,
  kRateLimited,
  kUnavailable,
  kServerError,
  kExitCode,
  kConnection,
  kOther,
  kCount
};

std::string_view effectClassName(EffectClass effect);
std::string_view failureClassName(FailureClass failure);
std::optional<EffectClass> effectClassFrom(std::string_view name);
std::optional<FailureClass> failureClassFrom(std::string_view name);

struct Backoff {
  std::chrono::milliseconds initial{1000};
  double factor = 2.0;
  std::chrono::milliseconds max{60'000};
  double jitter = 0.2;  ///< Share of the delay that is random, 0 to 1.
};

struct Retry {
  std::uint32_t maxAttempts = 1;  ///< The first try included; 1 means no retry.
  Backoff backoff;
  std::vector<FailureClass> on;  ///< Empty: every class but kOther.
};

/// What a failure of a step does to its run.
struct OnError {
  enum class Kind : std::uint8_t { kFail, kSkip, kStep } kind = Kind::kFail;
  base::StepId step;  ///< Set for kStep.
};

enum class Persist : std::uint8_t { kAuto, kAlways, kNever };

/// How long a resource of a step stays: with its run, beyond it, or not even that.
enum class Keep : std::uint8_t { kRun, kRetained, kEphemeral };

/// What is said of the resources of a step: `persist` but for when there are some.
struct Keeping {
  Keep keep = Keep::kRun;
  std::string fileName;     ///< Of the first one; empty: as the step calls it.
  std::string contentType;  ///< Of the first one; empty: as the step found it.
  bool index = false;       ///< Texts are found by search.
};

/// One case of a switch: the first whose `when` holds is taken; without `when` it always holds.
struct SwitchCase {
  std::optional<std::string> when;  ///< Expression, without ${{ }}.
  std::string next;                 ///< A step's id, or "end".
};

enum class WaitKind : std::uint8_t { kApproval, kCallback, kEvent, kTime, kCount };
enum class OnTimeout : std::uint8_t { kReject, kFail, kContinue };
std::string_view waitKindName(WaitKind kind);
std::optional<WaitKind> waitKindFrom(std::string_view name);

struct WaitOptions {
  WaitKind kind = WaitKind::kTime;
  OnTimeout onTimeout = OnTimeout::kFail;
  /// A duration, or a template that gives one. Set for all kinds but kTime, whose `for` or `until`
  /// stands in the spec.
  std::optional<std::string> timeout;
  /// What a rejected approval does (on_reject): the run goes on with output.approved = false, or
  /// the step fails.
  bool failOnReject = false;
  /// Of an event: expression over `event`, without ${{ }}; empty: every event of the name.
  std::string match;
};

/// An approval that stands before a step, bound to exactly what the step is about to do.
struct Review {
  std::string spec;  ///< Summary, artifacts, form and so on with templates, as compact JSON.
  std::string timeout;
  OnTimeout onTimeout = OnTimeout::kReject;  ///< Or kFail.
};

/// Of a step that holds lists of steps: parallel, for_each, loop.
struct Control {
  std::vector<std::size_t> blocks;        ///< Of a parallel: one for each branch; else one.
  std::optional<std::size_t> finalize;    ///< Of a parallel: runs when all branches have ended.
  bool failFast = true;                   ///< One failure ends the others; else all end first.
  std::uint32_t maxParallel = 1;          ///< Of a for_each.
  std::string as;                         ///< Of a for_each: a further name of the item; or "".
  std::optional<std::string> whileHolds;  ///< Of a loop: expression, asked before each round.
  std::optional<std::string> untilHolds;  ///< Of a loop: expression, asked after each round.
  std::uint32_t maxRounds = 0;            ///< Of a loop.
  bool failAtMax = true;                  ///< Of a loop: on_max.
  std::optional<std::string> interval;    ///< Of a loop: a duration, or a template that gives one.
  std::optional<Backoff> backoff;         ///< Of a loop.
};

/// A step as it was written; texts may hold templates, which only the run can render.
struct Step {
  base::StepId id;
  std::string title;
  Family family = Family::kFunction;
  /// The value under the family's key, verbatim, as compact JSON (for switch, parallel and loop:
  /// empty; for for_each: its items). Of notify,
  /// a template that it names has been put in as `text`; of an agent, likewise as `prompt`, and
  /// the handle with its fallbacks as `agents`; of an event, `match` has been taken out.
  std::string spec;
  std::optional<std::string> when;  ///< Expression, without ${{ }}; "true" and "false" too.
  /// A duration, or a template that gives one: the step's own, else of `defaults`, else of the
  /// table of families. Set for the families with effects, never for the others.
  std::optional<std::string> timeout;
  Retry retry;
  OnError onError;
  Persist persist = Persist::kAuto;
  Keeping keeping;
  EffectClass effect = EffectClass::kOnce;   ///< From the table of families, or as the step says.
  std::optional<std::string> next;           ///< A step's id, "end", or a template that gives one.
  std::vector<SwitchCase> cases;             ///< Of a switch.
  WaitOptions wait;                          ///< Of a wait or sleep.
  std::optional<Review> review;              ///< Of the families with effects.
  Control control;                           ///< Of a parallel, for_each or loop.
  std::optional<base::RateLimit> rateLimit;  ///< Of the step alone.
  std::optional<std::size_t> undo;           ///< Index in Flow::undos: what takes its effect back.
  std::size_t block = 0;                     ///< Index of the list of steps that it stands in.
  std::uint32_t maxVisits = 1000;
};

/// Whether a step waits for the decision of a person.
bool isApproval(const Step& step);

/// Behind the id of a step in the name of what undoes it: "charge~undo".
inline constexpr std::string_view kUndoSuffix = "~undo";

/// A connection that the flow needs, bound on the host.
struct Requirement {
  std::string name;
  std::string type;  ///< "http", "chat", "llm", …
};

/// The keys of `agents:`, by name; checked.
using AgentHandles = std::map<std::string, json::Value>;

/// A list of steps: that of the flow, of on_failure, or one within a step.
struct Block {
  std::string name;                      ///< Of a branch: its name; else "".
  std::optional<std::size_t> container;  ///< Index of the step that holds it.
  std::vector<std::size_t> steps;        ///< Indexes, in order; never empty.
};

/// What a flow that is code has in place of steps.
struct Code {
  std::string source;    ///< The module, verbatim.
  json::Value metadata;  ///< Its `flow`, with the files that it includes.
};

/// A flow that passed validation. Immutable, shared by all runs that are pinned to it.
struct Flow {
  base::Slug slug;
  std::string name;
  std::string description;
  std::vector<std::string> tags;
  std::optional<json::Value> input;  ///< JSON Schema of the input.
  std::string state = "{}";          ///< Initial state, JSON.
  std::vector<Step>
      steps;  ///< All of them, nested ones too, in the order of the file. Empty if it is code.
  std::vector<Step> undos;               ///< Of `compensate`; each has the id of its step.
  std::vector<Block> blocks;             ///< The first is the flow's own list.
  std::optional<std::size_t> onFailure;  ///< Block that runs when the run has failed.
  std::string output;                    ///< JSON with templates; empty when the flow has none.
  std::map<std::string, std::string> templates;
  std::map<std::string, std::string> functions;
  std::vector<Requirement> requirements;
  AgentHandles agents;
  std::optional<base::RateLimit> rateLimit;  ///< Of all steps with effects together.
  Triggers triggers;
  std::optional<Code> code;
  std::optional<Concurrency> concurrency;
  OnNewRelease onNewRelease = OnNewRelease::kCoexist;
  std::string digest;  ///< "sha256:<64 hex>" over the verbatim file.

  /// Index of a step by its id.
  std::optional<std::size_t> indexOf(std::string_view id) const;
  /// The step of this id, or what undoes it when the id ends in kUndoSuffix; null pointer: none.
  const Step* find(std::string_view id) const;
  /// The step behind this one in its list.
  std::optional<std::size_t> behind(std::size_t step) const;
};

}  // namespace belay::flow
