#include "agent/runtime/RemoteStarts.h"

#include <algorithm>
#include <utility>

#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/HostTrust.h"
#include "agent/runtime/Pins.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using journal::StartRow;
using statement::Offer;
using statement::SignedStatement;
using statement::Start;
using statement::StartReceipt;

namespace {

/// Rows without a run: only starters make them, and they go with the end of their statements.
constexpr std::int64_t kWithoutRunMax = 10'000;
constexpr std::size_t kSweptMost = 200;
/// The latest end of a statement that was forgotten.
constexpr std::string_view kEndNote = "starts.end";

std::string triggerOf(const Start& start, const statement::Signer& signer,
                      const std::string& digest, const std::string& by) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("type", "start").member("person", signer.person);
  writer.member("key", start.key).member("start", digest).member("signer", signer.kid);
  writer.member("by", by).endObject();
  return out;
}

/// What is true of a statement whoever has made it, by its form, its names and the roster alone.
bool isSaidToAnybody(ErrorCode refusal) {
  return refusal != ErrorCode::kStatementSignature && refusal != ErrorCode::kStatementInvalid &&
         refusal != ErrorCode::kStatementVersion && refusal != ErrorCode::kStatementKind;
}

}  // namespace

struct RemoteStarts::Asked {
  const Start& start;
  statement::Signer signer;
  std::string digest;
  std::string by;
};

Result<Started> RemoteStarts::take(const SignedStatement& statement,
                                   const statement::Believed<Start>& believed,
                                   const std::string& by) {
  BELAY_TRY(core_.guard().mayBegin());
  // The roster may be another since the signature was looked at.
  BELAY_ASSIGN(const statement::Roster roster, rosterInForce(core_.world().journal));
  BELAY_ASSIGN(const statement::Signer signer, statement::checkStarter(statement, roster));
  const Asked asked{believed.document(), signer, believed.digest().hex(), by};
  BELAY_TRY(check(asked));
  journal::StartTable& table = core_.world().journal.starts();
  BELAY_ASSIGN(const auto before, table.find(asked.digest, signer.person));
  if (before) return repeat(*before);
  BELAY_TRY(sweep());
  BELAY_ASSIGN(const std::int64_t kept, table.withoutRun(kWithoutRunMax));
  if (kept >= kWithoutRunMax) {
    return Error{ErrorCode::kLimit, "this host keeps " + std::to_string(kWithoutRunMax) +
                                        " starts that have not ended: it takes no more of them"};
  }
  StartRow row;
  row.digest = asked.digest;
  row.person = signer.person;
  row.key = asked.start.key;
  row.what = asked.start.what().hex();
  row.atMs = core_.wallMs();
  row.untilMs = asked.start.notAfterMs;
  auto started = begin(asked, row);
  if (!started && endsTransaction(started.error().code)) return started;
  if (started) {
    row.outcome = StartRow::Outcome::kAccepted;
    row.run = started->run.str();
  } else if (started.error().code == ErrorCode::kStartSkipped) {
    row.outcome = StartRow::Outcome::kSkipped;
  } else {
    row.code = base::errorText(started.error().code);
  }
  BELAY_TRY(keep(std::move(row)));
  return started;
}

/// What neither time nor anything on this host changes.
Status RemoteStarts::check(const Asked& asked) {
  BELAY_ASSIGN(const HostTrust trust, hostTrust(core_.world().journal));
  if (asked.start.fleet != trust.fleet)
    return Error{ErrorCode::kStatementFleet, "the start is for another fleet"};
  BELAY_ASSIGN(const crypto::P256PublicKey key, core_.world().hostKey());
  if (asked.start.host != key.thumbprint()) {
    return Error{ErrorCode::kStartHost,
                 "the start is for host " + asked.start.host + "; this is " + key.thumbprint()};
  }
  BELAY_ASSIGN(const HostEpoch* const epoch, core_.guard().epoch());
  if (asked.start.epoch == epoch->text()) return {};
  return Error{ErrorCode::kStartEpoch,
               "the start is for epoch " + base::visible(asked.start.epoch) +
                   " of this host, which has epoch " + epoch->text(),
               {"belay host offer"}};
}

