#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/engine/RunState.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::runtime {

/// Asks for a run of a flow that the journal has.
struct StartRequest {
  std::string digest;
  std::string source = "draft";
  json::Value input;  ///< Object; coerced and checked against the flow's schema.
  std::string triggerJson = R"({"type":"manual"})";
  std::string by;
  std::string idempotencyKey;           ///< Empty: none. The same key again gives the same run.
  engine::ParentStep parent;            ///< Of a child run.
  std::uint32_t depth = 0;              ///< Runs above it.
  base::RunId id{};                     ///< Of a rehearsal: who the run was; empty: a new one.
  std::optional<std::uint64_t> seed{};  ///< Of a rehearsal; nothing: drawn.
  std::string requester{};              ///< Who caused it, where `by` is no person; empty: `by`.
};

struct Started {
  base::RunId run{};      ///< Empty when skipped.
  bool existing = false;  ///< The idempotency key was known: nothing was started.
  bool queued = false;    ///< The run is there, and begins in its turn.
  bool skipped = false;   ///< `on_conflict: skip` of the flow: there is no run.
  base::RunId because{};  ///< Of a skipped one: a run that is in the way; empty: several.
};
/// Of a start that was skipped: "r… has not ended (on_conflict: skip)".
std::string whySkipped(const Started& started);
/// Of whatever would only take room (kDiskFull).
base::Error diskIsFull();

/// Starts runs within the journal's open transaction.
///
/// Threads: the loop.
/// Errors:  of the request, after which nothing was written; or one that ends the transaction
/// (endsTransaction()).
class Starter {
 public:
  virtual ~Starter() = default;
  virtual base::Result<Started> start(const StartRequest& request) = 0;
};

/// Stands in for the runs that steps start, in a rehearsal.
///
/// Threads: the loop.
class ChildStandIn {
 public:
  virtual ~ChildStandIn() = default;
  /// The id of a run that is nowhere; whoever stands in for it gives the step's result to the loop.
  /// Nothing: a run starts. `slug` is the flow that it would be of.
  virtual std::optional<base::RunId> begin(const engine::RunState& above,
                                           const engine::StepStarted& step,
                                           const std::string& slug) = 0;
};

}  // namespace belay::runtime
