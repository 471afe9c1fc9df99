#pragma once

#include "agent/cli/RelayCalls.h"
#include "agent/cli/RemoteDecision.h"
#include "common/base/Result.h"

namespace belay::cli {

inline constexpr Flag kArtifactsFlag{
    "artifacts", 0, "DIR",
    "fetch the artifacts of the request over --relay into DIR; short texts are shown without it"};

/// Fetches an artifact of a request, opens it, and compares it with what the host has signed: into
/// the folder of --artifacts or, where it is a short text, for the eyes of whoever decides. What is
/// in the folder already, and is the one, is not fetched again.
/// Errors: kArtifactUnseen where the relay does not give it in time or it could not be shown,
/// kArtifactChanged where it gives another one, kSealed; kConflict for a file in its way.
base::Status fetchArtifact(const Invocation& invocation, const RelayCalls& relay,
                           const BelievedRequest& believed, const crypto::P256PrivateKey& key,
                           const statement::Request::Artifact& artifact);

}  // namespace belay::cli