Result<Started> RemoteStarts::begin(const Asked& asked, StartRow& row) {
  World& world = core_.world();
  const Start& start = asked.start;
  BELAY_ASSIGN(const std::int64_t end, latestEnd());
  const std::int64_t nowMs = core_.wallMs();
  if (start.notAfterMs <= std::max(nowMs, end)) {
    return Error{ErrorCode::kStartExpired,
                 "the start ended at " + base::formatInstant(start.notAfterMs)};
  }
  const std::int64_t longest = world.policy.startExpires().count();
  if (start.notAfterMs - nowMs > longest) {
    return Error{ErrorCode::kStartExpired,
                 "the start lives until " + base::formatInstant(start.notAfterMs) +
                     "; here it is " + base::formatInstant(nowMs) +
                     ", and starts.expires of the policy lets it live for " +
                     base::formatDuration(std::chrono::milliseconds{longest})};
  }
  BELAY_TRY(world.policy.checkStart(start.flow, asked.signer.person).status());
  BELAY_ASSIGN(const auto same, world.journal.starts().accepted(asked.signer.person, start.key));
  if (same) {
    if (same->what == row.what) {
      row.runNumber = same->runNumber;
      return repeat(*same);
    }
    return Error{ErrorCode::kStartConflict, "the key " + base::visible(start.key) + " of " +
                                                asked.signer.person +
                                                " has started something else: run " + same->run};
  }
  BELAY_ASSIGN(const FlowVersion version, versionToRun(world.journal, start.flow, "live"));
  const std::string wanted = "sha256:" + start.release.hex();
  if (start.release != crypto::Digest{} && wanted != version.digest) {
    return Error{ErrorCode::kStartRelease, "the start means release " + wanted + " of flow " +
                                               start.flow + "; live here is " + version.digest};
  }
  const auto pin = pinOf(world.journal, world.policy, start.flow, version.digest);
  if (!pin) return pin.error();
  // As an error of a start it would end the transaction of what came with it.
  if (world.journal.fullMode()) return Error{ErrorCode::kStartRefused, diskIsFull().message};
  StartRequest request;
  request.digest = version.digest;
  request.source = version.source;
  request.input = start.input;
  request.triggerJson = triggerOf(start, asked.signer, asked.digest, asked.by);
  request.by = std::string(trust::kStarterPrefix) + asked.signer.person;
  request.requester = request.by;
  BELAY_ASSIGN(Started started, starter_.start(request));
  if (started.skipped)
    return Error{ErrorCode::kStartSkipped,
                 "flow " + start.flow + " was not started: " + whySkipped(started)};
  BELAY_ASSIGN(row.runNumber, world.journal.starts().runNumber(started.run.str()));
  return started;
}

Result<Started> RemoteStarts::repeat(const StartRow& row) const {
  if (row.outcome == StartRow::Outcome::kAccepted) {
    BELAY_ASSIGN(base::RunId run, base::RunId::parse(row.run));
    return Started{.run = std::move(run), .existing = true};
  }
  if (row.outcome == StartRow::Outcome::kSkipped)
    return Error{ErrorCode::kStartSkipped, "the start was skipped before, because of other runs"};
  return Error{base::errorFromText(row.code).value_or(ErrorCode::kStartRefused),
               "the start was refused before (" + row.code + "), which is final",
               {"sign another one"}};
}

Status RemoteStarts::keep(StartRow row) {
  BELAY_TRY(core_.world().journal.starts().add(row));
  core_.world().log.info("start.taken", {{"start", row.digest},
                                         {"person", row.person},
                                         {"outcome", row.code.empty() ? row.run : row.code}});
  return {};
}

/// What is forgotten must not be taken anew by a clock that was set back.
Status RemoteStarts::sweep() {
  journal::Journal& journal = core_.world().journal;
  BELAY_ASSIGN(const std::int64_t last, journal.starts().sweep(core_.wallMs(), kSweptMost));
  BELAY_ASSIGN(const std::int64_t end, latestEnd());
  return last > end ? journal.setMeta(kEndNote, std::to_string(last)) : Status{};
}

