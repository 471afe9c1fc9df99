#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/flow/Flow.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"

namespace belay::engine {

/// One try of one entry into one step. `path` is the step's id, or where it stands within others
/// (Path.h).
struct StepKey {
  std::string path;
  std::uint32_t visit = 1;    ///< From 1.
  std::uint32_t attempt = 1;  ///< From 1.
  bool operator==(const StepKey&) const = default;
};

/// The runs of a flow that count together, and how many of them may be active at once.
struct Lane {
  std::string key;  ///< As it was evaluated; empty: all runs of the flow.
  std::uint32_t limit = 1;
  bool operator==(const Lane&) const = default;
};

/// Why a step or run failed.
struct Failure {
  std::string code;  ///< "BLY-…"
  flow::FailureClass kind = flow::FailureClass::kOther;
  std::string message;
  bool nothingLeft = false;  ///< Proved that no effect left the host.
};

/// Where a run goes after a step: chosen by expressions, so it is part of the event.
struct Next {
  enum class Kind : std::uint8_t { kStep, kEnd, kFail } kind = Kind::kEnd;
  std::string step;  ///< Set for kStep.
};

enum class StepOutcome : std::uint8_t { kSucceeded, kFailed, kSkipped };
enum class RunEnd : std::uint8_t { kSucceeded, kFailed, kStopped, kCancelled };
enum class WaitAnswer : std::uint8_t {
  kApproved,
  kRejected,
  kBody,
  kTimeReached,
  kTimedOut,
  kClosed
};
enum class BlockKind : std::uint8_t { kParallel, kForEach, kLoop };
enum class Resolution : std::uint8_t { kSucceeded, kFailed, kRetry };

/// The step that started a run.
struct ParentStep {
  base::RunId run;  ///< Empty: nothing did.
  StepKey key;
};

// The events of a run. Members that end in Json hold JSON text, verbatim as it was evaluated.

struct RunCreated {
  std::string slug;
  std::string flowDigest;
  std::string source;     ///< "draft" or "release:N".
  std::string inputJson;  ///< Coerced and checked.
  std::string stateJson;
  std::string triggerJson;  ///< {"type":"manual", …}
  std::string startedBy;    ///< "uid:1000"
  std::string firstStep;    ///< Where it begins.
  std::string onFailure;    ///< First step of on_failure; empty: none.
  std::uint64_t seed = 0;   ///< Of the run's randomness; below 2^53.
  ParentStep parent;
  std::uint32_t depth = 0;   ///< Runs above it.
  std::string interpreter;   ///< Of a flow that is code: name and version. It has no first step.
  std::optional<Lane> lane;  ///< Nothing: the flow bounds none.
  bool queued = false;       ///< Has to be admitted before its first step.
  std::string requester;     ///< Who caused the event that started it; empty: as startedBy.
};
/// Intent: committed before anything leaves the process.
struct StepStarted {
  StepKey key;
  flow::EffectClass effect = flow::EffectClass::kOnce;
  std::string renderedJson;  ///< The effect with secrets as references.
  std::string idempotencyKey;
  std::string bootId;          ///< Boot in which it started.
  std::int64_t timeoutMs = 0;  ///< 0: none.
  base::RunId child;  ///< Of a flow step: its run, created in the same commit; empty: none.
  /// What ends the step around it asks that run to stop now, and waits for its end.
  bool awaited = false;
};
struct StepFinished {
  StepKey key;
  StepOutcome outcome = StepOutcome::kSucceeded;
  std::string outputJson;  ///< Empty: undefined, or kept as outputRef.
  std::string outputRef;  ///< "res://…" of the output's JSON when it is too large for the journal.
  std::optional<Failure> failure;  ///< Set when failed.
  std::string stateJson;           ///< New state of the run, from `set`; empty: unchanged.
  Next next;
  std::int64_t durationMs = 0;
  std::string undoJson;  ///< Of `compensate`, rendered; empty: none, or kept as undoRef.
  std::string undoRef;
  std::int64_t undoTimeoutMs = 0;
  bool stands = false;  ///< Of a flow step that failed: not all that its run did was taken back.
};
/// A try failed and another will be made.
struct AttemptFailed {
  StepKey key;
  Failure failure;
  std::int64_t delayMs = 0;
  bool stands = false;  ///< As of StepFinished.
};
/// Opened when the run comes to the wait, or before, by a step that hands its token out: an answer
/// that comes early is kept.
struct WaitOpened {
  StepKey key;
  base::WaitId wait;
  flow::WaitKind kind = flow::WaitKind::kTime;
  flow::OnTimeout onTimeout = flow::OnTimeout::kFail;
  std::string requestJson;    ///< Rendered; what is shown and signed.
  std::string requestDigest;  ///< Hex SHA-256 of requestJson.
  std::string tokenHash;      ///< Of a callback's token, hex SHA-256.
  std::string eventName;
  std::int64_t expiresWallMs = 0;  ///< 0: never.
  std::int64_t delayMs =
      0;  ///< The same as a duration from now; 0: never. Ignored when onWallClock.
  bool onWallClock = false;  ///< `until`: due at a wall time, whatever the boot clock says.
  bool review = false;       ///< Stands before the attempt of `key`, whose effect its request has.
  base::WaitId replaces{};   ///< The open wait whose place it takes: the same, asked anew.
};
/// What answered a wait; the step's own finish follows in the same commit.
struct WaitResolved {
  StepKey key;
  base::WaitId wait;
  WaitAnswer answer = WaitAnswer::kTimedOut;
  std::string bodyJson;  ///< Of a callback or event; form and comment of a decision.
  std::string decision;  ///< Compact JWS of an approval's decision; its members stand in bodyJson.
  std::string by;
};
struct StepAmbiguous {
  StepKey key;
  std::string reason;
};
struct AmbiguityResolved {
  StepKey key;
  Resolution resolution = Resolution::kFailed;
  std::string by;
  std::string note;
};
/// An attempt that is to begin has to wait for a token of a rate limit. Nothing has left yet.
struct StepHeld {
  StepStarted attempt;       ///< As it will begin.
  std::string bucket;        ///< Whose token is missing.
  std::int64_t delayMs = 0;  ///< Until its turn.
};
/// A parallel, for_each or loop begins. Its end is a StepFinished of the same key.
struct BlockStarted {
  StepKey key;
  BlockKind kind = BlockKind::kParallel;
  std::vector<std::string> names;  ///< Of the branches of a parallel.
  std::vector<std::string>
      firsts;               ///< Id of the first step of each branch; one for all items or rounds.
  std::string finalize;     ///< Id of the first step of finalize; empty: none.
  std::uint32_t count = 0;  ///< Branches or items; rounds at most.
  std::uint32_t maxParallel = 1;
  bool failFast = true;
  std::string itemsJson;  ///< Of a for_each: a list; empty when kept as itemsRef.
  std::string itemsRef;
};
/// A loop goes on with a further round, now or after a pause.
struct RoundStarted {
  StepKey key;
  std::uint32_t round = 0;   ///< From 0.
  std::int64_t delayMs = 0;  ///< Above 0: the round has still to begin, with an event of its own.
};
/// Something that the code of a run asked for.
struct CodeCall {
  StepKey key;
  std::string definitionJson;  ///< The step, as in a file, without its id.
};
/// The code of a run was taken as far as it goes with the results that are there. What it asked for
/// begins, and what is known of it stands here: no recovery runs the code to know what is in
/// flight.
struct CodeAdvanced {
  std::vector<CodeCall> calls;
  std::vector<std::string> cancelled;  ///< What the paths of calls begin with that are to end then.
  std::vector<std::string> logs;
  std::string stateJson;           ///< Empty: unchanged.
  std::string interpreter;         ///< Empty: as before.
  bool more = false;               ///< Further calls follow in an event of their own.
  std::optional<Failure> failure;  ///< The code has failed, and asks for nothing any more.
  std::string failedStep;          ///< Whose failure that is; empty: its own.
};
struct RunPaused {
  std::string by;
};
struct RunResumed {
  std::string by;
};
/// No new step starts, what is in flight may end; compensations run.
struct RunStopRequested {
  std::string by;
  bool now = false;        ///< What is in flight is ended too.
  bool finalizes = false;  ///< `finalize` of blocks that have begun runs before compensations do.
};
/// What is in flight is ended at once.
struct RunCancelRequested {
  std::string by;
  base::RunId supersededBy{};  ///< The run that takes its place; empty: none.
};
struct RunFinished {
  RunEnd end = RunEnd::kSucceeded;
  std::string outputJson;
  std::optional<Failure> failure;
  std::string failedStep;
  std::vector<std::string> compensated;    ///< Visits of steps that were undone, in that order.
  std::vector<std::string> uncompensated;  ///< Those whose undo failed, or was not tried.
};
/// A failed run goes on from the step that failed.
struct RunRetried {
  std::string step;
  std::string by;
  bool queued = false;  ///< Has to be admitted before the step.
};
/// A queued run begins, or goes on.
struct RunAdmitted {};

using EventBody =
    std::variant<RunCreated, StepStarted, StepFinished, AttemptFailed, WaitOpened, WaitResolved,
                 StepAmbiguous, AmbiguityResolved, RunPaused, RunResumed, RunStopRequested,
                 RunCancelRequested, RunFinished, RunRetried, BlockStarted, RoundStarted,
                 CodeAdvanced, RunAdmitted, StepHeld>;

/// One append-only row of a run's history.
struct Event {
  std::int64_t atMs = 0;  ///< Wall time, to show.
  EventBody body;
};

/// Stable names, in the order of EventBody: "run_created", …; they stand in the journal.
std::string_view eventName(const EventBody& body);
/// The body as compact JSON, without name and time.
std::string encodeBody(const EventBody& body);
/// Reads what encodeBody wrote. Errors: kJournalCorrupt naming the member.
base::Result<EventBody> decodeBody(std::string_view name, std::string_view json);

}  // namespace belay::engine
