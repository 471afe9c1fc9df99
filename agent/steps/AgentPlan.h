#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/agents/DriveSpec.h"
#include "agent/agents/Workspace.h"
#include "agent/runtime/Performer.h"
#include "agent/vault/Connection.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::steps {

enum class OnQuota { kFail, kWait, kAsk };
enum class OnDrift { kRefuse, kAsk, kWarn };

/// A rendered `agent` step, checked, with what the host says of the agent that it uses.
struct AgentPlan {
  std::string use;            ///< The handle of the step.
  std::string name;           ///< The handle that works: `use`, or one of its fallbacks.
  std::size_t candidate = 0;  ///< Its place among them.
  std::size_t candidates = 1;
  std::string hostAgent;  ///< Of the settings; empty: the flow defines it.

  agents::DriveSpec drive;          ///< Without cwd, digest and raw_folder.
  /// Without files, and without folder where it is to be made; of a session as it was.
  agents::WorkspaceSpec workspace;
  std::string keep;                 ///< "never", "on_failure", "always"
  std::string profile;              ///< Of jobs, that it needs at least; empty: none is named.
  std::vector<std::pair<std::string, vault::TextOrSecret>> env;
  /// Path below the workspace, and "res://…" or the text itself.
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> collect;
  OnQuota onQuota = OnQuota::kFail;
  OnDrift drift = OnDrift::kRefuse;
  std::string accepted;  ///< Digest of a program that is not the locked one, and may run.

  /// Whether what other steps of the run use counts against a budget of it.
  bool sharesBudget() const {
    return drive.budgets.usd > 0 || drive.budgets.tokens > 0 || drive.budgets.turns > 0;
  }
  /// Whether an end job says what has changed.
  bool hasEnd() const { return workspace.diff; }
};

/// `hostAgents`: the settings' agents; `path`: where programs are looked up.
/// Errors: kInvalidArgument; kNotFound for an agent that the host has not; kAgentNotFound;
/// kAgentBudget when the run has used up a budget of the handle.
base::Result<AgentPlan> readAgentPlan(const runtime::Attempt& attempt,
                                      const json::Value& hostAgents, const std::string& path);

}  // namespace belay::steps
