#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/link/RelayClient.h"
#include "agent/runtime/Gates.h"
#include "agent/runtime/Runtime.h"
#include "common/base/Result.h"
#include "common/log/Log.h"
#include "common/statement/SignedStatement.h"
#include "common/statement/Verify.h"

namespace belay::link {

// Decisions and rosters that come over the link.

bool isDecision(const Incoming& message);

/// Takes away what stands behind the first roster: it is judged by that one, and comes again.
void cutBehindRoster(std::vector<Incoming>& messages);

/// What the loop knows before any elliptic-curve work is done.
struct KnownRequests {
  std::optional<statement::Roster> roster;
  /// By digest: whether the request waits for a decision, or why not.
  std::map<std::string, base::Status, std::less<>> requests;
  std::set<std::string, std::less<>> accepted;  ///< Statements that were accepted before.
};
/// Threads: the loop. Errors: of the journal.
base::Result<KnownRequests> knownRequests(runtime::Runtime& runtime,
                                          const std::vector<Incoming>& messages);

/// A decision, as far as it could be read and believed.
struct CheckedDecision {
  std::optional<statement::SignedStatement> statement;  ///< Nothing: it is none.
  base::Result<statement::Believed<statement::Decision>> believed;
  bool accepted = false;  ///< Before: it is told the same again.
};
/// In the order in which it costs: form, request, key, and the elliptic curve last. Threads: any.
CheckedDecision checkDecision(const json::Value& body, const KnownRequests& known);

// In the open transaction. Threads: the loop. Errors: refusals, after which nothing was written; or
// one that ends the transaction.

base::Status takeDecision(runtime::Runtime& runtime, const CheckedDecision& decision);
/// A roster, and the root document that it was signed by if that is a new one. The first of both a
/// host is given on the host itself.
base::Status takeRoster(runtime::Runtime& runtime, const json::Value& body, log::Log& log);

}  // namespace belay::link
