#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/Result.h"
#include "common/http/Resolver.h"
#include "common/tls/Deadline.h"
#include "common/tls/Stream.h"

namespace belay::http {

// Threads: any. Errors: kConnect, kTimeout, kCancelled, and what `allowed` returned. Nothing was
// sent then.

/// Tries the addresses one after the other; an address gets its share of the time that is left.
/// `allowed` may be empty.
base::Result<std::unique_ptr<tls::Stream>> connectTcp(
    const std::string& peer, const std::vector<Address>& addresses,
    const std::function<base::Status(const Address&)>& allowed, const tls::Deadline& deadline);

base::Result<std::unique_ptr<tls::Stream>> connectUnix(const std::string& path,
                                                       const tls::Deadline& deadline);

}  // namespace belay::http
