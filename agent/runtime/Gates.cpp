#include "agent/runtime/Gates.h"

#include <algorithm>
#include <utility>

#include "agent/runtime/HostTrust.h"
#include "agent/runtime/WaitAnswers.h"
#include "agent/runtime/Waits.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using statement::Receipt;
using statement::Request;
using statement::Roster;
using statement::SignedStatement;

namespace {

constexpr std::int64_t kMsOfSecond = 1'000;
constexpr std::int64_t kLookMs = 600 * kMsOfSecond;
constexpr std::size_t kRenewedMost = 100'000;
constexpr std::size_t kRenewedPerRound = 50;

/// How a wait stands, as receipts say it.
Receipt::Gate gateOf(const journal::GateRow& gate, const journal::WaitRow& row) {
  if (!gate.next.empty()) return Receipt::Gate::kSuperseded;
  switch (row.status) {
    case journal::WaitStatus::kOpen:
      return Receipt::Gate::kOpen;
    case journal::WaitStatus::kAnswered:
      return Receipt::Gate::kApproved;
    case journal::WaitStatus::kRejected:
      return Receipt::Gate::kRejected;
    case journal::WaitStatus::kTimedOut:
      return Receipt::Gate::kTimedOut;
    case journal::WaitStatus::kClosed:
      break;
  }
  return Receipt::Gate::kClosed;
}

journal::HostMoment nowOf(Core& core) {
  const base::Clock& clock = core.world().clock;
  return {clock.bootId(), clock.sinceBoot().count(), core.wallMs()};
}

/// The wall clock may be set: what counts is how long this host has seen the request wait.
Result<std::int64_t> checkAge(Core& core, const journal::GateRow& gate) {
  const auto age = gate.ageAt(nowOf(core));
  if (age && *age < gate.lifeMs) return *age;
  return Error{ErrorCode::kDecisionExpired,
               "request " + gate.request +
                   (age ? " has expired" : " is void: this host's clock was set back behind it")};
}

/// A revocation that was kept from this host must not help whoever was revoked. `ageMs`: of the
/// request, which no clock that is set back makes younger.
Status checkFreshness(Core& core, const Request& request, std::int64_t ageMs,
                      const Roster& roster) {
  const std::int64_t nowMs = std::max(core.wallMs(), request.createdMs + ageMs);
  if (!request.fresh || nowMs - roster.createdMs <= roster.maxAgeS * kMsOfSecond) return {};
  return Error{ErrorCode::kRosterStale,
               "the roster of this host is of " + base::formatInstant(roster.createdMs) +
                   ", older than its max_age of " +
                   base::formatDuration(std::chrono::seconds{roster.maxAgeS}),
               {"belay trust show", "belay trust install"}};
}

Status checkEpoch(Core& core, const journal::GateRow& gate) {
  BELAY_ASSIGN(const std::string now, askedIn(core));
  if (gate.epoch == now) return {};
  return Error{ErrorCode::kDecisionEpoch,
               "request " + gate.request + " is of an earlier epoch or boot of this host"};
}

}  // namespace

/// A gate that waits for decisions.
struct Gates::Open {
  journal::WaitRow row;
  Request request;
  Roster roster;  ///< In force.
};

std::optional<Request> gateRequest(const std::string& requestJson) {
  auto request = Request::parse(requestJson);
  if (!request) return std::nullopt;
  return std::move(*request);
}

Result<bool> isGate(journal::Journal& journal, const std::string& requestJson) {
  BELAY_ASSIGN(const auto row, journal.gates().find(crypto::sha256(requestJson).hex()));
  return row.has_value() || gateRequest(requestJson).has_value();
}

