#pragma once

#include <cstdint>
#include <string>

namespace belay::mailbox {

/// Somebody outside who is told of events.
struct EndpointRow {
  enum class State : std::int64_t {
    kActive = 0,
    kDown = 1,  ///< Nothing was taken for so long that it is not tried any more.
    kGone = 2,  ///< It has said itself that it wants no more (410).
  };

  std::string id;
  std::string url;
  std::string label;
  std::string kinds;      ///< That it wants, with spaces between; empty: all.
  std::string secret;     ///< "whsec_…".
  std::string oldSecret;  ///< Signs too until `oldUntilMs`; empty: none.
  std::int64_t oldUntilMs = 0;
  std::int64_t createdMs = 0;
  State state = State::kActive;
  std::int64_t failures = 0;        ///< In a row, until now.
  std::int64_t failingSinceMs = 0;  ///< 0: what came last was taken.
  std::int64_t pausedUntilMs = 0;
  std::int64_t lastMs = 0;  ///< Of the last attempt; 0: none yet.
  std::string lastOutcome;  ///< "204", or what was wrong.
  // Counted by the store.
  std::int64_t held = 0;    ///< Events, dead ones too.
  std::int64_t dead = 0;    ///< Events that were given up.
  std::int64_t missed = 0;  ///< Events that there was no room for, or that came while it was down.
};

/// What one endpoint is told, until it has taken it.
struct EventRow {
  std::int64_t number = 0;  ///< In the order of their coming. Given by the store.
  std::string endpoint;     ///< Its id.
  std::string id;           ///< The same over all attempts and for all endpoints.
  std::string kind;
  std::string subject;  ///< What it is about: of one subject they go out in their order.
  std::string body;     ///< JSON, as it is signed.
  std::int64_t atMs = 0;
  std::int64_t attempts = 0;
  std::int64_t firstMs = 0;  ///< Of the first attempt; 0: none yet.
  std::int64_t nextMs = 0;   ///< Not before this time.
};

}  // namespace belay::mailbox
