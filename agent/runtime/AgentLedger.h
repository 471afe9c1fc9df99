#pragma once

#include <string>
#include <string_view>

#include "agent/engine/RunState.h"
#include "agent/journal/Journal.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::runtime {

/// What the coding agents of a run have used up, and the sessions that later steps go on with: one
/// row for each run and handle, written together with what it comes from.
///
/// Threads: the loop.
/// Errors:  those of the journal; kAgentSession.
class AgentLedger {
 public:
  AgentLedger(journal::Journal& journal) : journal_(journal) {}

  /// The rendered step with what the attempt has to know: `candidate` (which of its handles),
  /// `spent`, `session`, `accepted` (the digest of a program that is not the locked one).
  base::Result<std::string> prepared(const base::RunId& run, const engine::StepKey& key,
                                     const std::string& renderedJson);
  /// What the steps of a run have used of a handle: {"usd","tokens","turns"}, or null.
  base::Result<json::Value> spent(const base::RunId& run, std::string_view use);
  /// Takes what an attempt says of itself (StepResult::ledgerJson).
  base::Status record(const base::RunId& run, const engine::StepKey& key,
                      const std::string& ledgerJson, std::int64_t nowMs);
  /// Why a person is to be asked before this visit is tried again; empty: nobody is.
  base::Result<std::string> question(const base::RunId& run, const engine::StepKey& key,
                                     const std::string& renderedJson);
  /// Forgets the run.
  base::Status drop(const base::RunId& run, std::int64_t nowMs);

 private:
  base::Result<json::Value> row(const base::RunId& run, std::string_view use);

  journal::Journal& journal_;
};

}  // namespace belay::runtime