Result<trust::Vote> castVote(const Request& request, const SignedStatement& statement,
                             const statement::Decision& decision, const Roster& roster) {
  BELAY_ASSIGN(trust::Vote vote, trust::voteOf(request, statement, decision, roster));
  if (!vote.approve) return vote;
  for (const crypto::Digest& each : vote.unseen) {
    const bool asked = std::any_of(request.artifacts.begin(), request.artifacts.end(),
                                   [&](const auto& artifact) { return artifact.digest == each; });
    if (asked) continue;
    return Error{ErrorCode::kDecisionInvalid,
                 "it leaves artifact " + each.hex() + " unseen, which the request does not have"};
  }
  json::Value asked;
  if (!request.form.isNull()) asked.set("form", request.form);
  const Status fits = checkForm(asked, vote.form, true);
  if (!fits) return Error{ErrorCode::kDecisionInvalid, fits.error().message};
  return vote;
}

namespace {

/// What the decisions come to that still count, with their lines.
Result<std::vector<trust::Vote>> counted(Core& core, const Request& request, const Roster& roster,
                                         std::string_view name, std::string& lines) {
  std::vector<trust::Vote> votes;
  BELAY_ASSIGN(const auto rows, core.world().journal.gates().decisions(name));
  for (const journal::GateDecisionRow& row : rows) {
    BELAY_ASSIGN(const SignedStatement statement, SignedStatement::parse(row.text));
    BELAY_ASSIGN(const auto decision, statement::Decision::parse(statement.unverifiedPayload()));
    auto vote = castVote(request, statement, decision, roster);
    // Whoever was revoked since, lost the role, or turned out to be one with another, does not
    // count any more.
    if (!vote || !trust::checkFresh(votes, *vote)) continue;
    votes.push_back(std::move(*vote));
    lines += statement.lines();
  }
  return votes;
}

}  // namespace

Result<std::string> askedIn(Core& core) {
  BELAY_ASSIGN(const HostEpoch* const epoch, core.guard().epoch());
  if (!core.world().policy.reissueAfterBoot()) return epoch->text();
  return epoch->text() + " " + core.world().clock.bootId();
}

Status stillApproved(Core& core, const std::string& requestJson) {
  const std::string name = crypto::sha256(requestJson).hex();
  BELAY_ASSIGN(const auto gate, core.world().journal.gates().find(name));
  if (!gate) return {};
  BELAY_ASSIGN(const Request request, Request::parse(requestJson));
  BELAY_TRY(checkEpoch(core, *gate));
  BELAY_ASSIGN(const std::int64_t ageMs, checkAge(core, *gate));
  BELAY_ASSIGN(const Roster roster, rosterInForce(core.world().journal));
  BELAY_TRY(checkFreshness(core, request, ageMs, roster));
  std::string lines;
  BELAY_ASSIGN(const auto votes, counted(core, request, roster, name, lines));
  if (trust::tally(request, votes).state == trust::Tally::State::kApproved) return {};
  return Error{ErrorCode::kStatementQuorum,
               "by the roster in force, too few of those count who approved request " + name};
}

Status Gates::waitsFor(const crypto::Digest& request) {
  const auto found = find(request);
  return found ? Status{} : Status{found.error()};
}

Result<Gates::Open> Gates::find(const crypto::Digest& digest) {
  const std::string name = digest.hex();
  BELAY_ASSIGN(const std::optional<journal::GateRow> gate,
               core_.world().journal.gates().find(name));
  if (!gate) {
    return Error{ErrorCode::kDecisionUnknown, "this host has made no request " + name};
  }
  if (!gate->next.empty()) {
    return Error{
        ErrorCode::kDecisionEpoch,
        "request " + name +
            " is of an earlier epoch or boot of this host, which has asked anew: " + gate->next};
  }
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate->wait));
  Open out;
  BELAY_ASSIGN(out.row, waits_.openApproval(wait));
  auto request = gateRequest(out.row.requestJson);
  if (!request || crypto::sha256(out.row.requestJson) != digest) {
    return Error{ErrorCode::kDecisionInvalid,
                 "the wait " + wait.str() + " shows another request than the one that is answered",
                 {"belay journal verify"}};
  }
  out.request = std::move(*request);
  BELAY_TRY(core_.guard().mayBegin());
  BELAY_TRY(checkEpoch(core_, *gate));
  BELAY_ASSIGN(const std::int64_t ageMs, checkAge(core_, *gate));
  BELAY_TRY(waits_.checkInTime(out.row));
  BELAY_ASSIGN(out.roster, rosterInForce(core_.world().journal));
  BELAY_TRY(checkFreshness(core_, out.request, ageMs, out.roster));
  return out;
}

