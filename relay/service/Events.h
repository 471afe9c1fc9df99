#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/json/Value.h"
#include "relay/mailbox/Mailbox.h"

namespace belay::service {

// What bots and others outside are told. Threads: the store's owner. Errors: of the store.
//
// Nothing of an event is believed by anybody: it says where to look. It has ids, labels and what
// the policy of a host lets the relay read, and nothing that was sealed.

inline constexpr std::string_view kRequestCreated = "request.created";
inline constexpr std::string_view kRequestClosed = "request.closed";
inline constexpr std::string_view kRequestReceipt = "request.receipt";
inline constexpr std::string_view kHostConnected = "host.connected";
inline constexpr std::string_view kHostDisconnected = "host.disconnected";
inline constexpr std::string_view kHostRemoved = "host.removed";
inline constexpr std::string_view kRelayTest = "relay.test";

/// All of them but the test, which nobody has to want.
std::span<const std::string_view> eventKinds();

/// Who tells, and when.
struct EventSource {
  std::string relay;  ///< Its URL.
  base::Random& random;
  std::int64_t nowMs = 0;
  std::int64_t most = 0;  ///< That one endpoint may hold.
};

/// {"type","timestamp","data"}: `data` with "relay".
mailbox::EventRow makeEvent(const EventSource& source, std::string_view kind, std::string subject,
                            json::Value data);

/// False when nobody wants it. Errors: of the store.
base::Result<bool> tellOfHost(mailbox::Mailbox& mailbox, const EventSource& source,
                              std::string_view kind, const std::string& host);
/// `decision`: what the receipt is about; empty: the request alone.
base::Result<bool> tellOfRequest(mailbox::Mailbox& mailbox, const EventSource& source,
                                 std::string_view kind, const std::string& request,
                                 const std::string& decision = {});

/// Keeps whether a host is connected, and tells of it. `seenMs`: when it was heard last.
base::Result<bool> tellOfPresence(mailbox::Mailbox& mailbox, const EventSource& source,
                                  const std::string& host, bool connected, std::int64_t seenMs);

}  // namespace belay::service
