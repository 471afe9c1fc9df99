#include "agent/link/Decisions.h"

#include <algorithm>
#include <utility>

#include "agent/link/PinWaits.h"
#include "agent/runtime/HostTrust.h"
#include "common/wire/Body.h"
#include "common/wire/Protocol.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using statement::SignedStatement;

namespace {

constexpr const char* kBy = "relay";

Result<SignedStatement> statementIn(const Value& body) {
  BELAY_TRY(wire::checkMembers(body, "statement"));
  BELAY_ASSIGN(const std::string lines, wire::textMember(body, "statement", true));
  return SignedStatement::parse(lines);
}

Result<statement::Believed<statement::Decision>> believe(const SignedStatement& statement,
                                                         const KnownRequests& known) {
  if (!known.roster) return Error{ErrorCode::kTrustNone, "this host believes no roster"};
  // Before the request: one of another fleet is nothing that this host could know.
  BELAY_ASSIGN(const auto decision, statement::Decision::parse(statement.unverifiedPayload()));
  if (decision.fleet == known.roster->fleet) {
    const auto request = known.requests.find(decision.request.hex());
    if (request != known.requests.end()) BELAY_TRY(request->second);
  }
  return statement::verifyDecision(statement, *known.roster);
}

}  // namespace

bool isDecision(const Incoming& message) { return message.kind == wire::kDecision; }

void cutBehindRoster(std::vector<Incoming>& messages) {
  const auto first = std::find_if(messages.begin(), messages.end(), [](const Incoming& message) {
    return message.kind == wire::kRoster;
  });
  if (first != messages.end()) messages.erase(first + 1, messages.end());
}

Result<KnownRequests> knownRequests(runtime::Runtime& runtime,
                                    const std::vector<Incoming>& messages) {
  KnownRequests out;
  auto roster = runtime::rosterInForce(runtime.journal());
  if (!roster && runtime::endsTransaction(roster.error().code)) return roster.error();
  if (roster) out.roster = std::move(*roster);
  for (const Incoming& message : messages) {
    if (!isDecision(message)) continue;
    const auto statement = statementIn(message.body);
    if (!statement) continue;
    const auto decision = statement::Decision::parse(statement->unverifiedPayload());
    if (!decision) continue;
    const Status waits = runtime.gates().waitsFor(decision->request);
    if (!waits && runtime::endsTransaction(waits.error().code)) return waits.error();
    BELAY_ASSIGN(const bool before,
                 runtime.gates().accepted(decision->request, statement->lines()));
    if (before) out.accepted.insert(statement->lines());
    out.requests.insert_or_assign(decision->request.hex(), waits);
  }
  return out;
}

CheckedDecision checkDecision(const Value& body, const KnownRequests& known) {
  auto statement = statementIn(body);
  if (!statement) return {std::nullopt, statement.error(), false};
  const bool accepted = known.accepted.count(statement->lines()) != 0;
  auto believed = believe(*statement, known);
  return {std::move(*statement), std::move(believed), accepted};
}

Status takeDecision(runtime::Runtime& runtime, const CheckedDecision& decision) {
  if (decision.accepted) return {};
  if (!decision.believed) return decision.believed.error();
  const auto taken = runtime.gates().take(*decision.statement, *decision.believed, kBy);
  return taken ? Status{} : Status{taken.error()};
}

Status takeRoster(runtime::Runtime& runtime, const Value& body, log::Log& log) {
  BELAY_TRY(wire::checkMembers(body, "root statement"));
  BELAY_ASSIGN(const std::string rootLines, wire::textMember(body, "root"));
  runtime::TrustOffer offer;
  BELAY_ASSIGN(const runtime::HostTrust before, runtime::hostTrust(runtime.journal()));
  // No relay says which root document is the first one; the roster waits for it.
  if (!rootLines.empty() && before.root) {
    BELAY_ASSIGN(offer.root, SignedStatement::parse(rootLines));
  }
  BELAY_ASSIGN(const std::string lines, wire::textMember(body, "statement", true));
  BELAY_ASSIGN(offer.roster, SignedStatement::parse(lines));
  const auto taken = runtime::takeTrust(runtime.journal(), offer, runtime::Author{kBy, ""},
                                        runtime.clock().wallMs());
  if (!taken) {
    if (taken.error().code == ErrorCode::kStatementFork) {
      log.error("trust.fork", taken.error(), {{"by", kBy}});
    }
    // The first root document comes by hand, and may come after this.
    if (mayBeBelievedLater(taken.error().code)) BELAY_TRY(keepRoster(runtime.journal(), body));
    return taken.error();
  }
  log.info("trust.installed", {{"root", taken->newRoot ? "new" : "as before"},
                               {"roster", taken->newRoster ? "new" : "as before"},
                               {"by", kBy}});
  return {};
}

}  // namespace belay::link
