#pragma once

#include <optional>
#include <string>

#include "common/base/Result.h"
#include "common/base/UniqueFd.h"
#include "common/http/Handler.h"
#include "common/http/Resolver.h"

namespace belay::http {

// Sockets as the kernel gives them: close-on-exec from birth, which Poco's are not, and
// non-blocking. Threads: any.

/// A socket that listens at `path` with `mode` from its first moment. A file that nobody listens on
/// any more is replaced. Errors: kAlreadyRunning when somebody answers there; kInvalidArgument for
/// a path over 107 bytes; kIo.
base::Result<base::UniqueFd> listenOnUnixSocket(const std::string& path, unsigned mode);

/// A socket that listens at an address. Errors: kAlreadyRunning when it is taken; kPermission for a
/// port that this user may not have; kIo.
base::Result<base::UniqueFd> listenOnTcp(const Address& address);

/// The next connection that waits, or an invalid descriptor when there is none. Errors: kBusy when
/// there are no descriptors or memory for it (it keeps waiting); kIo.
base::Result<base::UniqueFd> acceptConnection(int listening);

/// Who is at the other end of a connected socket.
Peer peerOf(int connection);
bool isUnixSocket(int socket);

}  // namespace belay::http
