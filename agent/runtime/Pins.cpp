#include "agent/runtime/Pins.h"

#include <algorithm>
#include <utility>

#include "common/base/Text.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using journal::Journal;
using journal::StatementKind;
using journal::StatementRow;
using statement::Pin;
using statement::Roster;
using statement::SignedStatement;

namespace {

/// So many pins whose releases are not here are passed over to find the one that is in force.
constexpr std::size_t kPinsLookedAt = 64;

std::string subjectOf(std::string_view flow, std::string_view channel) {
  return std::string(flow) + "/" + std::string(channel);
}

std::string channelNote(std::string_view flow) { return "pin_channel/" + std::string(flow); }

std::string nameOf(const Pin& pin) {
  return "pin " + std::to_string(pin.counter) + " of flow " + pin.flow + ", channel " + pin.channel;
}

/// Why a pin does not count under this roster, though it did when it was accepted.
std::string whyVoid(const AcceptedPin& accepted, const Roster& roster) {
  const Pin& pin = accepted.pin.document;
  const std::int64_t floor = roster.floorOf(pin.flow, pin.channel);
  if (pin.counter < floor) return "the roster has the floor " + std::to_string(floor);
  const auto left = std::count_if(
      accepted.signers.begin(), accepted.signers.end(), [&](const statement::Signer& signer) {
        const Roster::Revocation* revoked = roster.revocationOf(signer.kid);
        return !revoked || revoked->mode != Roster::Mode::kVoid;
      });
  if (left >= accepted.pin.row.quorum) return {};
  return "the roster voids a key that signed it";
}

Result<AcceptedPin> readPin(StatementRow row, const std::optional<InForce<Roster>>& roster) {
  auto statement = SignedStatement::parse(row.text);
  auto pin = statement ? Pin::parse(statement->unverifiedPayload()) : statement.error();
  if (!pin) {
    return Error{ErrorCode::kJournalCorrupt,
                 "row " + std::to_string(row.number) + " of the ledger of statements is no pin",
                 {"belay journal verify"}};
  }
  AcceptedPin out{{std::move(*pin), std::move(row)}, {}, {}};
  out.signers = signersOf(out.pin.row);
  if (roster) out.voidBecause = whyVoid(out, roster->document);
  return out;
}

/// The release that a pin names, when it is here.
Result<std::optional<journal::FlowChangeRow>> releaseOf(Journal& journal, const Pin& pin) {
  BELAY_ASSIGN(auto release, journal.releaseOf(pin.flow, pin.releaseName()));
  if (!release) return std::optional<journal::FlowChangeRow>{};
  BELAY_ASSIGN(const auto content, journal.flowByDigest(release->digest));
  const auto size = content ? static_cast<std::int64_t>(content->content.size()) : 0;
  if (size == pin.size) return release;
  return Error{ErrorCode::kPinSize, nameOf(pin) + " says " + std::to_string(pin.size) +
                                        " bytes; release " + std::to_string(release->release) +
                                        " has " + std::to_string(size)};
}

Result<Promoted> makeLiveBy(Journal& journal, const AcceptedPin& accepted,
                            const journal::FlowChangeRow& release, std::int64_t nowMs) {
  const Pin& pin = accepted.pin.document;
  std::string persons;
  for (const statement::Signer& signer : accepted.signers) {
    persons += (persons.empty() ? "" : ", ") + signer.person;
  }
  const Author author{"pin:" + accepted.pin.row.digest + " (" + pin.channel + " " +
                          std::to_string(pin.counter) + " by " + persons + ")",
                      ""};
  return promote(journal, pin.flow, std::to_string(release.release), author, nowMs);
}

/// That the pin is for this host, whatever it says of others.
Status checkSelector(Journal& journal, const Pin& pin, const OwnKey& ownKey) {
  const auto names = [&pin](const std::string& text) {
    return std::find(pin.selector.begin(), pin.selector.end(), text) != pin.selector.end();
  };
  if (names(std::string(Pin::kEveryHost))) return {};
  BELAY_ASSIGN(const crypto::P256PublicKey own, ownKey());
  if (names("host:" + own.thumbprint())) return {};
  const bool groups =
      std::any_of(pin.selector.begin(), pin.selector.end(),
                  [](const std::string& each) { return each.starts_with("group:"); });
  Error refused{ErrorCode::kPinSelector, nameOf(pin) + " is for " +
                                             base::visible(base::join(pin.selector, ", ")) +
                                             "; this is host " + own.thumbprint()};
  if (!groups) return refused;
  BELAY_ASSIGN(const std::optional<statement::Card> card, hostCard(journal, ownKey));
  if (!card) {
    refused.message += ", which has no card that says its groups";
    refused.actions = {"belay trust install --card FILE"};
    return refused;
  }
  for (const std::string& group : card->groups) {
    if (names("group:" + group)) return {};
  }
  refused.message += ", whose card says the groups " + base::join(card->groups, ", ");
  return refused;
}

/// What the host demands of a pin besides its signatures.
Status checkForHost(const Pin& pin, const Roster& roster, const trust::Policy& policy) {
  const trust::PinDemand demand = policy.pinDemand(pin.flow);
  if (pin.channel != demand.channel) {
    return Error{ErrorCode::kPinChannel, nameOf(pin) + ": this host follows channel " +
                                             demand.channel + " (" + demand.rule + " of " +
                                             demand.source + ")"};
  }
  const std::int64_t floor = roster.floorOf(pin.flow, pin.channel);
  if (pin.counter < floor) {
    return Error{ErrorCode::kPinFloor,
                 nameOf(pin) + " is below the roster's floor " + std::to_string(floor)};
  }
  return {};
}

/// Errors: kFlowArchived. A flow that is not here yet is none.
Status refuseArchived(Journal& journal, const std::string& flow) {
  BELAY_ASSIGN(const auto head, journal.flowHead(flow));
  if (!head) return {};
  BELAY_ASSIGN(const FlowState state, flowState(journal, flow));
  if (!state.archived) return {};
  return Error{ErrorCode::kFlowArchived,
               "flow " + flow + " was archived by " + base::visible(state.archived->by),
               {"belay flow archive " + flow + " --undo"}};
}

}  // namespace

