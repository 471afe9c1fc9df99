#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/link/RelayClient.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Result.h"
#include "common/crypto/P256.h"
#include "common/statement/SignedStatement.h"
#include "common/statement/Verify.h"

namespace belay::link {

// Starts that come over the link.

bool isStart(const Incoming& message);

/// A start, as far as it could be opened, read and believed.
struct CheckedStart {
  std::optional<statement::SignedStatement> statement;  ///< Nothing: it is none.
  base::Result<statement::Believed<statement::Start>> believed;
};
/// Gives this host's key, for which it is sealed.
using HostKey = std::function<base::Result<crypto::P256PrivateKey>()>;
/// `roster`: the one in force, which is looked at again where the start is consumed. Threads: any.
CheckedStart checkStart(const json::Value& body, const std::optional<statement::Roster>& roster,
                        const HostKey& hostKey);

/// In the open transaction. Threads: the loop. Errors: of runtime::RemoteStarts::take().
base::Status takeStart(runtime::Runtime& runtime, const CheckedStart& start);

}  // namespace belay::link
