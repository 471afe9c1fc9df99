// Starts on their way to hosts, and what hosts offer.

#include "relay/mailbox/FleetStatements.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

OfferRow offerOf(const sqlite::Execution& rows) {
  return {rows.string(0),  rows.string(1),  rows.string(2),
          rows.integer(3), rows.integer(4), rows.integer(5) != 0};
}

Result<std::vector<OfferRow>> listOffers(sqlite::Execution& rows) {
  std::vector<OfferRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(offerOf(rows));
  }
}

}  // namespace

Result<bool> SqliteMailbox::putStart(const StartRow& row, std::int64_t most,
                                     std::int64_t triesMost) {
  BELAY_ASSIGN(const std::optional<StartRow> before, start(row.start));
  if (before) {
    if (before->host != row.host)
      return Error{ErrorCode::kConflict, "this start was handed in for another host"};
    if (!before->receipt.empty()) return false;
    if (before->tries >= triesMost) {
      return Error{ErrorCode::kRelayQuota,
                   "this start was handed in " + std::to_string(triesMost) + " times"};
    }
    BELAY_TRY(write(fleet_->again, row.start));
    return true;
  }
  BELAY_ASSIGN(const std::optional<std::int64_t> host, number(row.host));
  if (!host) return Error{ErrorCode::kRelayHost, "there is no host " + row.host};
  {
    sqlite::Execution rows(fleet_->count, *host, most);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found && rows.integer(0) >= most) {
      return Error{ErrorCode::kRelayQuota, "this relay keeps " + std::to_string(most) +
                                               " starts of this host (limits.starts_per_host)"};
    }
  }
  BELAY_TRY(write(fleet_->add, row.start, *host, row.atMs, row.expiresMs));
  return true;
}

Result<std::optional<StartRow>> SqliteMailbox::start(std::string_view start) {
  sqlite::Execution rows(fleet_->find, start);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<StartRow>{};
  return std::optional(StartRow{rows.string(0), rows.string(1), rows.integer(2), rows.integer(3),
                                rows.integer(4), rows.string(5)});
}

Status SqliteMailbox::addStartReceipt(std::string_view host, std::string_view start,
                                      std::string_view receipt) {
  return write(fleet_->receipt, receipt, start, host);
}

Status SqliteMailbox::setOffer(std::string_view host, std::string_view offer, std::int64_t nowMs) {
  return write(fleet_->offer, offer, nowMs, host);
}

Result<std::vector<OfferRow>> SqliteMailbox::offers(std::string_view after, std::size_t most) {
  sqlite::Execution rows(fleet_->offers, after, most);
  return listOffers(rows);
}

Result<std::vector<OfferRow>> SqliteMailbox::offersOf(std::string_view name) {
  sqlite::Execution rows(fleet_->offerOf, name);
  return listOffers(rows);
}

Status SqliteMailbox::sweepStarts(std::int64_t nowMs, std::size_t most) {
  return write(fleet_->sweep, nowMs, most);
}

Status SqliteMailbox::removeStarts(std::int64_t host) { return write(fleet_->remove, host); }

}  // namespace belay::mailbox
