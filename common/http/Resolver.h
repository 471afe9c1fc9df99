#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/tls/Deadline.h"

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

  /// At least one address, in the order in which to try them.
  /// Errors: kConnect (no such name, no answer), kTimeout, kCancelled, kBusy.
  virtual base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                                     const tls::Deadline& deadline) = 0;
};

/// The host's own resolver ("files dns"). A lookup runs in a thread of its own ("resolve"), because
/// libc's cannot be cancelled: a caller that gives up leaves it behind, to end by its own time-out.
/// At most kLookupsMax run at once; one more is kBusy.
class SystemResolver final : public Resolver {
 public:
  static constexpr int kLookupsMax = 64;

  SystemResolver();
  base::Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port,
                                             const tls::Deadline& deadline) override;

 private:
  // Shared with the threads, which may outlive the resolver.
  const std::shared_ptr<std::atomic<int>> running_;
};

}  // namespace belay::http
