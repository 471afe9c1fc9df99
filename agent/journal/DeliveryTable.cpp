#include "agent/journal/DeliveryTable.h"

namespace belay::journal {

using base::Result;
using base::Status;

DeliveryTable::DeliveryTable(Session& session)
    : session_(session),
      put_(session.database(), "keep delivery",
           "INSERT OR REPLACE INTO deliveries (slug, webhook, key, run, answered, at_ms,"
           " expires_ms) VALUES (?,?,?,?,?,?,?)"),
      find_(session.database(), "find delivery",
            "SELECT run, answered, at_ms, expires_ms FROM deliveries"
            " WHERE slug = ? AND webhook = ? AND key = ? AND expires_ms > ?"),
      dropExpired_(session.database(), "remove old deliveries",
                   "DELETE FROM deliveries WHERE (slug, webhook, key) IN (SELECT slug, webhook, key"
                   " FROM deliveries WHERE expires_ms <= ? LIMIT ?)"),
      dropEvents_(session.database(), "forget events of a flow",
                  "DELETE FROM event_triggers WHERE slug = ?"),
      addEvent_(session.database(), "keep event of a flow",
                "INSERT OR IGNORE INTO event_triggers (name, slug) VALUES (?,?)"),
      forEvent_(session.database(), "find flows for an event",
                "SELECT slug FROM event_triggers WHERE name = ? ORDER BY slug LIMIT ?") {}

Status DeliveryTable::put(const DeliveryRow& row) {
  return session_.write(put_, row.slug, row.webhook, row.key, row.run, row.answered, row.atMs,
                        row.expiresMs);
}

Result<std::optional<DeliveryRow>> DeliveryTable::find(std::string_view slug,
                                                       std::string_view webhook,
                                                       std::string_view key, std::int64_t nowMs) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, slug, webhook, key, nowMs);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<DeliveryRow>();
  DeliveryRow row;
  row.slug = slug;
  row.webhook = webhook;
  row.key = key;
  row.run = rows.string(0);
  row.answered = static_cast<std::uint64_t>(rows.integer(1));
  row.atMs = rows.integer(2);
  row.expiresMs = rows.integer(3);
  return std::optional<DeliveryRow>(std::move(row));
}

Result<std::uint64_t> DeliveryTable::dropExpired(std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(session_.write(dropExpired_, nowMs, most));
  return static_cast<std::uint64_t>(session_.database().changes());
}

Status DeliveryTable::setEvents(std::string_view slug, const std::vector<std::string>& names) {
  BELAY_TRY(session_.write(dropEvents_, slug));
  for (const std::string& name : names) BELAY_TRY(session_.write(addEvent_, name, slug));
  return {};
}

Result<std::vector<std::string>> DeliveryTable::flowsForEvent(std::string_view name,
                                                              std::size_t most) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(forEvent_, name, most);
  std::vector<std::string> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(rows.string(0));
  }
}

}  // namespace belay::journal
