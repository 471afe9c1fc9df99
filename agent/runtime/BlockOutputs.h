#pragma once

#include <string>

#include "agent/engine/RunState.h"
#include "agent/runtime/Performer.h"
#include "common/base/Result.h"

namespace belay::runtime {

/// The output of a step that holds steps, as JSON: of a parallel an object by branch, of a for_each
/// a list in the order of the items, of a loop {rounds, last}. A child that failed or gave nothing
/// is null.
///
/// Errors: kLimit above kBlockOutputBytesMax; those of resources that outputs were kept as.
base::Result<std::string> gatherOutputs(const engine::ActiveBlock& block, LargeOutputs& outputs);

inline constexpr std::size_t kBlockOutputBytesMax = 8u << 20;

}  // namespace belay::runtime
