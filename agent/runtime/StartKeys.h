#pragma once

#include <optional>
#include <string>

#include "agent/journal/Journal.h"
#include "agent/runtime/FlowCache.h"
#include "common/base/Ids.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::runtime {

/// What a caller asks to start under an idempotency key.
struct KeyedStart {
  std::string key;     ///< As the journal has it: with whose key it is.
  std::string shown;   ///< As the caller gave it.
  std::string slug;    ///< The flow.
  std::string digest;  ///< Of the content that is to run; empty: what was asked for by its name.
  json::Value input;   ///< As given; null: none.
};

/// The run that the key has begun; nothing: it is a new key.
///
/// Threads: the loop.
/// Errors:  kStartConflict when that run is of another flow, content or input: the caller would
///          take it for the one that was asked for. Those of the journal.
base::Result<std::optional<base::RunId>> begunBefore(journal::Journal& journal, FlowCache& flows,
                                                     const KeyedStart& start);

}  // namespace belay::runtime
