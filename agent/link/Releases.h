#pragma once

#include <functional>
#include <string>

#include "agent/flow/Validate.h"
#include "agent/link/RelayClient.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::link {

// Pins and releases that come over the link. A pin is believed by the roster of this host alone,
// and a release is taken only where such a pin names it.

/// A release whose content is what its digest says, and a flow without errors.
struct CheckedRelease {
  flow::Flow flow;
  flow::Format format = flow::Format::kYaml;
  std::string content;
};
/// From a message of kind release. Takes a while: not for the loop. Threads: that of `syntax`.
/// Errors: kLinkMessage, kFlowDigest, and what is wrong with the flow.
base::Result<CheckedRelease> checkRelease(const json::Value& body, const flow::SyntaxCheck& syntax);

// In the open transaction. Threads: the loop. Errors: refusals, after which nothing was written (of
// a fork: but its record); or one that ends the transaction.

/// What another roster may let count is kept for it (PinWaits.h). Errors: kLinkMessage, and those
/// of runtime::takePin().
base::Status takePin(runtime::Runtime& runtime, const json::Value& body, log::Log& log);
/// Makes it a release, and live by the pin that waits for it; one that is there already is left
/// alone. Errors: kReleaseUnpinned, kFlowArchived.
base::Status takeRelease(runtime::Runtime& runtime, const CheckedRelease& release, log::Log& log);
/// One that was checked when it came.
struct KeptRelease {
  std::string slug;
  std::string digest;
  std::string format;
  std::string content;
};
base::Status takeRelease(runtime::Runtime& runtime, const KeptRelease& release, log::Log& log);

}  // namespace belay::link
