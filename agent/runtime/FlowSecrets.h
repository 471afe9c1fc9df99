#pragma once

#include <string>

#include "agent/runtime/RunCache.h"
#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::runtime {

/// That each secret in `renderedJson` is one that the flow names at the same place in `spec`, or
/// that its code names: what comes from outside gives values, and never chooses what leaves the
/// vault. Threads: any. Errors: kFlowSecretMisplaced.
base::Status checkSecrets(const LiveRun& run, const json::Value& spec,
                          const std::string& renderedJson);

}  // namespace belay::runtime
