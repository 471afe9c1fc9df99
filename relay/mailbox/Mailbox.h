#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/wire/Protocol.h"
#include "relay/mailbox/ApprovalRows.h"
#include "relay/mailbox/BlobRows.h"
#include "relay/mailbox/EndpointRows.h"
#include "relay/mailbox/FleetRows.h"
#include "relay/mailbox/PinRows.h"

namespace belay::mailbox {

/// A host that may open sessions. Its id is the thumbprint of its key, so a host that is enrolled
/// anew under an old label finds nothing of the other one.
struct HostRow {
  std::string id;   ///< RFC 7638.
  std::string jwk;  ///< Public.
  std::string label;
  std::int64_t createdMs = 0;
  std::int64_t seenMs = 0;    ///< When it was noted last, by a session or its end; 0: never.
  std::int64_t epoch = 0;     ///< Of its newest session; older ones are fenced.
  std::int64_t received = 0;  ///< The highest number of a message from it.
  std::int64_t lastSeq = 0;   ///< The highest number of a message to it.
  std::int64_t acked = 0;     ///< It has this message and all before it.
  std::int64_t queued = 0;    ///< Messages that wait for it.
  std::int64_t queuedBytes = 0;
  bool connected = false;  ///< As was told last; see setConnected().
};

/// A secret that somebody was given, known by its digest.
struct TokenRow {
  std::string digest;  ///< SHA-256, hex.
  std::string role;    ///< "host": enrols one host, once; "release", "approver", "bot", …
  std::string label;
  std::int64_t createdMs = 0;
  std::int64_t expiresMs = 0;
  std::string host;  ///< That was enrolled with it; empty: none yet.
};

/// The least number that a message to a host gets at this time. Numbers follow the clock because a
/// store may be set back, by a backup or because its host was removed and is here again: what comes
/// after that must have numbers above all that the host has had, or it would pass them over as
/// repeats. What lies in a store that was set back, with a number that the host has, the host has.
inline std::int64_t leastNumber(std::int64_t nowMs) {
  constexpr int kBitsWithinMs = 8;
  return std::clamp<std::int64_t>(nowMs, 0, wire::kSequenceMax >> (kBitsWithinMs + 1))
         << kBitsWithinMs;
}

/// A message to a host.
struct MessageRow {
  std::int64_t seq = 0;  ///< Rising in the order of their arrival, with gaps; never given twice.
  std::string kind;
  std::string body;  ///< JSON.
  std::int64_t atMs = 0;
};

/// A place where a callback may be handed in.
struct CallbackRow {
  std::string route;  ///< SHA-256 of what stands in the URL, hex.
  std::string host;
  std::string wait;
  std::int64_t expiresMs = 0;  ///< 0: never.
  std::int64_t uses = 0;       ///< Different deliveries that were taken.
  std::string lastDelivery;    ///< What tells the latest of them from others; empty: none.
};

/// A session that was opened.
struct OpenedSession {
  std::int64_t epoch = 0;
  std::string previous;  ///< The statement by which the one before was opened; empty: the first.
};

/// How much one room of a mailbox may hold; kRelayQuota beyond. Webhooks, which anybody may send,
/// have one, callbacks have one, and all else, which is signed, has one: nobody can take another's.
struct Quota {
  std::int64_t messagesMax = 100'000;
  std::int64_t bytesMax = 64 << 20;
};

struct Totals {
  std::int64_t hosts = 0, queued = 0, queuedBytes = 0, callbacks = 0, pins = 0, releases = 0;
};

/// All that a relay keeps. One suite of contract tests holds for every implementation.
///
/// Writes collect in one transaction that begins with the first write and ends with commit(), so
/// that many requests share one sync.
///
/// Threads:    the owner thread only.
/// Errors:     those named; kJournalIo, kDiskFull, kJournalCorrupt of the store, after which the
///             transaction has to be rolled back. After a refusal (any other error) of one write
///             nothing of that write is there, and the transaction goes on.
/// Durability: what was written is on disk when commit() has returned ok, and not before.
class Mailbox {
 public:
  virtual ~Mailbox() = default;

  virtual base::Status commit() = 0;
  virtual void rollback() noexcept = 0;

  // --- Tokens.
  virtual base::Status addToken(const TokenRow& row) = 0;
  virtual base::Result<std::optional<TokenRow>> token(std::string_view digest) = 0;
  virtual base::Result<std::vector<TokenRow>> tokens() = 0;
  /// False when there is none. `prefix` of a digest; kInvalidArgument when there are several.
  virtual base::Result<bool> removeToken(std::string_view prefix) = 0;

