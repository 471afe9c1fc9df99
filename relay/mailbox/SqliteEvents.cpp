// Who is told of what, and what they have not taken yet.

#include "relay/mailbox/EventStatements.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// So long an event that was given up is kept for whoever wants it tried again.
constexpr std::int64_t kDeadKeptMs = std::int64_t{30} * 24 * 3'600'000;

EndpointRow endpointOf(const sqlite::Execution& rows) {
  EndpointRow row;
  row.id = rows.string(0);
  row.url = rows.string(1);
  row.label = rows.string(2);
  row.kinds = rows.string(3);
  row.secret = rows.string(4);
  row.oldSecret = rows.string(5);
  row.oldUntilMs = rows.integer(6);
  row.createdMs = rows.integer(7);
  row.state = static_cast<EndpointRow::State>(rows.integer(8));
  row.failures = rows.integer(9);
  row.failingSinceMs = rows.integer(10);
  row.pausedUntilMs = rows.integer(11);
  row.lastMs = rows.integer(12);
  row.lastOutcome = rows.string(13);
  row.held = rows.integer(14);
  row.dead = rows.integer(15);
  row.missed = rows.integer(16);
  return row;
}

}  // namespace

Status SqliteMailbox::addEndpoint(const EndpointRow& row, std::int64_t most) {
  {
    sqlite::Execution rows(events_->count);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found && rows.integer(0) >= most) {
      return Error{ErrorCode::kRelayQuota,
                   "this relay has " + std::to_string(rows.integer(0)) + " endpoints",
                   {"belay-relay hooks remove HOOK"}};
    }
  }
  return write(events_->add, row.id, row.url, row.label, row.kinds, row.secret, row.oldSecret,
               row.oldUntilMs, row.createdMs, static_cast<std::int64_t>(row.state), row.failures,
               row.failingSinceMs, row.pausedUntilMs, row.lastMs, row.lastOutcome);
}

Result<std::vector<EndpointRow>> SqliteMailbox::endpoints() {
  sqlite::Execution rows(events_->list);
  std::vector<EndpointRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(endpointOf(rows));
  }
}

Status SqliteMailbox::saveEndpoint(const EndpointRow& row) {
  return write(events_->save, row.url, row.label, row.kinds, row.secret, row.oldSecret,
               row.oldUntilMs, static_cast<std::int64_t>(row.state), row.failures,
               row.failingSinceMs, row.pausedUntilMs, row.lastMs, row.lastOutcome, row.id);
}

Result<bool> SqliteMailbox::removeEndpoint(std::string_view id) {
  BELAY_TRY(write(events_->removeEvents, id));
  BELAY_TRY(write(events_->remove, id));
  return database_->changes() > 0;
}

Result<bool> SqliteMailbox::wantsEvent(std::string_view kind) {
  sqlite::Execution rows(events_->wanted, kind);
  return rows.next();
}

Status SqliteMailbox::addEvent(const EventRow& row, std::int64_t most) {
  if (!row.endpoint.empty()) {
    BELAY_TRY(
        write(events_->putTo, row.id, row.kind, row.subject, row.body, row.atMs, row.endpoint));
    return write(events_->putToCounted, row.endpoint);
  }
  BELAY_TRY(write(events_->miss, row.kind, most));
  BELAY_TRY(write(events_->put, row.id, row.kind, row.subject, row.body, row.atMs, row.kind, most));
  return write(events_->putCounted, row.kind, most);
}

Result<std::optional<EventRow>> SqliteMailbox::dueEvent(std::string_view endpoint,
                                                        std::int64_t nowMs,
                                                        std::int64_t longestMs) {
  sqlite::Execution rows(events_->due, endpoint, nowMs, nowMs + longestMs);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<EventRow>();
  return std::optional(EventRow{rows.integer(0), rows.string(1), rows.string(2), rows.string(3),
                                rows.string(4), rows.string(5), rows.integer(6), rows.integer(7),
                                rows.integer(8), rows.integer(9)});
}

Result<std::optional<std::int64_t>> SqliteMailbox::nextEvent(std::string_view endpoint,
                                                             std::int64_t nowMs) {
  sqlite::Execution rows(events_->next, endpoint, nowMs);
  BELAY_ASSIGN(const bool found, rows.next());
  return found && !rows.isNull(0) ? std::optional(rows.integer(0)) : std::nullopt;
}

Status SqliteMailbox::finishEvent(std::int64_t number) {
  std::int64_t dead = 0;
  {
    sqlite::Execution rows(events_->find, number);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) return {};
    dead = rows.integer(0) > 0 ? 1 : 0;
  }
  BELAY_TRY(write(events_->uncount, dead, number));
  return write(events_->finish, number);
}

Status SqliteMailbox::putEventOff(std::int64_t number, std::int64_t attempts, std::int64_t firstMs,
                                  std::int64_t nextMs) {
  return write(events_->putOff, attempts, firstMs, nextMs, number);
}

Status SqliteMailbox::giveEventUp(std::int64_t number, std::int64_t nowMs) {
  BELAY_TRY(write(events_->bury, nowMs, number));
  return database_->changes() > 0 ? write(events_->buryCounted, number) : Status{};
}

Status SqliteMailbox::reviveEvents(std::string_view endpoint) {
  BELAY_TRY(write(events_->revive, endpoint));
  return write(events_->reviveCounted, endpoint);
}

Status SqliteMailbox::sweepEvents(std::int64_t nowMs, std::size_t most) {
  BELAY_TRY(write(events_->sweep, nowMs - kDeadKeptMs, most));
  return database_->changes() > 0 ? write(events_->recount) : Status{};
}

}  // namespace belay::mailbox
