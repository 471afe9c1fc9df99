#include <algorithm>
#include <array>
#include <utility>

#include "common/wire/Protocol.h"
#include "relay/mailbox/Statements.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Error noHost(std::string_view id) {
  return Error{ErrorCode::kRelayHost, "there is no host " + std::string(id)};
}

/// What shares a quota. The numbers stand in countMessage too.
enum class Room : std::int64_t { kHooks = 0, kCalls = 1, kSigned = 2 };

Room roomOf(std::string_view kind) {
  if (kind == wire::kWebhook) return Room::kHooks;
  return kind == wire::kCallback ? Room::kCalls : Room::kSigned;
}

std::string_view roomName(Room room) {
  if (room == Room::kHooks) return " webhooks";
  return room == Room::kCalls ? " callbacks" : " signed messages";
}

/// Messages and their bytes, of a row of Statements::room.
std::pair<std::int64_t, std::int64_t> heldIn(Room room, const sqlite::Execution& rows) {
  if (room == Room::kHooks) return {rows.integer(3), rows.integer(4)};
  if (room == Room::kCalls) return {rows.integer(5), rows.integer(6)};
  return {rows.integer(1) - rows.integer(3) - rows.integer(5),
          rows.integer(2) - rows.integer(4) - rows.integer(6)};
}

}  // namespace

Result<std::int64_t> SqliteMailbox::put(std::string_view host, std::string_view kind,
                                        std::string_view body, std::int64_t nowMs,
                                        const std::optional<Quota>& quota) {
  BELAY_ASSIGN(const std::optional<std::int64_t> to, number(host));
  if (!to) return noHost(host);
  const Room room = roomOf(kind);
  std::int64_t seq = 0;
  {
    sqlite::Execution rows(statements_->room, *to);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) return noHost(host);
    seq = std::max(rows.integer(0) + 1, leastNumber(nowMs));
    const auto [held, heldBytes] = heldIn(room, rows);
    const std::int64_t bytes = heldBytes + static_cast<std::int64_t>(body.size());
    if (quota && (held >= quota->messagesMax || bytes > quota->bytesMax)) {
      return Error{ErrorCode::kRelayQuota, "the mailbox of host " + std::string(host) +
                                               " is full: it holds " + std::to_string(held) +
                                               std::string(roomName(room))};
    }
  }
  BELAY_TRY(write(statements_->addMessage, *to, seq, kind, nowMs, body.size(), body));
  BELAY_TRY(
      write(statements_->countMessage, seq, body.size(), static_cast<std::int64_t>(room), *to));
  return seq;
}

Result<std::vector<MessageRow>> SqliteMailbox::messages(std::string_view host, std::int64_t after,
                                                        std::size_t most, std::size_t bytesMost) {
  BELAY_ASSIGN(const std::optional<std::int64_t> of, number(host));
  if (!of) return noHost(host);
  sqlite::Execution rows(statements_->messages, *of, after, most);
  std::vector<MessageRow> out;
  std::size_t bytes = 0;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    bytes += rows.text(2).size();
    if (!out.empty() && bytes > bytesMost) return out;
    out.push_back({rows.integer(0), rows.string(1), rows.string(2), rows.integer(3)});
  }
}

Status SqliteMailbox::acknowledge(std::string_view host, std::int64_t seq) {
  BELAY_ASSIGN(const std::optional<std::int64_t> of, number(host));
  if (!of) return noHost(host);
  std::array<std::int64_t, 6> gone{};  // Messages and their bytes: all, webhooks, callbacks.
  {
    sqlite::Execution rows(statements_->weighMessages, *of, seq, wire::kWebhook, wire::kCallback);
    BELAY_ASSIGN(const bool found, rows.next());
    for (int i = 0; found && i < 6; ++i) gone.at(static_cast<std::size_t>(i)) = rows.integer(i);
  }
  if (gone[0] > 0) BELAY_TRY(write(statements_->dropMessages, *of, seq));
  return write(statements_->acknowledge, seq, gone[0], gone[1], gone[2], gone[3], gone[4], gone[5],
               *of);
}

