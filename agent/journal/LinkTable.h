#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Session.h"

namespace belay::journal {

/// A message to the relay.
struct OutboxRow {
  std::int64_t seq = 0;
  std::string kind;
  std::string body;  ///< JSON.
};

/// What became of a message from the relay.
struct InboxRow {
  std::int64_t seq = 0;
  std::string kind;
  std::string outcome;  ///< Empty: taken; else the code of the refusal.
  std::string note;
  std::int64_t atMs = 0;
};

/// A wait of kind callback, as the relay has to know it.
struct CallbackRow {
  std::int64_t number = 0;  ///< Of the wait's row.
  std::string wait;
  std::int64_t expiresMs = 0;  ///< 0: never.
};

/// What has to go to the relay and has not got there, and what came from it.
///
/// Threads: owner. Errors: as Journal says.
class LinkTable {
 public:
  explicit LinkTable(Session& session);

  base::Status addOutbox(const OutboxRow& row, std::int64_t atMs);
  /// Rows above `after`, in order.
  base::Result<std::vector<OutboxRow>> outbox(std::int64_t after, std::size_t most);
  /// The relay has all up to `seq`.
  base::Status dropOutbox(std::int64_t seq);
  base::Result<std::int64_t> outboxSize();

  /// Keeps the newest `most`.
  base::Status addInbox(const InboxRow& row, std::size_t most);
  /// Newest first.
  base::Result<std::vector<InboxRow>> inbox(std::size_t most);

  /// The row of the newest wait of any kind; 0: there was none.
  base::Result<std::int64_t> lastWait();
  /// The row of the newest statement that this host keeps; 0: there is none.
  base::Result<std::int64_t> lastStatement();
  /// Open waits for callbacks with rows above `after`, of which it was not told, in order.
  base::Result<std::vector<CallbackRow>> callbacksAfter(std::int64_t after, std::size_t most);
  /// The relay is told of it.
  base::Status addAnnounced(std::string_view wait);
  /// Of those that it was told of, some that are not open any more.
  base::Result<std::vector<std::string>> announcedAndClosed(std::size_t most);
  base::Status dropAnnounced(std::string_view wait);
  base::Result<std::int64_t> announced();
  base::Status forgetAnnounced();

  // What the relay had no room for: it waits until it is told again.
  base::Status holdRequest(std::string_view request);
  /// Some of the requests, to be told again.
  base::Status retryRequests(std::size_t most);
  /// Open ones.
  base::Result<std::int64_t> heldRequests();
  /// Open ones of which it was not told.
  base::Result<std::int64_t> heldCallbacks();

 private:
  base::Result<std::int64_t> number(sqlite::Statement& statement);

  Session& session_;
  sqlite::Statement addOutbox_;
  sqlite::Statement outbox_;
  sqlite::Statement dropOutbox_;
  sqlite::Statement outboxSize_;
  sqlite::Statement addInbox_;
  sqlite::Statement dropInbox_;
  sqlite::Statement inbox_;
  sqlite::Statement lastWait_;
  sqlite::Statement lastStatement_;
  sqlite::Statement callbacksAfter_;
  sqlite::Statement addAnnounced_;
  sqlite::Statement announcedAndClosed_;
  sqlite::Statement dropAnnounced_;
  sqlite::Statement announced_;
  sqlite::Statement forgetAnnounced_;
  sqlite::Statement holdRequest_;
  sqlite::Statement retryRequests_;
  sqlite::Statement heldRequests_;
  sqlite::Statement heldCallbacks_;
};

}  // namespace belay::journal
