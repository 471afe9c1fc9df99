#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/engine/RunState.h"
#include "agent/flow/Flow.h"
#include "agent/journal/Journal.h"
#include "agent/script/Evaluator.h"
#include "agent/trust/RenderedEffect.h"
#include "common/base/Ids.h"
#include "common/base/RateLimit.h"
#include "common/base/Result.h"
#include "common/json/Json.h"

namespace belay::runtime {

/// One try of a step that leaves the process. Its intent is committed.
struct Attempt {
  base::RunId run;
  std::string slug;
  engine::StepKey key;
  flow::Family family = flow::Family::kRun;
  flow::EffectClass effect = flow::EffectClass::kOnce;
  flow::Persist persist = flow::Persist::kAuto;
  flow::Keeping keeping;
  std::string renderedJson;  ///< Secrets as `{"secret": NAME}`.
  std::string idempotencyKey;
  std::string bootId;  ///< Boot in which the intent was committed.
  std::int64_t timeoutMs = 0;
  std::string callbackWait;  ///< The wait whose token this step hands out; empty: none.
  std::map<std::string, std::string>
      bindings;  ///< Names of the flow's `requires` to connections of the host.
};

/// How a try ended.
struct StepResult {
  bool ok = true;
  std::string outputJson;  ///< JSON; empty: undefined. Given for failures too where there is one.
  std::optional<engine::Failure> failure;  ///< Set unless ok.
  std::int64_t retryAfterMs = 0;           ///< What the peer asked for; 0: nothing.
  bool ambiguous = false;  ///< It is not known whether it took effect; `reason` says why.
  std::string reason;
  /// From recover() alone: nothing was begun, or what was may be repeated and is gone.
  bool orderAnew = false;
  std::vector<journal::ResourceRow>
      resources;  ///< Stored already; their rows join the step's commit.
  std::int64_t durationMs = 0;
  /// Of an agent: what its ledger is to know (AgentLedger.h). Empty: nothing.
  std::string ledgerJson;
  /// With a failure: it is tried again after this, whatever retry: says, because a peer said when,
  /// or because another one is to try.
  std::optional<std::int64_t> againMs;
  bool stands = false;  ///< As of engine::StepFinished.
};

/// Takes the result of an attempt. Any thread.
using ResultSink = std::function<void(const base::RunId&, const engine::StepKey&, StepResult)>;

/// Performs the attempts of one family outside the loop.
///
/// Threads: called by the loop, which it must not block; results come through the sink it was made
/// with.
class Performer {
 public:
  virtual ~Performer() = default;

  /// Exactly what start() would do, for the policy: executables and URLs resolved, secrets by name.
  /// Reads at most the host's own files. An error is the step's failure; nothing has left then.
  virtual base::Result<trust::RenderedEffect> describe(const Attempt& attempt) const = 0;
  virtual void start(const Attempt& attempt) = 0;
  /// The connection that an attempt uses, with its limit.
  struct Connection {
    std::string name;
    base::RateLimit limit;
  };
  virtual std::optional<Connection> connectionOf(const Attempt&) const { return std::nullopt; }
  /// True when recover() can find out what became of an attempt. Otherwise, after a crash, attempts
  /// that may be repeated are started again, and those that may not become ambiguous.
  virtual bool recovers() const { return false; }
  /// Takes up an attempt whose intent is in the journal and whose end is not. One that never began
  /// is not started here, where policy and approval are not asked: its result says so.
  virtual void recover(const Attempt& attempt) { start(attempt); }
  /// Ends an attempt at once; its result is no longer wanted.
  virtual void cancel(const base::RunId& run, const engine::StepKey& key) = 0;
};

/// What a step sees that the loop performs itself.
struct InlineContext {
  const flow::Step& step;
  const engine::RunState& run;
  const engine::StepKey& key;
  const script::Module& module;
  const script::Scope& scope;
  script::Evaluator& evaluator;
  journal::Journal& journal;
  const json::Value& spec;  ///< As written, with templates.
  std::int64_t nowMs = 0;   ///< Wall.
};

struct InlineOutcome {
  std::string outputJson;  ///< Empty: undefined.
  std::string stateJson;   ///< Empty: unchanged.
};

/// Performs a step inside the journal's transaction: what it does is there exactly when its record
/// is.
///
/// Threads: the loop.
/// Errors:  become the failure of the step, but for kJournalIo, kJournalCorrupt and kDiskFull,
/// which end the transaction.
class InlineStep {
 public:
  virtual ~InlineStep() = default;
  virtual base::Result<InlineOutcome> perform(const InlineContext& context) = 0;
};

/// What an output may have, so that it can be read again from wherever it is wrapped into; and what
/// comes from outside, so that it can be part of one.
inline constexpr json::ParseLimits kOutputLimits{.bytesMax = 16u << 20, .depthMax = 120};
inline constexpr json::ParseLimits kIntakeLimits{.bytesMax = 16u << 20, .depthMax = 100};

/// Keeps a text that is too large for the journal, and gives it back. Threads: any.
class LargeOutputs {
 public:
  virtual ~LargeOutputs() = default;
  /// Durability: stored on return.
  virtual base::Result<journal::ResourceRow> store(std::string_view content,
                                                   std::string_view mediaType,
                                                   std::string_view name) = 0;
  virtual base::Result<std::string> load(std::string_view ref) = 0;
  /// The beginning of a content, not checked against its digest: what search finds it by.
  virtual base::Result<std::string> head(std::string_view ref, std::size_t bytesMax) = 0;
};

/// True for errors after which the transaction at hand cannot be committed. kJournalChainBroken is
/// none of them: it is found while the rows of one run are read, before anything is written for it.
inline bool endsTransaction(base::ErrorCode code) {
  return code == base::ErrorCode::kJournalIo || code == base::ErrorCode::kJournalCorrupt ||
         code == base::ErrorCode::kDiskFull;
}

/// An error of reading what one run has in the journal, before anything was written for it. Damaged
/// rows are the trouble of that run and of who asks for it, so that the code becomes
/// kJournalChainBroken; an I/O error stays one.
inline base::Error ofOneRun(base::Error error) {
  if (error.code == base::ErrorCode::kJournalCorrupt)
    error.code = base::ErrorCode::kJournalChainBroken;
  return error;
}

}  // namespace belay::runtime