Result<bool> SqliteMailbox::receive(std::string_view host, std::int64_t seq) {
  BELAY_ASSIGN(const std::optional<std::int64_t> from, number(host));
  if (!from) return noHost(host);
  BELAY_TRY(write(statements_->receive, seq, *from));
  return database_->changes() > 0;
}

Status SqliteMailbox::openCallback(const CallbackRow& row, std::int64_t most) {
  BELAY_ASSIGN(const std::optional<std::int64_t> host, number(row.host));
  if (!host) return noHost(row.host);
  BELAY_ASSIGN(const std::optional<CallbackRow> there, callback(row.route));
  if (there && there->host != row.host) {
    return Error{ErrorCode::kConflict, "this callback belongs to another host"};
  }
  // A message that comes again must not make a used one new.
  if (there && there->wait == row.wait) return {};
  {
    sqlite::Execution rows(statements_->countCallbacks, *host);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found && rows.integer(0) >= most) {
      return Error{ErrorCode::kRelayQuota, "host " + row.host + " has " +
                                               std::to_string(rows.integer(0)) + " callbacks open"};
    }
  }
  return write(statements_->openCallback, row.route, *host, row.wait, row.expiresMs);
}

Result<std::optional<CallbackRow>> SqliteMailbox::callback(std::string_view route) {
  sqlite::Execution rows(statements_->callback, route);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<CallbackRow>();
  return std::optional(CallbackRow{rows.string(0), rows.string(1), rows.string(2), rows.integer(3),
                                   rows.integer(4), rows.string(5)});
}

Status SqliteMailbox::useCallback(std::string_view route, std::string_view delivery) {
  return write(statements_->useCallback, delivery, route);
}

Status SqliteMailbox::closeCallback(std::string_view host, std::string_view wait) {
  BELAY_ASSIGN(const std::optional<std::int64_t> of, number(host));
  if (!of) return noHost(host);
  return write(statements_->closeCallback, *of, wait);
}

Status SqliteMailbox::setHooks(std::string_view host, const std::vector<std::string>& hooks) {
  BELAY_ASSIGN(const std::optional<std::int64_t> of, number(host));
  if (!of) return noHost(host);
  BELAY_TRY(write(statements_->removeHooks, *of));
  for (const std::string& hook : hooks) BELAY_TRY(write(statements_->addHook, *of, hook));
  return {};
}

Result<bool> SqliteMailbox::hasHook(std::string_view host, std::string_view hook) {
  sqlite::Execution rows(statements_->hook, host, hook);
  return rows.next();
}

Result<bool> SqliteMailbox::addPin(const PinRow& row, const PinBounds& bounds) {
  std::int64_t tries = 0;
  {
    sqlite::Execution rows(statements_->pinTries, row.digest);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found) tries = rows.integer(0);
  }
  if (tries >= bounds.tries) {
    return Error{ErrorCode::kRelayQuota,
                 "this statement was handed in " + std::to_string(tries) + " times"};
  }
  BELAY_TRY(write(statements_->addPin, row.digest, row.payload, row.chain, row.release, row.text,
                  row.atMs));
  if (tries > 0) return false;
  BELAY_TRY(write(statements_->dropVariants, row.payload, bounds.ofPayload));
  BELAY_TRY(write(statements_->dropPins, row.chain, bounds.ofChain));
  return true;
}

Result<std::vector<PinRow>> SqliteMailbox::pins() {
  sqlite::Execution rows(statements_->pins);
  std::vector<PinRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back({rows.string(0), rows.string(1), rows.string(2), rows.string(3), rows.string(4),
                   rows.integer(5)});
  }
}

Result<bool> SqliteMailbox::addRelease(std::string_view digest, std::string_view content,
                                       std::int64_t nowMs) {
  BELAY_TRY(write(statements_->addRelease, digest, content, nowMs));
  return database_->changes() > 0;
}

Result<std::optional<std::string>> SqliteMailbox::release(std::string_view digest) {
  sqlite::Execution rows(statements_->release, digest);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(rows.string(0)) : std::nullopt;
}

}  // namespace belay::mailbox