Result<PinChain> pinChain(Journal& journal, std::string_view flow, std::string_view channel) {
  BELAY_ASSIGN(const HostTrust trust, hostTrust(journal));
  BELAY_ASSIGN(std::vector<StatementRow> rows,
               journal.statements(StatementKind::kPin, subjectOf(flow, channel), kPinsLookedAt));
  PinChain out;
  for (StatementRow& row : rows) {
    BELAY_ASSIGN(AcceptedPin accepted, readPin(std::move(row), trust.roster));
    const auto release = releaseOf(journal, accepted.pin.document);
    if (!release && release.error().code != ErrorCode::kPinSize) return release.error();
    if (release && *release) {
      out.inForce = std::move(accepted);
      return out;
    }
    if (!out.waiting) out.waiting = std::move(accepted);
  }
  return out;
}

Result<std::string> channelFollowed(Journal& journal, std::string_view flow) {
  BELAY_ASSIGN(const auto note, journal.meta(channelNote(flow)));
  return note ? *note : Pin{}.channel;
}

Result<PinTaken> takePin(Journal& journal, const trust::Policy& policy, const OwnKey& ownKey,
                         const SignedStatement& statement, const Author& author,
                         std::int64_t nowMs) {
  BELAY_ASSIGN(const Roster roster, rosterInForce(journal));
  BELAY_ASSIGN(const auto believed, statement::verifyPin(statement, roster));
  const Pin& pin = believed.document();
  BELAY_TRY(checkForHost(pin, roster, policy));
  BELAY_TRY(checkSelector(journal, pin, ownKey));
  BELAY_TRY(refuseArchived(journal, pin.flow));
  BELAY_ASSIGN(const auto release, releaseOf(journal, pin));
  StatementRow row = statementRow(StatementKind::kPin, statement, believed.signers(),
                                  roster.pinThreshold, author, nowMs);
  row.subject = subjectOf(pin.flow, pin.channel);
  row.counter = pin.counter;
  BELAY_ASSIGN(const std::vector<StatementRow> before,
               journal.statements(StatementKind::kPin, row.subject, 1));
  const auto end = before.empty() ? std::nullopt : std::optional(chainEndOf(before.front()));
  const auto known =
      statement::checkChain(end, pin.counter, believed.digest(), pin.prev, nameOf(pin));
  if (!known && known.error().code == ErrorCode::kStatementFork) {
    BELAY_TRY(recordFork(journal, std::move(row)));
  }
  if (!known) return known.error();
  if (!*known) BELAY_TRY(journal.addStatement(row));
  BELAY_TRY(journal.setMeta(channelNote(pin.flow), pin.channel));
  PinTaken out{{{pin, *known ? before.front() : std::move(row)}, {}, {}}, *known, {}};
  out.pin.signers = signersOf(out.pin.pin.row);
  if (release) {
    BELAY_ASSIGN(out.live, makeLiveBy(journal, out.pin, *release, nowMs));
  }
  return out;
}