Result<std::int64_t> RemoteStarts::latestEnd() {
  BELAY_ASSIGN(const auto note, core_.world().journal.meta(kEndNote));
  const auto end = note ? base::parseUnsigned(*note) : std::nullopt;
  return end ? static_cast<std::int64_t>(*end) : 0;
}

Result<std::optional<StartReceipt>> RemoteStarts::receipt(const SignedStatement& statement,
                                                          const Status& taken) {
  std::optional<StartReceipt> out;
  if (!taken && !isSaidToAnybody(taken.error().code)) return out;
  World& world = core_.world();
  BELAY_ASSIGN(const HostTrust trust, hostTrust(world.journal));
  BELAY_ASSIGN(const crypto::P256PublicKey key, world.hostKey());
  StartReceipt receipt;
  receipt.fleet = trust.fleet;
  receipt.host = key.thumbprint();
  receipt.start = statement.digest();
  receipt.signer = statement.signatures().front().kid();
  receipt.createdMs = core_.wallMs();
  std::optional<StartRow> row;
  if (trust.roster) {
    const auto signer = statement::checkStarter(statement, trust.roster->document);
    if (signer) {
      BELAY_ASSIGN(row, world.journal.starts().find(receipt.start.hex(), signer->person));
    }
  }
  if (row) {
    // The same words each time.
    receipt.outcome = static_cast<StartReceipt::Outcome>(row->outcome);
    receipt.code = row->code;
    receipt.run = row->run;
    receipt.createdMs = row->atMs;
  } else if (!taken) {
    receipt.code = base::errorText(taken.error().code);
  } else {
    return out;
  }
  return std::optional(std::move(receipt));
}

Status RemoteStarts::offerFlow(const std::string& slug, Offer& offer) {
  World& world = core_.world();
  const bool asked = world.policy.startable(slug);
  if (!asked && world.policy.discovery() != trust::Discovery::kAll) return {};
  const auto live = versionToRun(world.journal, slug, "live");
  if (!live && endsTransaction(live.error().code)) return live.error();
  if (!live) return {};
  const auto loaded = core_.flows().get(live->digest);
  if (!loaded && endsTransaction(loaded.error().code)) return loaded.error();
  if (!loaded) return {};
  const auto pin = pinOf(world.journal, world.policy, slug, live->digest);
  if (!pin && endsTransaction(pin.error().code)) return pin.error();
  const bool startable = asked && pin.ok();
  if (!startable && world.policy.discovery() != trust::Discovery::kAll) return {};
  Offer::Flow flow;
  flow.flow = slug;
  constexpr std::string_view kAlgorithm = "sha256:";
  flow.release =
      crypto::Digest::fromHex(live->digest.substr(kAlgorithm.size())).value_or(crypto::Digest{});
  flow.pin = pin ? *pin : 0;
  flow.startable = startable;
  const auto& schema = (*loaded)->flow.input;
  if (schema) flow.input = crypto::sha256(json::print(*schema));
  offer.flows.push_back(std::move(flow));
  return {};
}

Result<std::optional<Offer>> RemoteStarts::offer() {
  World& world = core_.world();
  BELAY_ASSIGN(const HostTrust trust, hostTrust(world.journal));
  if (!trust.roster) return std::optional<Offer>{};
  Offer offer;
  offer.fleet = trust.fleet;
  BELAY_ASSIGN(const crypto::P256PublicKey key, world.hostKey());
  offer.host = key.thumbprint();
  BELAY_ASSIGN(const HostEpoch* const epoch, core_.guard().epoch());
  offer.epoch = epoch->text();
  offer.createdMs = core_.wallMs();
  BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, world.journal.flowHeads());
  for (const journal::FlowHeadRow& head : heads) {
    if (offer.flows.size() == Offer::kFlowsMax) {
      world.log.warning("start.too_many_offered", {{"flows", Offer::kFlowsMax}});
      break;
    }
    BELAY_TRY(offerFlow(head.slug, offer));
  }
  return std::optional(std::move(offer));
}

}  // namespace belay::runtime