  // --- Hosts.
  /// Takes a host in with a token of role "host". The same host with the same token again changes
  /// nothing: the answer may have been lost.
  /// Errors: kRelayCredential for a token that is unknown, expired, of another role or used.
  virtual base::Status enrol(std::string_view tokenDigest, const HostRow& host,
                             std::int64_t nowMs) = 0;
  virtual base::Result<std::optional<HostRow>> host(std::string_view id) = 0;
  /// All of them, by label and id.
  virtual base::Result<std::vector<HostRow>> hosts() = 0;
  /// With all that waits for it. False when there is none.
  virtual base::Result<bool> removeHost(std::string_view id) = 0;
  /// What a registrar has signed about it, not believed by anybody here. Its label takes the place
  /// of the one of the enrolment: by that, starters name the host. False where a card with this
  /// counter or a higher one is there. Errors: kRelayHost.
  virtual base::Result<bool> setCard(std::string_view id, std::int64_t counter,
                                     std::string_view card, std::string_view label) = 0;
  /// Empty: there is none.
  virtual base::Result<std::string> card(std::string_view id) = 0;
  /// Whether the world takes it for connected, and when it was heard last, unless it is known to
  /// have been heard later. One that is not there is none.
  virtual base::Status setConnected(std::string_view id, bool connected, std::int64_t seenMs) = 0;
  /// Keeps the statement until the next. Errors: kRelayHost.
  virtual base::Result<OpenedSession> openSession(std::string_view id, std::string_view statement,
                                                  std::int64_t nowMs) = 0;

  // --- Messages to a host.
  /// Gives the number of the message: above all before it, and leastNumber() or more. The
  /// quota is that of the room of its kind. Without one for what the relay itself has to say.
  /// Errors: kRelayHost, kRelayQuota.
  virtual base::Result<std::int64_t> put(std::string_view host, std::string_view kind,
                                         std::string_view body, std::int64_t nowMs,
                                         const std::optional<Quota>& quota) = 0;
  /// Messages with numbers above `after`, in order, at least one if there is one, and no more than
  /// `bytesMost` allow.
  virtual base::Result<std::vector<MessageRow>> messages(std::string_view host, std::int64_t after,
                                                         std::size_t most,
                                                         std::size_t bytesMost) = 0;
  /// The host has all up to `seq`: they are removed. A number that was never given is believed too
  /// (this store may be older than the host), and later messages get higher ones.
  virtual base::Status acknowledge(std::string_view host, std::int64_t seq) = 0;

  // --- Messages from a host.
  /// False when `seq` is not above all that have come: it is a repeat, and must do nothing.
  virtual base::Result<bool> receive(std::string_view host, std::int64_t seq) = 0;

  // --- What the world may call.
  /// The same one again changes nothing: what it has taken stays counted.
  /// Errors: kRelayQuota above `most`, kConflict for another host's.
  virtual base::Status openCallback(const CallbackRow& row, std::int64_t most) = 0;
  /// Also one that has expired, until it is swept.
  virtual base::Result<std::optional<CallbackRow>> callback(std::string_view route) = 0;
  /// Counts a delivery.
  virtual base::Status useCallback(std::string_view route, std::string_view delivery) = 0;
  /// Of this host only; one that is not there is none.
  virtual base::Status closeCallback(std::string_view host, std::string_view wait) = 0;
  /// The hooks of a host from now on, each "flow.name".
  virtual base::Status setHooks(std::string_view host, const std::vector<std::string>& hooks) = 0;
  virtual base::Result<bool> hasHook(std::string_view host, std::string_view hook) = 0;

  // --- Approvals.
  /// The same one again takes its place, and is open again if it was closed by its end alone.
  /// Errors: kRelayQuota above `most` open ones of a host,
  /// kConflict for another host's.
  virtual base::Status openApproval(const ApprovalRow& row, std::int64_t most) = 0;
  virtual base::Result<std::optional<ApprovalRow>> approval(std::string_view request) = 0;
  /// Closes open ones whose end has come, at most `most`, and names them.
  virtual base::Result<std::vector<std::string>> closeExpired(std::int64_t nowMs,
                                                              std::size_t most) = 0;
  /// The next end of an open one.
  virtual base::Result<std::optional<std::int64_t>> nextExpiry() = 0;
  /// Those that have changed after `after`, in that order, without their contents.
  virtual base::Result<std::vector<ApprovalRow>> approvals(std::int64_t after,
                                                           std::size_t most) = 0;
  /// True when it is to be passed on: it is new, or has no receipt yet. `token`: digest of the
  /// credential that hands it in. Errors: kRelayQuota above `most` of one request and token, so
  /// that nobody uses up the room of others, and when it was passed on `triesMost` times.
  virtual base::Result<bool> wantsDecision(std::string_view request, std::string_view decision,
                                           std::string_view token, std::size_t most,
                                           std::int64_t triesMost) = 0;
  /// Records that it is passed on, when its message has found room.
  virtual base::Status handIn(std::string_view request, std::string_view decision,
                              std::string_view token, std::int64_t nowMs) = 0;
  /// In the order in which they came.
  virtual base::Result<std::vector<HandedRow>> handedIn(std::string_view request) = 0;
  /// Of this host's own requests only. `decision` empty: it is about the request alone. A request
  /// that is closed is kept for a while, so that whoever decided hears of it.
  virtual base::Status addReceipt(std::string_view host, std::string_view request,
                                  std::string_view decision, std::string_view receipt, bool closed,
                                  std::int64_t nowMs) = 0;

