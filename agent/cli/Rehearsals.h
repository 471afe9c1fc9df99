#pragma once

#include <string>
#include <vector>

#include "agent/api/Checking.h"
#include "agent/cli/Invocation.h"
#include "agent/rehearsal/History.h"
#include "agent/rehearsal/Play.h"

namespace belay::cli {

/// A run as it was recorded.
struct Recorded {
  std::string run;
  std::string flow;    ///< Slug.
  std::string digest;  ///< Of the content that it was pinned to.
  std::string status;
  std::vector<journal::EventRow> events;
};

/// A flow text, checked. Errors: its first one.
base::Result<rehearsal::Script> scriptOf(const api::FlowText& content);
/// A content of a flow that is on the host: "draft", "live", a number or a digest.
base::Result<rehearsal::Script> storedScript(Invocation& invocation, const std::string& slug,
                                             const std::string& which);
/// Reads a run with its whole history. Errors: those of the reads; kLimit for a very long one.
base::Result<Recorded> recordOf(Invocation& invocation, const std::string& run);
/// "after a comes c, it was b".
std::string sentenceOf(const rehearsal::Change& change);
/// Gives the resources of the host that recorded outputs name.
rehearsal::StageOutputs::Load loaderOf(Invocation& invocation);

}  // namespace belay::cli