Result<std::optional<Promoted>> settlePin(Journal& journal, const trust::Policy& policy,
                                          std::string_view flow, std::int64_t nowMs) {
  BELAY_ASSIGN(const PinChain chain, pinChain(journal, flow, policy.pinDemand(flow).channel));
  if (!chain.inForce || !chain.inForce->voidBecause.empty()) return std::optional<Promoted>{};
  BELAY_ASSIGN(const auto release, releaseOf(journal, chain.inForce->pin.document));
  BELAY_ASSIGN(const auto newest, journal.lastFlowChange(flow, journal::FlowChange::kReleased));
  // Only what has come now: a release that was here, and was made live by hand since, stays.
  if (!release || !newest || newest->digest != release->digest) return std::optional<Promoted>{};
  BELAY_ASSIGN(Promoted live, makeLiveBy(journal, *chain.inForce, *release, nowMs));
  return std::optional<Promoted>{std::move(live)};
}

Status refuseWithoutPin(const trust::Policy& policy, std::string_view flow) {
  const trust::PinDemand demand = policy.pinDemand(flow);
  if (!demand.required) return {};
  const std::string slug(flow);
  return Error{
      ErrorCode::kPinRequired,
      demand.rule + " of " + demand.source + " wants a signed pin for flow " + slug +
          ": only a pin makes a release of it live",
      {"belay pin create " + slug + " --release N --key FILE --out FILE", "belay pin apply FILE"}};
}

namespace {

/// The pin in force, when it names this content and counts. `why`: who wants that.
Result<AcceptedPin> pinNaming(Journal& journal, const std::string& channel, std::string_view flow,
                              std::string_view digest, const std::string& why) {
  BELAY_ASSIGN(PinChain chain, pinChain(journal, flow, channel));
  const std::string slug(flow);
  if (!chain.inForce || chain.inForce->pin.document.releaseName() != digest) {
    const std::string named =
        chain.inForce ? "the pin in force names " + chain.inForce->pin.document.releaseName()
                      : std::string("no pin is in force");
    return Error{ErrorCode::kPinRequired,
                 why + " only the pinned release of flow " + slug + " run; " + named,
                 {"belay flow show " + slug, "belay pin apply FILE"}};
  }
  if (chain.inForce->voidBecause.empty()) return std::move(*chain.inForce);
  return Error{ErrorCode::kPinVoid,
               nameOf(chain.inForce->pin.document) +
                   " does not count any more: " + chain.inForce->voidBecause,
               {"belay pin apply FILE"}};
}

}  // namespace

Status refuseUnpinned(Journal& journal, const trust::Policy& policy, std::string_view flow,
                      std::string_view digest) {
  const trust::PinDemand demand = policy.pinDemand(flow);
  if (!demand.required) return {};
  const auto pin = pinNaming(journal, demand.channel, flow, digest,
                             demand.rule + " of " + demand.source + " lets");
  return pin ? Status{} : Status{pin.error()};
}

Result<std::int64_t> pinOf(Journal& journal, const trust::Policy& policy, std::string_view flow,
                           std::string_view digest) {
  BELAY_ASSIGN(const AcceptedPin accepted, pinNaming(journal, policy.pinDemand(flow).channel, flow,
                                                     digest, "starters may have"));
  return accepted.pin.document.counter;
}

}  // namespace belay::runtime
