#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/journal/LinkTable.h"
#include "agent/link/Inbox.h"
#include "agent/link/Standing.h"
#include "agent/runtime/LoopPart.h"
#include "agent/runtime/Runtime.h"
#include "common/log/Log.h"

namespace belay::link {

/// The link's share of the loop: puts into the outbox what the relay has to know (callbacks that
/// are open, those that are not any more, the webhooks of live flows), and processes what comes.
///
/// A message of the relay is processed and marked as such in one transaction: over crashes on
/// either side it takes effect once.
///
/// Threads:   the loop.
/// Ownership: borrows the world.
/// Errors:    only those that end the transaction, unless a method says otherwise.
class LinkPart final : public runtime::LoopPart {
 public:
  struct World {
    runtime::Runtime& runtime;
    Inbox& inbox;
    log::Log& log;
    CallbackToken routeOf;             ///< What stands in the URL of a wait's callback.
    std::function<void()> outboxGrew;  ///< Called in the transaction that it grew in.
  };
  explicit LinkPart(World world) : world_(std::move(world)) {}

  base::Status work() override;
  void forget() override;
  runtime::NextStep next() const override;

  base::Result<Standing> standing();
  /// The URL at which a wait's callback can be answered from outside; empty without a link.
  std::string callbackUrl(const std::string& wait);

  /// Begins a link, or the same one anew; all that is open is announced to the relay.
  base::Status enrolled(const Identity& identity);
  /// Ends the link; what waits for the relay is dropped, and open waits are announced to the next.
  base::Status unlink();
  // The following are about the relay at `url`. Errors: kRelayUrl when the link is with another one
  // by now, whose numbers are others.

  /// A session was opened. `received`: what the relay says that it has.
  base::Status sessionOpened(const std::string& url, std::int64_t received);
  /// Messages with numbers that were processed already are passed over.
  base::Status take(const std::string& url, const std::vector<Inbox::Prepared>& messages);
  /// Whether some of them were left, which wait for room on the disk and come again.
  bool putOff() const { return putOff_; }
  /// How many were refused since the daemon began.
  std::size_t refused() const { return refused_; }
  /// The relay has all up to `seq`, but for what it `refused`: what it had no room for is told
  /// again later.
  base::Status handed(const std::string& url, std::int64_t seq,
                      const std::vector<RelayClient::Refusal>& refused = {});

  /// What the relay has not got.
  base::Result<std::vector<journal::OutboxRow>> outbox();

 private:
  base::Status load();
  base::Status loadFor(const std::string& url);
  base::Status save();
  base::Status say(std::string_view kind, std::string body);
  base::Status announceCallbacks();
  base::Status announceClosed();
  base::Status announceGates();
  base::Status announceOver(bool& more);
  base::Status lookAtRoster();
  base::Status sayReceipt(const Inbox::Prepared& prepared, const base::Status& taken);
  base::Status sayStartReceipt(const Inbox::Prepared& prepared, const base::Status& taken);
  base::Status announceOffer();
  base::Status announceHooks();
  base::Result<std::string> hooksJson();
  base::Status announceAll();
  base::Result<bool> hold(std::int64_t upTo, const std::vector<RelayClient::Refusal>& refused);
  base::Status retryHeld();
  journal::LinkTable& table() const { return world_.runtime.journal().link(); }
  std::int64_t bootMs() const { return world_.runtime.clock().sinceBoot().count(); }

  const World world_;

  // Owner only.
  std::optional<Standing> standing_;
  bool changed_ = false;       ///< The standing, since it was written.
  bool closedWanted_ = false;  ///< Waits may have been closed since the last look.
  std::int64_t nextLookMs_ = 0;
  std::string offeredFor_;  ///< What an offer follows from, as of the last look; empty: none.
  std::size_t refused_ = 0;
  bool putOff_ = false;  ///< By the last take().
  std::optional<std::int64_t> retryMs_;  ///< When what was refused is worth another try.
  int retries_ = 0;                      ///< That found no room, one after the other.
  bool full_ = false;  ///< The outbox: what is open waits until the relay has taken some.
};

}  // namespace belay::link
