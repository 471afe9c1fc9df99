#pragma once

#include <map>
#include <string>

#include "agent/authoring/FlowGraph.h"

namespace belay::cli {

/// What a run of code has called, as lists of steps to draw: branches and items within the
/// parallel or forEach that ran them, the items of one forEach in one list. What the code would
/// have done otherwise stands in no record, and is not there.
struct RecordedSteps {
  flow::Flow flow;                           ///< For drawing alone.
  std::map<std::string, std::size_t> steps;  ///< Index by path without visits and items.
};

/// `shown` is the data of `run show`; `code` gives slug and digest.
RecordedSteps recordedSteps(const flow::Flow& code, const json::Value& shown);
/// The steps with the ways that the run took, and what became of them.
///
/// Ownership: borrows `recorded`.
authoring::FlowGraph graphOf(const RecordedSteps& recorded, const json::Value& shown);

}  // namespace belay::cli
