#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "relay/console/Command.h"
#include "relay/mailbox/Mailbox.h"

namespace belay::console {

/// A wish of an administrator: to the relay that runs, or to its store when none does.
struct Errand {
  std::string method;
  std::string target;
  json::Value body;  ///< Null: none.
  /// The same, of the store.
  std::function<base::Result<json::Value>(mailbox::Mailbox&)> locally;
};

/// What the relay answers; or what the store gives, when nobody listens at the socket.
base::Result<wire::Envelope> run(const Invocation& invocation, const Errand& errand);

}  // namespace belay::console
