#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/http/Handler.h"
#include "common/log/Log.h"
#include "relay/mailbox/Mailbox.h"
#include "relay/service/Bell.h"
#include "relay/service/Credentials.h"
#include "relay/service/Metrics.h"
#include "relay/service/Presence.h"
#include "relay/service/Watchers.h"

namespace belay::service {

/// Instead of an answer: to be answered when an approval changes after this change.
struct Watch {
  std::int64_t after = 0;
  std::chrono::milliseconds until{0};
};

/// What one request wants of the store, and gets.
struct Outcome {
  http::ServerResponse response;
  std::vector<std::string> woken;     ///< Hosts that have something new.
  std::string fenced;                 ///< A host whose older session must end; empty: none.
  std::function<void()> onCommitted;  ///< Called before the answer goes out; may be empty.
  bool approvalsChanged = false;
  std::optional<Watch> watch = std::nullopt;
};

/// A poll that waits.
struct Poll {
  Session session;
  std::int64_t acknowledged = 0;
  std::size_t most = 0;
  std::chrono::milliseconds wait{0};
};

struct StoreSettings {
  std::size_t requestsMax = 4096;  ///< That wait for the store; one more is answered 503.
  std::size_t batchMax = 512;      ///< Requests of one commit.
  /// A commit waits no longer than this for more of them, or than the one before took: a signature
  /// takes its time, and others wait too.
  std::chrono::milliseconds batchTime{20};
  std::chrono::milliseconds sweepEvery{60'000};
  /// A host that has not polled for so long is not connected any more.
  std::chrono::milliseconds goneAfter{130'000};
  /// In a transaction, when a host has begun or ended to poll; may be empty.
  /// `seenMs`: when it was heard last; 0: not by this process.
  std::function<base::Status(mailbox::Mailbox&, const std::string& host, bool connected,
                             std::int64_t seenMs)>
      onPresence;
  /// In a transaction, when an approval was closed by its end; may be empty.
  std::function<base::Status(mailbox::Mailbox&, const std::string& request)> onExpired;
  /// What polls alone write waits so long for a commit that is made anyway, or until there are so
  /// many of them: a host that is there, and what it acknowledges, come again with its next poll.
  std::chrono::milliseconds deferTime{250};
  std::size_t deferMost = 64;
};

/// The one owner of the mailbox: takes what has come in, does all of it in one transaction, and
/// answers when that is on disk. Parked polls wait here, and cost no thread. A poll alone is
/// answered with what was on disk before, and needs no commit.
///
/// Threads:   post(), poll(), drain() and interrupt() any; the rest the owner ("store").
/// Ownership: mailbox, clock, metrics and log must outlive it.
/// Errors:    step() fails when nobody can know what is on disk: the process must end. Whoever
///            waited for that commit is answered 503.
class Store {
 public:
  using Work = std::function<base::Result<Outcome>(mailbox::Mailbox&)>;

  Store(mailbox::Mailbox& mailbox, StoreSettings settings, const base::Clock& clock,
        Metrics& metrics, log::Log& log);

  /// Answers in the end; with 503 at once when too many wait. Errors of `work` are the answer.
  void post(http::Responder responder, Work work);
  /// Answers with messages as soon as there are some, or without any when the time is up.
  void poll(http::Responder responder, Poll poll);
  /// From now on no poll waits, and those that do are answered.
  void drain();
  /// Ends wait(). Any thread.
  void interrupt();

  /// Does what there is. Returns the boot time at which there is something to do again.
  base::Result<std::optional<std::chrono::milliseconds>> step();
  /// Waits for something to do, until `until` at the latest.
  void wait(std::optional<std::chrono::milliseconds> until);

  // Owner only, which is whoever works on the mailbox.

  /// This host has sent something.
  void hear(const std::string& host) { presence_.heard(host, clock_.sinceBoot(), clock_.wallMs()); }
  struct Seen {
    bool connected = false;   ///< Its poll waits here, or has come a moment ago.
    std::int64_t seenMs = 0;  ///< When it was heard last; 0: not by this process.
  };
  Seen seen(const std::string& host) const;

  /// Rings when there may be an event to send. Any thread.
  Bell& bell() { return bell_; }

  /// How many hosts are enrolled, as of the last sweep.
  std::int64_t hosts() const { return hosts_.load(std::memory_order_relaxed); }
  std::size_t parked() const { return parkedCount_.load(std::memory_order_relaxed); }

 private:
  struct Request {
    http::Responder responder;
    Work work;
    std::optional<Poll> poll;
  };
  struct Done {
    http::Responder responder;
    Outcome outcome;
  };
  struct Parked {
    http::Responder responder;
    Poll poll;
    std::chrono::milliseconds until{0};
  };
  using Batch = std::vector<Request>;

  void push(Request request);
  /// In front of what has come since.
  void putBack(Batch&& rest);
  Batch take();
  /// Errors: only those that end the transaction.
  /// Takes out of the batch what there was no time for.
  base::Status work(Batch& batch, std::vector<Done>& done);
  /// When it has to be, or can wait no longer.
  base::Status commit(const Batch& batch, bool draining);
  void defer();
  base::Status takePoll(Request& request, std::vector<Done>& done);
  base::Result<std::optional<http::ServerResponse>> collect(const Poll& poll);
  /// Answers with the error whoever is left; passes on what must end the process.
  base::Status giveUp(const base::Error& error, Batch& batch, std::vector<Done>& done);
  base::Status answer(std::vector<Done>& done);
  void park(http::Responder responder, const Poll& poll);
  void unpark(const std::string& host, http::ServerResponse response);
  base::Status wake(const std::string& host);
  void expire(bool all);
  base::Status sweep();
  base::Status lookForGone();
  base::Status closeExpired();

  // Constant after construction.
  mailbox::Mailbox& mailbox_;
  const StoreSettings settings_;
  const base::Clock& clock_;
  Metrics& metrics_;
  log::Log& log_;

  // Self-synchronised.
  std::atomic<std::size_t> parkedCount_{0};
  std::atomic<std::int64_t> hosts_{0};
  Bell bell_;

  // Owner only.
  std::map<std::string, Parked, std::less<>> parked_;  // By host: one poll each.
  std::multimap<std::chrono::milliseconds, const std::string*> deadlines_;  // Keys of parked_.
  std::chrono::milliseconds nextSweep_{0};
  std::chrono::milliseconds lastCommit_{0};  // So long it took.
  std::size_t deferred_ = 0;                 // Words of polls that are not on disk.
  std::chrono::milliseconds commitBy_{0};    // For these.
  Watchers watchers_;
  Presence presence_;
  std::chrono::milliseconds nextExpiry_{0};  // Of an approval, at the earliest.
  std::chrono::milliseconds nextLook_{-1};   // For hosts that are gone; negative: never looked.

  base::ConditionVariable ready_;
  base::Mutex mutex_;
  std::vector<Request> inbox_ BELAY_GUARDED_BY(mutex_);
  bool draining_ BELAY_GUARDED_BY(mutex_) = false;
  bool interrupted_ BELAY_GUARDED_BY(mutex_) = false;
};

}  // namespace belay::service
