#include <utility>

#include "agent/api/Trusting.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Result;
using json::Value;
using statement::Root;
using statement::Roster;

namespace {

constexpr std::size_t kForksShown = 20;
constexpr std::int64_t kMsOfSecond = 1000;

Value rowToJson(const journal::StatementRow& row, std::int64_t createdMs) {
  Value out;
  out.set("version", row.counter).set("digest", row.digest);
  out.set("created_at", base::formatInstant(createdMs))
      .set("accepted_at", base::formatInstant(row.atMs))
      .set("accepted_by", row.by);
  return out;
}

Value rootToJson(const runtime::InForce<Root>& root) {
  Value out = rowToJson(root.row, root.document.createdMs);
  out.set("threshold", root.document.threshold);
  json::Array keys;
  for (const Root::Key& key : root.document.keys) {
    Value each;
    each.set("key", key.key.thumbprint()).set("person", key.person);
    keys.push_back(std::move(each));
  }
  out.set("keys", std::move(keys));
  return out;
}

Value keysToJson(const Roster& roster) {
  json::Array keys;
  for (const Roster::Key& key : roster.keys) {
    Value each;
    each.set("key", key.key.thumbprint()).set("role", statement::roleName(key.role));
    each.set("class", statement::keyClassName(key.keyClass)).set("person", key.person);
    each.set("revoked", roster.revocationOf(key.key.thumbprint()) != nullptr);
    keys.push_back(std::move(each));
  }
  return Value(std::move(keys));
}

Value rosterToJson(const runtime::InForce<Roster>& inForce, std::int64_t nowMs) {
  const Roster& roster = inForce.document;
  Value out = rowToJson(inForce.row, roster.createdMs);
  out.set("max_age_s", roster.maxAgeS);
  out.set("stale", nowMs / kMsOfSecond - roster.createdMs / kMsOfSecond > roster.maxAgeS);
  out.set("pin_threshold", roster.pinThreshold).set("upgrade_threshold", roster.upgradeThreshold);
  out.set("keys", keysToJson(roster));
  json::Array revocations;
  for (const Roster::Revocation& each : roster.revocations) {
    Value revocation;
    revocation.set("key", each.key).set("reason", each.reason);
    revocation.set("mode", each.mode == Roster::Mode::kVoid ? "void" : "from_now");
    revocations.push_back(std::move(revocation));
  }
  out.set("revocations", std::move(revocations));
  json::Array floors;
  for (const Roster::Floor& each : roster.floors) {
    Value floor;
    floor.set("flow", each.flow).set("channel", each.channel).set("counter", each.counter);
    floors.push_back(std::move(floor));
  }
  out.set("pin_floors", std::move(floors));
  return out;
}

/// A card that is there, or why the one that was installed does not count any more.
Value cardToJson(const Result<std::optional<statement::Card>>& card) {
  Value out;
  if (!card) return out.set("void", card.error().message);
  json::Array groups;
  for (const std::string& group : (*card)->groups) groups.emplace_back(group);
  out.set("host", (*card)->host()).set("label", (*card)->label).set("groups", std::move(groups));
  return out.set("counter", (*card)->counter);
}

Value forkToJson(const journal::StatementRow& row) {
  Value out;
  const bool root = row.kind == journal::StatementKind::kRoot;
  out.set("kind", root ? "root" : row.kind == journal::StatementKind::kPin ? "pin" : "roster");
  out.set("chain", row.subject).set("counter", row.counter).set("digest", row.digest);
  out.set("at", base::formatInstant(row.atMs)).set("by", row.by);
  return out;
}

}  // namespace

Value trustToJson(journal::Journal& journal, const runtime::HostTrust& trust, std::int64_t nowMs) {
  Value out;
  if (trust.root) {
    out.set("fleet", trust.fleet.hex()).set("name", trust.root->document.name);
    out.set("root", rootToJson(*trust.root));
  }
  if (trust.roster) out.set("roster", rosterToJson(*trust.roster, nowMs));
  const auto card = runtime::installedCard(journal);
  if (!card || *card) out.set("card", cardToJson(card));
  return out;
}

Value pinToJson(const runtime::AcceptedPin& accepted) {
  const statement::Pin& pin = accepted.pin.document;
  Value out;
  out.set("channel", pin.channel)
      .set("counter", pin.counter)
      .set("digest", accepted.pin.row.digest);
  out.set("release", pin.releaseName()).set("size", pin.size);
  json::Array signers;
  for (const statement::Signer& signer : accepted.signers) signers.emplace_back(signer.person);
  out.set("signers", std::move(signers)).set("created_at", base::formatInstant(pin.createdMs));
  out.set("accepted_at", base::formatInstant(accepted.pin.row.atMs))
      .set("accepted_by", accepted.pin.row.by);
  if (!accepted.voidBecause.empty()) out.set("void", accepted.voidBecause);
  return out;
}

base::Status addPins(ReadContext& context, const std::string& flow, Value& out) {
  BELAY_ASSIGN(const std::string channel, runtime::channelFollowed(context.journal, flow));
  BELAY_ASSIGN(const runtime::PinChain chain, runtime::pinChain(context.journal, flow, channel));
  if (chain.inForce) out.set("pin", pinToJson(*chain.inForce));
  if (chain.waiting) out.set("pin_waiting", pinToJson(*chain.waiting));
  return {};
}

Result<Value> readTrust(ReadContext& context, const ReadArguments&) {
  BELAY_ASSIGN(const runtime::HostTrust trust, runtime::hostTrust(context.journal));
  BELAY_ASSIGN(const auto rows, context.journal.forks(kForksShown));
  json::Array forks;
  for (const journal::StatementRow& row : rows) forks.push_back(forkToJson(row));
  Value out;
  out.set("trust",
          trustToJson(context.journal, trust, context.nowMs).set("forks", std::move(forks)));
  return out;
}

}  // namespace belay::api
