#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/flow/Flow.h"
#include "agent/journal/Journal.h"
#include "agent/script/Evaluator.h"
#include "common/base/Result.h"
#include "common/json/Schema.h"
#include "common/json/Value.h"

namespace belay::runtime {

/// A flow with what its runs need of it, made once per digest.
struct LoadedFlow {
  flow::Flow flow;
  script::Module module;
  std::vector<json::Value> specs;     ///< Of the steps, in their order.
  std::vector<json::Value> undos;     ///< Of what undoes steps, in the order of Flow::undos.
  std::optional<json::Value> output;  ///< With templates.
  std::optional<json::Schema> inputSchema;
};

/// Loads flows by digest from the journal and keeps those in use.
///
/// Threads:   the loop.
/// Ownership: runs share a flow with this cache and with each other.
class FlowCache {
 public:
  FlowCache(journal::Journal& journal, std::size_t most) : journal_(journal), most_(most) {}

  /// Errors: kNotFound when the journal has no such flow; kJournalChainBroken when it is not what
  /// was put.
  base::Result<std::shared_ptr<const LoadedFlow>> get(const std::string& digest);
  /// Puts a flow that was just checked, so that it need not be parsed again.
  std::shared_ptr<const LoadedFlow> put(flow::Flow flow);

 private:
  journal::Journal& journal_;
  const std::size_t most_;
  std::map<std::string, std::shared_ptr<const LoadedFlow>> flows_;
  std::list<std::string> recent_;  ///< Newest first.
};

}  // namespace belay::runtime
