#pragma once

#include <string>
#include <vector>

#include "agent/rehearsal/Play.h"
#include "common/json/Value.h"

namespace belay::rehearsal {

/// The paths of the steps of a run that ended and were not skipped, in the order in which they did.
std::vector<std::string> pathOf(const std::vector<journal::EventRow>& events);

/// What `expect:` of a test says and the run is not, one sentence each; empty: all holds.
///
///   {status, path, path_has, output, state, error: {code, step, message}, steps: {PATH: {status,
///   visits, output}}, takes}
/// Objects need to have the members that are named; lists and values are compared as a whole; a
/// text output is compared as its text. Without `status` the run must succeed.
///
/// Errors: kInputInvalid for what is no such object.
base::Result<std::vector<std::string>> judge(const Played& played, const json::Value& expect);

}  // namespace belay::rehearsal
