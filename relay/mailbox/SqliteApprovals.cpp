// What people are asked, and what became of it.

#include "relay/mailbox/Statements.h"

namespace belay::mailbox {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

ApprovalRow approvalOf(const sqlite::Execution& rows) {
  return {rows.string(0),  rows.string(1),  rows.integer(2),
          rows.integer(3), rows.integer(4), rows.integer(5) != 0,
          rows.string(6),  rows.string(7),  rows.integer(5) < 0};
}

}  // namespace

Status SqliteMailbox::openApproval(const ApprovalRow& row, std::int64_t most) {
  BELAY_ASSIGN(const std::optional<ApprovalRow> before, approval(row.request));
  // The same again, for a new roster, or because an answer was lost.
  if (before && before->host == row.host) {
    BELAY_TRY(
        write(statements_->renewApproval, row.summary, row.content, row.expiresMs, row.request));
    return write(statements_->touchApproval, row.request);
  }
  if (before) return Error{ErrorCode::kConflict, "another host has made this request"};
  BELAY_ASSIGN(const std::optional<std::int64_t> host, number(row.host));
  if (!host) return Error{ErrorCode::kRelayHost, "there is no host " + row.host};
  {
    sqlite::Execution rows(statements_->countApprovals, *host);
    BELAY_ASSIGN(const bool found, rows.next());
    if (found && rows.integer(0) >= most) {
      return Error{ErrorCode::kRelayQuota, "this host has " + std::to_string(most) +
                                               " requests open (limits.approvals_per_host)"};
    }
  }
  return write(statements_->openApproval, row.request, *host, row.atMs, row.expiresMs, row.summary,
               row.content);
}

Result<std::optional<ApprovalRow>> SqliteMailbox::approval(std::string_view request) {
  sqlite::Execution rows(statements_->approval, request);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(approvalOf(rows)) : std::nullopt;
}

Result<std::vector<std::string>> SqliteMailbox::closeExpired(std::int64_t nowMs, std::size_t most) {
  std::vector<std::string> out;
  {
    sqlite::Execution rows(statements_->expiredApprovals, nowMs, most);
    while (true) {
      BELAY_ASSIGN(const bool more, rows.next());
      if (!more) break;
      out.push_back(rows.string(0));
    }
  }
  for (const std::string& request : out) {
    BELAY_TRY(write(statements_->closeApproval, -nowMs, request));
    BELAY_TRY(dropBlobs(request));
    BELAY_TRY(write(statements_->touchApproval, request));
  }
  return out;
}

Result<std::optional<std::int64_t>> SqliteMailbox::nextExpiry() {
  sqlite::Execution rows(statements_->nextExpiry);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? std::optional(rows.integer(0)) : std::nullopt;
}

Result<std::vector<ApprovalRow>> SqliteMailbox::approvals(std::int64_t after, std::size_t most) {
  sqlite::Execution rows(statements_->approvals, after, most);
  std::vector<ApprovalRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back(approvalOf(rows));
  }
}

Result<bool> SqliteMailbox::wantsDecision(std::string_view request, std::string_view decision,
                                          std::string_view token, std::size_t most,
                                          std::int64_t triesMost) {
  BELAY_ASSIGN(const std::vector<HandedRow> before, handedIn(request));
  for (const HandedRow& each : before) {
    if (each.decision != decision) continue;
    if (!each.receipt.empty()) return false;
    if (each.tries < triesMost) return true;
    return Error{ErrorCode::kRelayQuota,
                 "this decision was handed in " + std::to_string(triesMost) + " times"};
  }
  sqlite::Execution rows(statements_->countHandedIn, request, token);
  BELAY_ASSIGN(const bool found, rows.next());
  if (found && rows.integer(0) >= static_cast<std::int64_t>(most)) {
    return Error{ErrorCode::kRelayQuota, "this token has handed in " + std::to_string(most) +
                                             " decisions about the request"};
  }
  return true;
}

Status SqliteMailbox::handIn(std::string_view request, std::string_view decision,
                             std::string_view token, std::int64_t nowMs) {
  BELAY_TRY(write(statements_->handIn, request, decision, token, nowMs));
  return write(statements_->touchApproval, request);
}

Result<std::vector<HandedRow>> SqliteMailbox::handedIn(std::string_view request) {
  sqlite::Execution rows(statements_->handedIn, request);
  std::vector<HandedRow> out;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return out;
    out.push_back({rows.string(0), rows.string(1), rows.integer(2), rows.integer(3)});
  }
}

Status SqliteMailbox::addReceipt(std::string_view host, std::string_view request,
                                 std::string_view decision, std::string_view receipt, bool closed,
                                 std::int64_t nowMs) {
  BELAY_ASSIGN(const std::optional<ApprovalRow> row, approval(request));
  if (!row || row->host != host) return {};
  if (!decision.empty()) BELAY_TRY(write(statements_->addReceipt, receipt, request, decision));
  if (closed) BELAY_TRY(write(statements_->closeApproval, nowMs, request));
  if (closed) BELAY_TRY(dropBlobs(request));
  return write(statements_->touchApproval, request);
}

}  // namespace belay::mailbox