Result<bool> Gates::accepted(const crypto::Digest& request, const std::string& lines) {
  BELAY_ASSIGN(const auto rows, core_.world().journal.gates().decisions(request.hex()));
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.text == lines; });
}

Result<Gates::Taken> Gates::takenBefore(const std::string& request) {
  BELAY_ASSIGN(const auto gate, core_.world().journal.gates().find(request));
  Taken taken;
  std::optional<journal::WaitRow> row;
  if (gate) {
    BELAY_ASSIGN(taken.wait, base::WaitId::parse(gate->wait));
    BELAY_ASSIGN(row, core_.world().journal.wait(taken.wait));
  }
  if (!row) {
    return Error{ErrorCode::kDecisionUnknown, "the run that made request " + request + " is gone"};
  }
  taken.run = row->run;
  taken.gate = gateOf(*gate, *row);
  return taken;
}

Result<Gates::Taken> Gates::take(const SignedStatement& statement,
                                 const statement::Believed<statement::Decision>& decision,
                                 const std::string& by) {
  const statement::Decision& said = decision.document();
  const std::string name = said.request.hex();
  BELAY_ASSIGN(const bool before, accepted(said.request, statement.lines()));
  if (before) return takenBefore(name);
  BELAY_ASSIGN(const HostTrust believed, hostTrust(core_.world().journal));
  if (said.fleet != believed.fleet) {
    return Error{ErrorCode::kStatementFleet, "the decision is for another fleet"};
  }
  BELAY_ASSIGN(const Open open, find(said.request));
  std::string lines;
  BELAY_ASSIGN(std::vector<trust::Vote> votes,
               counted(core_, open.request, open.roster, name, lines));
  BELAY_ASSIGN(trust::Vote vote, castVote(open.request, statement, said, open.roster));
  BELAY_TRY(trust::checkFresh(votes, vote));
  if (vote.approve && !vote.unseen.empty()) {
    const trust::GateDemand demand = core_.world().policy.gateDemand(open.request.flow);
    if (!demand.unseenAllowed) {
      return Error{ErrorCode::kArtifactUnseen, "the decision leaves artifacts unseen, and " +
                                                   demand.rule + " of " + demand.source +
                                                   " wants all of them looked at"};
    }
  }
  const std::string kid = vote.kid;
  const std::string person = vote.person;
  votes.push_back(std::move(vote));
  lines += statement.lines();
  const trust::Tally tally = trust::tally(open.request, votes);
  Taken taken{open.row.id, open.row.run, Receipt::Gate::kOpen};
  if (tally.state != trust::Tally::State::kOpen) {
    const bool approved = tally.state == trust::Tally::State::kApproved;
    BELAY_TRY(waits_.answerGate(open.row, tally, lines));
    taken.gate = approved ? Receipt::Gate::kApproved : Receipt::Gate::kRejected;
  }
  BELAY_TRY(
      core_.world().journal.gates().addDecision(name, {kid, statement.lines()}, core_.wallMs()));
  core_.world().log.info("approval.decision",
                         {{"wait", taken.wait.str()},
                          {"person", person},
                          {"approve", said.approve},
                          {"unseen", static_cast<std::int64_t>(said.unseen.size())},
                          {"gate", statement::gateName(taken.gate)},
                          {"by", by}});
  return taken;
}

