#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/agents/DriveResult.h"
#include "common/json/Value.h"

namespace belay::agents {

/// One thing that an agent said or did, in the words of no agent in particular.
struct Event {
  enum class Kind {
    kStart,      ///< `id` of the session, `text` the version, `what` the model; each may be empty.
    kText,       ///< A message of the agent; with `append` more of the one before.
    kThought,    ///< What it thinks; never a result.
    kTurn,       ///< The model has answered once more.
    kToolStart,  ///< `id`, `tool`, `what`.
    kToolEnd,    ///< `id`, `ok`, `text`.
    kUsage,      ///< `usage` and `cost` so far: of this run, or with `cumulative` of the session.
    kAsk,        ///< It wants a permission: `id`, `tool`, `what`. An adapter that can answer does.
    kDenied,     ///< `tool`, `what`, `text` why.
    kRetry,      ///< It tries again: `status`, `retryAfterMs`, `text`. Not a sign of progress.
    kNote,       ///< Something to show that decides nothing.
    kFinal,      ///< Its last word: `outcome`, `text` (with kOk the message, else why).
  };
  Kind kind = Kind::kNote;
  std::string id = {};
  std::string tool = {};
  std::string what = {};
  std::string text = {};
  bool ok = true;
  bool append = false;
  bool cumulative = false;
  Usage usage = {};
  std::optional<double> cost = {};
  std::int64_t turns = 0;  ///< kFinal: as the agent counts them; 0: it does not.
  int status = 0;          ///< HTTP status of the provider; 0: none.
  std::int64_t retryAfterMs = 0;
  Outcome outcome = Outcome::kOk;
  std::string budget = {};      ///< kFinal with kOverBudget.
  json::Value structured = {};  ///< kFinal.
};

}  // namespace belay::agents