  // --- Starts, and what hosts offer.
  /// True when it is to be passed on: it is new, or has no receipt yet.
  /// Errors: kRelayHost; kConflict for another host's; kRelayQuota above `most` of a host, and when
  /// it was passed on `triesMost` times.
  virtual base::Result<bool> putStart(const StartRow& row, std::int64_t most,
                                      std::int64_t triesMost) = 0;
  virtual base::Result<std::optional<StartRow>> start(std::string_view start) = 0;
  /// The first one stays. Of this host's own starts only; one that is not there is none.
  virtual base::Status addStartReceipt(std::string_view host, std::string_view start,
                                       std::string_view receipt) = 0;
  /// Takes the place of the one before. A host that is not there is none.
  virtual base::Status setOffer(std::string_view host, std::string_view offer,
                                std::int64_t nowMs) = 0;
  /// Of all hosts with ids above `after`, in their order, `most` of them.
  virtual base::Result<std::vector<OfferRow>> offers(std::string_view after, std::size_t most) = 0;
  /// Of the host with this id, or of those with this label: two at most.
  virtual base::Result<std::vector<OfferRow>> offersOf(std::string_view name) = 0;

  // --- Artifacts of requests, sealed. They go with the end of their request.
  /// Parts come in their order; one that is there already changes nothing; the first of another
  /// seal takes the place of all before. Errors: kRelayApproval unless the request is open and this
  /// host's, kConflict for a part out of order, kRelayQuota above `bytesMost` of the host.
  virtual base::Status putBlob(std::string_view host, const BlobPart& part,
                               std::int64_t bytesMost) = 0;
  virtual base::Result<std::optional<BlobState>> blob(std::string_view request,
                                                      std::string_view name) = 0;
  virtual base::Result<std::optional<std::string>> blobPart(std::string_view request,
                                                            std::string_view name,
                                                            std::int64_t part) = 0;

  // --- Releases.
  /// To be passed on; false when it is there already. Errors: kRelayQuota when that was done too
  /// often.
  virtual base::Result<bool> addPin(const PinRow& row, const PinBounds& bounds) = 0;
  /// In the order of their arrival.
  virtual base::Result<std::vector<PinRow>> pins() = 0;
  /// False when it is there already.
  virtual base::Result<bool> addRelease(std::string_view digest, std::string_view content,
                                        std::int64_t nowMs) = 0;
  virtual base::Result<std::optional<std::string>> release(std::string_view digest) = 0;

  // --- Outgoing events.
  /// Errors: kRelayQuota when there are `most`.
  virtual base::Status addEndpoint(const EndpointRow& row, std::int64_t most) = 0;
  /// In the order in which they were added.
  virtual base::Result<std::vector<EndpointRow>> endpoints() = 0;
  /// All but what the store counts, and the time at which it was made.
  virtual base::Status saveEndpoint(const EndpointRow& row) = 0;
  /// With all that it has not taken. False when there is none.
  virtual base::Result<bool> removeEndpoint(std::string_view id) = 0;
  /// Whether any endpoint that is not gone wants events of this kind.
  virtual base::Result<bool> wantsEvent(std::string_view kind) = 0;
  /// For each active endpoint that wants its kind and holds less than `most`; others that want it
  /// have missed one more. With an endpoint named: for that one alone, whatever it wants or holds.
  virtual base::Status addEvent(const EventRow& row, std::int64_t most) = 0;
  /// The first of an endpoint that may go out now: one whose time has come, and none of its subject
  /// before it. A time more than `longestMs` ahead has come too: the clock was set back.
  virtual base::Result<std::optional<EventRow>> dueEvent(std::string_view endpoint,
                                                         std::int64_t nowMs,
                                                         std::int64_t longestMs) = 0;
  /// The first time after `nowMs` at which there may be another one.
  virtual base::Result<std::optional<std::int64_t>> nextEvent(std::string_view endpoint,
                                                              std::int64_t nowMs) = 0;
  // Of an event that is not there any more these do nothing.

  /// It was taken.
  virtual base::Status finishEvent(std::int64_t number) = 0;
  virtual base::Status putEventOff(std::int64_t number, std::int64_t attempts, std::int64_t firstMs,
                                   std::int64_t nextMs) = 0;
  /// It holds up its subject no more, and is kept for a while.
  virtual base::Status giveEventUp(std::int64_t number, std::int64_t nowMs) = 0;
  /// All that an endpoint holds, also what was given up, may go out anew.
  virtual base::Status reviveEvents(std::string_view endpoint) = 0;

  // --- Upkeep.
  virtual base::Result<Totals> totals() = 0;
  /// Removes tokens, callbacks, approvals and starts that have expired, and events that were given
  /// up long ago, at most `most` of each.
  virtual base::Status sweep(std::int64_t nowMs, std::size_t most) = 0;
  /// Outside of a transaction: brings the file in order when it is due.
  virtual base::Status upkeep(bool idle) = 0;
};

}  // namespace belay::mailbox
