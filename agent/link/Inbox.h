#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/link/Decisions.h"
#include "agent/link/RelayClient.h"
#include "agent/link/Releases.h"
#include "agent/link/RemoteStart.h"
#include "agent/runtime/Runtime.h"
#include "agent/triggers/Events.h"
#include "common/base/Result.h"
#include "common/log/Log.h"

namespace belay::link {

/// Gives the secret with which a wait's callback is signed.
using CallbackToken = std::function<std::string(const std::string& wait)>;

/// Does what messages of the relay ask for, in the open transaction, believing none of them: a
/// callback shows its wait's token, a webhook its own secret, a pin, a decision and a start the
/// keys of the roster, a roster those of the root document, and a release the pin that waits for
/// it.
///
/// Threads:   the loop.
/// Ownership: borrows the world.
/// Errors:    of take(): refusals, after which nothing was written; or one that ends the
///            transaction.
class Inbox {
 public:
  struct World {
    triggers::Events& events;
    CallbackToken callbackToken;
    log::Log& log;
  };
  explicit Inbox(World world) : world_(std::move(world)) {}

  /// A message with what takes too long for the loop done already: a release is checked.
  struct Prepared {
    Incoming message;
    std::optional<base::Result<CheckedRelease>> release;  ///< Of a message of kind release.
    std::optional<CheckedDecision> decision;              ///< Of a message of kind decision.
    std::optional<CheckedStart> start{};                  ///< Of a message of kind start.
  };
  /// Threads: that of `syntax`.
  static Prepared prepare(Incoming message, const flow::SyntaxCheck& syntax,
                          const KnownRequests& known, const HostKey& hostKey);

  base::Status take(runtime::Runtime& runtime, const Prepared& prepared);

 private:
  base::Status takeCallback(runtime::Runtime& runtime, const json::Value& body);
  base::Status takeUnsigned(runtime::Runtime& runtime, const std::string& wait);
  base::Status takeWebhook(const json::Value& body);

  const World world_;
};

}  // namespace belay::link
