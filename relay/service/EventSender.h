#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/CancelToken.h"
#include "common/base/Clock.h"
#include "common/base/Mutex.h"
#include "common/base/Random.h"
#include "common/http/Client.h"
#include "common/log/Log.h"
#include "relay/service/Metrics.h"
#include "relay/service/Store.h"

namespace belay::service {

struct EventSettings {
  std::chrono::milliseconds timeout{15'000};
  /// After so long without success an event is given up, and an endpoint is not tried any more.
  std::chrono::milliseconds retryFor{48 * 3'600'000};
  std::string caFile;  ///< Empty: the system's.
};

/// Brings events to endpoints: signs each attempt anew, takes 2xx alone for success, and tries
/// again with pauses that double. One attempt at a time for each endpoint; of one subject in order.
/// What became of an attempt is on disk before the next one of that endpoint begins; one that a
/// crash has cut off is made again, with the same id.
///
/// Threads:   start() and stop() the owner's; inside "event-N", which wait for the store.
/// Ownership: borrows the world. The store must step() until stop() has returned, or step no more.
class EventSender {
 public:
  using Send = std::function<http::ClientOutcome(const http::ClientRequest&)>;
  struct World {
    Store& store;
    const base::Clock& clock;
    base::Random& random;
    Metrics& metrics;
    log::Log& log;
    Send send;
  };
  EventSender(World world, EventSettings settings);
  ~EventSender();
  EventSender(const EventSender&) = delete;
  EventSender& operator=(const EventSender&) = delete;

  void start();
  /// Cuts off what is under way.
  void stop();

 private:
  struct Job {
    mailbox::EndpointRow endpoint;
    mailbox::EventRow event;
  };
  struct Claim {
    std::optional<Job> job;
    std::int64_t nextMs = 0;  ///< When there may be something to do; 0: not before the bell rings.
  };
  /// What came back.
  struct Attempt {
    int status = 0;       ///< 0: no answer.
    std::string outcome;  ///< In words.
    std::int64_t retryAfterMs = 0;
    bool taken() const { return status >= 200 && status < 300; }
    bool gone() const { return status == 410; }
    /// It says nothing about this event, but about the endpoint.
    bool ofEndpoint() const {
      return status < 400 || status >= 500 || status == 408 || status == 429;
    }
  };

  void run();
  /// Also marks the endpoint as busy.
  base::Result<Claim> claim();
  base::Result<Claim> look(mailbox::Mailbox& mailbox);
  Attempt attempt(const Job& job);
  std::string signatures(const Job& job, const std::string& timestamp) const;
  /// Until that is on disk.
  void settle(const Job& job, const Attempt& attempt);
  base::Status note(mailbox::Mailbox& mailbox, const Job& job, const Attempt& attempt);
  base::Status noteFailure(mailbox::Mailbox& mailbox, mailbox::EndpointRow& row, const Job& job,
                           const Attempt& attempt);
  /// In the store's transaction; returns when that is on disk, or known not to be.
  base::Status onStore(std::function<base::Status(mailbox::Mailbox&)> work);
  std::int64_t pauseMs(std::int64_t failures, std::int64_t longestMs) const;
  bool stopping() const { return cancel_.cancelled(); }

  // Constant after construction.
  const World world_;
  const EventSettings settings_;

  // Self-synchronised.
  base::CancelToken cancel_;

  base::Mutex mutex_;
  std::set<std::string> busy_ BELAY_GUARDED_BY(mutex_);  ///< Endpoints.

  std::vector<std::thread> lanes_;
};

}  // namespace belay::service