Result<Receipt> Gates::receipt(const crypto::Digest& request,
                               const std::optional<crypto::Digest>& decision, const Status& taken) {
  Receipt receipt;
  BELAY_ASSIGN(const HostTrust trust, hostTrust(core_.world().journal));
  receipt.fleet = trust.fleet;
  BELAY_ASSIGN(const crypto::P256PublicKey key, core_.world().hostKey());
  receipt.host = key.thumbprint();
  receipt.request = request;
  receipt.decision = decision.value_or(crypto::Digest{});
  receipt.outcome = decision ? Receipt::Outcome::kAccepted : Receipt::Outcome::kClosed;
  if (!taken) {
    receipt.outcome = Receipt::Outcome::kRefused;
    receipt.code = base::errorText(taken.error().code);
  }
  receipt.gate = Receipt::Gate::kClosed;
  receipt.createdMs = core_.wallMs();
  BELAY_ASSIGN(const auto gate, core_.world().journal.gates().find(request.hex()));
  if (!gate) return receipt;
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate->wait));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, core_.world().journal.wait(wait));
  if (row) receipt.gate = gateOf(*gate, *row);
  return receipt;
}

Status Gates::work() {
  BELAY_TRY(renew());
  const auto look = nextLook();
  return look && *look <= core_.world().clock.sinceBoot().count() ? lookAtAges() : Status{};
}

std::optional<std::int64_t> Gates::nextLook() const {
  if (nextLookMs_) return nextLookMs_;
  const auto opened = waits_.gateOpenedMs();
  return opened ? std::optional(*opened + kLookMs) : std::nullopt;
}

void Gates::forget() {
  renewedFor_.clear();
  toRenew_.clear();
  nextLookMs_ = 0;
}

NextStep Gates::next() const {
  NextStep next;
  next.now = !toRenew_.empty();
  next.bootMs = nextLook();
  return next;
}

/// What was asked in an earlier epoch, before this host was set back or copied, or before a boot
/// that the policy minds, has no answer: it is asked anew.
Status Gates::renew() {
  BELAY_ASSIGN(const std::string name, askedIn(core_));
  if (renewedFor_ != name) {
    BELAY_ASSIGN(toRenew_, core_.world().journal.gates().ofOtherEpochs(name, kRenewedMost));
    renewedFor_ = name;
  }
  for (std::size_t i = 0; i < kRenewedPerRound && !toRenew_.empty(); ++i) {
    const journal::GateRow gate = std::move(toRenew_.back());
    toRenew_.pop_back();
    const Status renewed = renew(gate);
    if (renewed) continue;
    if (endsTransaction(renewed.error().code)) return renewed;
    // It stays as it is, and ends by its timeout.
    core_.world().log.error("approval.not_renewed", renewed.error(), {{"wait", gate.wait}});
  }
  return {};
}

Status Gates::renew(const journal::GateRow& gate) {
  BELAY_ASSIGN(const base::WaitId wait, base::WaitId::parse(gate.wait));
  BELAY_ASSIGN(const std::optional<journal::WaitRow> row, core_.world().journal.wait(wait));
  if (!row) return {};
  BELAY_ASSIGN(LiveRun* const run, core_.runs().get(row->run));
  BELAY_ASSIGN(const std::optional<std::string> next, waits_.openAnew(*run, *row));
  if (!next) return {};
  core_.world().log.info("approval.asked_anew",
                         {{"wait", gate.wait}, {"request", gate.request}, {"next", *next}});
  return core_.world().journal.gates().supersede(gate.request, *next);
}

/// One that is too old has ended, whatever the clock says that its timer goes by.
Status Gates::lookAtAges() {
  journal::GateTable& table = core_.world().journal.gates();
  BELAY_ASSIGN(std::vector<journal::GateRow> rows, table.open());
  const journal::HostMoment now = nowOf(core_);
  for (journal::GateRow& row : rows) {
    const auto age = row.ageAt(now);
    // Until the clock is right again nobody knows.
    if (!age) continue;
    row.ageMs = *age;
    row.seen = now;
    BELAY_TRY(table.setAge(row));
    if (row.ageMs < row.lifeMs) continue;
    const auto wait = base::WaitId::parse(row.wait);
    const Status ended = wait ? waits_.expire(*wait) : Status{wait.error()};
    if (!ended && endsTransaction(ended.error().code)) return ended;
  }
  waits_.agesKept();
  nextLookMs_.reset();
  if (!rows.empty()) nextLookMs_ = now.bootMs + kLookMs;
  return {};
}

}  // namespace belay::runtime
