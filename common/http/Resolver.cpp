#include "common/http/Resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <thread>

#include "common/base/EventFd.h"
#include "common/base/FreeWith.h"
#include "common/base/Text.h"

namespace belay::http {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

using AddressList = std::unique_ptr<addrinfo, base::FreeWith<&::freeaddrinfo>>;

/// What a lookup thread and its caller share: whoever is last frees it.
struct Lookup {
  std::string host;
  base::EventFd done;
  // Written by the thread before `done` is signalled, read by the caller after.
  int failure = 0;
  int systemError = 0;
  AddressList found;
};

void lookUp(const std::shared_ptr<Lookup>& lookup) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  lookup->failure = ::getaddrinfo(lookup->host.c_str(), nullptr, &hints, &found);
  lookup->systemError = errno;
  lookup->found.reset(found);
  lookup->done.signal();
}

Error lookupError(const Lookup& lookup) {
  const std::string what = "look up " + lookup.host + ": ";
  if (lookup.failure == EAI_SYSTEM)
    return Error{ErrorCode::kConnect, what + std::strerror(lookup.systemError)};
  return Error{ErrorCode::kConnect,
               what + ::gai_strerror(lookup.failure),
               {"check the name, /etc/resolv.conf and /etc/hosts on this host"}};
}

bool isLocalhost(const std::string& host) {
  const std::string name = base::toLower(host);
  return name == "localhost" || name == "localhost." || name.ends_with(".localhost");
}

std::vector<Address> loopbackAddresses(std::uint16_t port) {
  std::vector<Address> both(2);
  BELAY_CHECK(parseAddress("127.0.0.1", port, both[0]) && parseAddress("::1", port, both[1]));
  return both;
}

void setPort(Address& address, std::uint16_t port) {
  // The port stands at the same place in both families.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  const std::uint16_t wire = htons(port);
  std::memcpy(reinterpret_cast<char*>(&address.storage) + offsetof(sockaddr_in, sin_port), &wire,
              sizeof wire);
}

bool isInternalV4(std::uint32_t address) {
  const auto in = [=](std::uint32_t network, unsigned bits) {
    return address >> (32 - bits) == network >> (32 - bits);
  };
  return in(0x00000000, 8) || in(0x0A000000, 8) || in(0x64400000, 10) || in(0x7F000000, 8) ||
         in(0xA9FE0000, 16) || in(0xAC100000, 12) || in(0xC0000000, 24) || in(0xC0A80000, 16) ||
         in(0xC6120000, 15) || in(0xE0000000, 3);
}

}  // namespace

bool parseAddress(std::string_view host, std::uint16_t port, Address& out) {
  const std::string text(host);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  out = Address{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.length = sizeof v4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.length = sizeof v6;
  } else {
    return false;
  }
  setPort(out, port);
  return true;
}

std::string Address::str() const {
  char host[INET6_ADDRSTRLEN] = "";
  std::uint16_t port = 0;
  std::memcpy(&port, reinterpret_cast<const char*>(&storage) + offsetof(sockaddr_in, sin_port),
              sizeof port);
  const std::string suffix = ":" + std::to_string(ntohs(port));
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, reinterpret_cast<const char*>(&storage) + offsetof(sockaddr_in, sin_addr),
                host, sizeof host);
    return host + suffix;
  }
  ::inet_ntop(AF_INET6, reinterpret_cast<const char*>(&storage) + offsetof(sockaddr_in6, sin6_addr),
              host, sizeof host);
  return "[" + std::string(host) + "]" + suffix;
}

bool Address::isInternal() const {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return isInternalV4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  const std::uint8_t* b = v6.sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    std::uint32_t mapped = 0;
    std::memcpy(&mapped, b + 12, sizeof mapped);
    return isInternalV4(ntohl(mapped));
  }
  // Global unicast is 2000::/3; all else is loopback, link-local, unique local, multicast or
  // reserved.
  return (b[0] & 0xE0u) != 0x20u;
}

SystemResolver::SystemResolver() : running_(std::make_shared<std::atomic<int>>(0)) {}

Result<std::vector<Address>> SystemResolver::resolve(const std::string& host, std::uint16_t port,
                                                     const tls::Deadline& deadline) {
  Address numeric;
  if (parseAddress(host, port, numeric)) return std::vector<Address>{numeric};
  // RFC 6761 §6.3; on a host without any network a lookup might find nothing.
  if (isLocalhost(host)) return loopbackAddresses(port);
  if (running_->fetch_add(1) >= kLookupsMax) {
    running_->fetch_sub(1);
    return Error{
        ErrorCode::kBusy,
        "look up " + host + ": " + std::to_string(kLookupsMax) + " other lookups have not ended",
        {"check the name servers of this host"}};
  }
  auto lookup = std::make_shared<Lookup>();
  lookup->host = host;
  try {
    std::thread thread([lookup, running = running_] {
      lookUp(lookup);
      running->fetch_sub(1);
    });
    ::pthread_setname_np(thread.native_handle(), "resolve");
    thread.detach();
  } catch (const std::system_error& e) {
    running_->fetch_sub(1);
    return Error{ErrorCode::kBusy, "look up " + host + ": " + e.what()};
  }
  base::Status ended = deadline.wait(lookup->done.fd(), POLLIN);
  if (!ended.ok()) return std::move(ended).error().in("look up " + host);
  if (lookup->failure != 0) return lookupError(*lookup);
  std::vector<Address> addresses;
  for (const addrinfo* entry = lookup->found.get(); entry != nullptr; entry = entry->ai_next) {
    Address address;
    if (entry->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
    setPort(address, port);
    addresses.push_back(address);
  }
  if (addresses.empty())
    return Error{ErrorCode::kConnect, "look up " + host + ": it has no address"};
  return addresses;
}

}  // namespace belay::http
