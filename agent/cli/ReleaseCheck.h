#pragma once

#include <string>

#include "agent/cli/Invocation.h"

namespace belay::cli {

/// Rehearses the draft of a flow with what the newest runs that have ended got, and tells where it
/// takes another way:
///   {flow, draft, runs: [{run, source, same, changes: [{kind, step, was, now}], refused}], checked,
///    changed}
/// Errors: those of the reads; a run that cannot be rehearsed says so in its `refused`.
base::Result<api::Envelope> checkRelease(Invocation& invocation, const std::string& slug,
                                         std::size_t runsMax);
/// The same for people.
std::string releaseCheckPage(const Style& style, const json::Value& data);

}  // namespace belay::cli
