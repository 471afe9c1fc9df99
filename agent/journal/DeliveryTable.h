#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal/Session.h"

namespace belay::journal {

/// A delivery to a webhook that was taken.
struct DeliveryRow {
  std::string slug;
  std::string webhook;
  std::string key;             ///< What makes it the same one again.
  std::string run;             ///< That it started; empty: none.
  std::uint64_t answered = 0;  ///< Waits that it answered.
  std::int64_t atMs = 0;
  std::int64_t expiresMs = 0;
};

/// Deliveries that came, for as long as the same one starts nothing more; and which live flows an
/// event starts.
///
/// Threads: owner. Errors: as Journal says.
class DeliveryTable {
 public:
  explicit DeliveryTable(Session& session);

  /// Adds a row, in the place of one of the same key that has expired.
  base::Status put(const DeliveryRow& row);
  /// Nothing when there is none, or it has expired.
  base::Result<std::optional<DeliveryRow>> find(std::string_view slug, std::string_view webhook,
                                                std::string_view key, std::int64_t nowMs);
  base::Result<std::uint64_t> dropExpired(std::int64_t nowMs, std::size_t most);

  /// The events that start runs of a flow from now on.
  base::Status setEvents(std::string_view slug, const std::vector<std::string>& names);
  base::Result<std::vector<std::string>> flowsForEvent(std::string_view name, std::size_t most);

 private:
  Session& session_;
  sqlite::Statement put_;
  sqlite::Statement find_;
  sqlite::Statement dropExpired_;
  sqlite::Statement dropEvents_;
  sqlite::Statement addEvent_;
  sqlite::Statement forEvent_;
};

}  // namespace belay::journal
