#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/CancelToken.h"
#include "common/base/Result.h"

namespace belay::http {

/// An IPv4 or IPv6 address with its port.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  /// "192.0.2.1:443", "[2001:db8::1]:443".
  std::string str() const;
  /// Loopback, link-local, private or otherwise not global: what a flow must not reach without
  /// being allowed to.
  bool isInternal() const;
};

/// Reads a dotted quad or an IPv6 address without brackets; nothing else.
bool parseAddress(std::string_view host, std::uint16_t port, Address& out);

/// Turns names into addresses.
///
/// Threads: any.
class Resolver {
 public:
  virtual ~Resolver() = default;

  /// At least one address, in the order in which to try them. `cancel` may be null.
  /// Errors: kConnect (no such name, no answer), kTimeout, kCancelled, kBusy.
  virtual base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                                     std::chrono::milliseconds timeout,
                                                     const base::CancelToken* cancel) = 0;
};

/// The host's own resolver ("files dns"). A lookup runs in a thread of its own ("resolve"), because
/// libc's cannot be cancelled: a caller that gives up leaves it behind, to end by its own time-out.
/// A bounded number may be left so.
class SystemResolver final : public Resolver {
 public:
  base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                             std::chrono::milliseconds timeout,
                                             const base::CancelToken* cancel) override;
};

}  // namespace belay::http
