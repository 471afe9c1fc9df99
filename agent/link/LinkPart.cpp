#include "agent/link/LinkPart.h"

#include <algorithm>
#include <utility>

#include "agent/journal/ScheduleTable.h"
#include "agent/link/Outgoing.h"
#include "agent/link/PinWaits.h"
#include "agent/runtime/FlowLifecycle.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using journal::OutboxRow;

namespace {

/// What waits for the relay at most; more stays where it is until there is room.
constexpr std::int64_t kOutboxMax = 10'000;
constexpr std::size_t kPerRound = 100;
/// A host that was set back has sent so many more at most.
constexpr std::int64_t kSetBackMost = std::int64_t{1} << 32;
/// Closed callbacks are looked for this often, and only when something has happened.
constexpr std::int64_t kLookMs = 1'000;
constexpr std::size_t kInboxKept = 200;
/// What the relay had no room for is told again after a pause that doubles from here.
constexpr std::int64_t kRetryLeastMs = 5'000;
constexpr int kRetryDoublings = 5;
/// The text of an error that the journal keeps.
constexpr std::size_t kNoteBytesMax = 300;

std::string noteOf(std::string_view message) {
  return std::string(base::wholeCharacters(message, kNoteBytesMax));
}

std::string waitBody(const std::string& wait) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("wait", wait).endObject();
  return out;
}

}  // namespace

Status LinkPart::load() {
  if (standing_) return {};
  BELAY_ASSIGN(Standing read, readStanding(world_.runtime.journal()));
  standing_ = std::move(read);
  changed_ = false;
  closedWanted_ = true;
  if (!standing_->refusal.empty()) retryMs_ = bootMs();
  return {};
}

Status LinkPart::loadFor(const std::string& url) {
  BELAY_TRY(load());
  if (standing_->identity.url == url) return {};
  return Error{ErrorCode::kRelayUrl, "the link is with another relay by now"};
}

Status LinkPart::save() {
  if (!std::exchange(changed_, false)) return {};
  return writeStanding(world_.runtime.journal(), *standing_);
}

void LinkPart::forget() {
  standing_.reset();
  offeredFor_.clear();
  changed_ = false;
}

Status LinkPart::say(std::string_view kind, std::string body) {
  const OutboxRow row{standing_->sent + 1, std::string(kind), std::move(body)};
  BELAY_TRY(table().addOutbox(row, world_.runtime.clock().wallMs()));
  standing_->sent = row.seq;
  changed_ = true;
  world_.outboxGrew();
  return {};
}

Status LinkPart::work() {
  BELAY_TRY(load());
  if (!standing_->linked()) return {};
  BELAY_TRY(retryHeld());
  BELAY_TRY(announceGates());
  BELAY_TRY(announceCallbacks());
  BELAY_TRY(announceClosed());
  BELAY_TRY(announceHooks());
  BELAY_TRY(announceOffer());
  return save();
}

Status LinkPart::announceCallbacks() {
  BELAY_ASSIGN(const std::int64_t last, table().lastWait());
  if (last <= standing_->callbackMark) return {};
  BELAY_ASSIGN(const std::int64_t waiting, table().outboxSize());
  full_ = waiting >= kOutboxMax;
  if (full_) return {};
  BELAY_ASSIGN(const auto rows, table().callbacksAfter(standing_->callbackMark, kPerRound));
  for (const journal::CallbackRow& row : rows) {
    std::string body;
    json::Writer writer(body);
    writer.beginObject().member("route", wire::digestOf(world_.routeOf(row.wait)));
    writer.member("wait", row.wait);
    writer.member("lasts_ms", lastsMs(row.expiresMs, world_.runtime.clock().wallMs())).endObject();
    BELAY_TRY(say(wire::kCallbackOpen, std::move(body)));
    BELAY_TRY(table().addAnnounced(row.wait));
  }
  const bool all = rows.size() < kPerRound;
  const std::int64_t mark = all ? last : rows.back().number;
  // Waits of other kinds are passed over for good with the next callback; until then in memory.
  changed_ = changed_ || !rows.empty();
  standing_->callbackMark = mark;
  return {};
}

Status LinkPart::announceClosed() {
  if (bootMs() < nextLookMs_) {
    closedWanted_ = true;
    return {};
  }
  nextLookMs_ = bootMs() + kLookMs;
  closedWanted_ = false;
  BELAY_TRY(lookAtRoster());
  BELAY_TRY(announceOver(closedWanted_));
  BELAY_ASSIGN(const std::int64_t open, table().announced());
  if (open == 0) return {};
  BELAY_ASSIGN(const std::vector<std::string> closed, table().announcedAndClosed(kPerRound));
  for (const std::string& wait : closed) {
    BELAY_TRY(say(wire::kCallbackClosed, waitBody(wait)));
    BELAY_TRY(table().dropAnnounced(wait));
  }
  closedWanted_ = closedWanted_ || closed.size() == kPerRound;
  return {};
}

Status LinkPart::announceGates() {
  journal::GateTable& gates = world_.runtime.journal().gates();
  BELAY_ASSIGN(const auto rows, gates.untold(kPerRound));
  if (rows.empty()) return {};
  BELAY_ASSIGN(const std::int64_t waiting, table().outboxSize());
  if (waiting >= kOutboxMax) return {};
  for (const journal::GateRow& row : rows) {
    BELAY_TRY(say(wire::kRequest, requestRow(row.request)));
    BELAY_TRY(gates.setTold(row.request, false));
  }
  return {};
}

/// Requests that nobody can answer any more, however they ended.
Status LinkPart::announceOver(bool& more) {
  journal::GateTable& gates = world_.runtime.journal().gates();
  BELAY_ASSIGN(const auto rows, gates.over(kPerRound));
  for (const journal::GateRow& row : rows) {
    const auto request = crypto::Digest::fromHex(row.request);
    if (!request) return Error{ErrorCode::kJournalCorrupt, "a gate has no digest"};
    BELAY_ASSIGN(const auto receipt, world_.runtime.gates().receipt(*request, std::nullopt, {}));
    BELAY_TRY(say(wire::kReceipt, receiptRow(receipt)));
    BELAY_TRY(gates.setTold(row.request, true));
  }
  more = more || rows.size() == kPerRound;
  return {};
}

/// Whoever may answer by a new roster must be able to open what was asked before it.
Status LinkPart::lookAtRoster() {
  journal::Journal& journal = world_.runtime.journal();
  BELAY_ASSIGN(const auto roots, journal.statements(journal::StatementKind::kRoot, "", 1));
  if (const std::int64_t root = roots.empty() ? 0 : roots.front().counter;
      root != standing_->rootMark) {
    standing_->rootMark = root;
    changed_ = true;
    BELAY_TRY(judgeRosters(world_.runtime, world_.log));
  }
  BELAY_ASSIGN(const auto rows, journal.statements(journal::StatementKind::kRoster, "", 1));
  const std::int64_t version = rows.empty() ? 0 : rows.front().counter;
  if (version == standing_->rosterMark) return {};
  standing_->rosterMark = version;
  changed_ = true;
  BELAY_TRY(judgePins(world_.runtime, world_.log));
  BELAY_TRY(journal.gates().forgetTold());
  return announceGates();
}

/// Whoever decided hears what became of it, and that in the transaction that it became so in.
Status LinkPart::sayReceipt(const Inbox::Prepared& prepared, const Status& taken) {
  const auto& statement = prepared.decision->statement;
  if (!statement) return {};
  if (!taken) {
    // Anybody can make what is refused: it has no room of its own.
    BELAY_ASSIGN(const std::int64_t waiting, table().outboxSize());
    if (waiting >= kOutboxMax) return {};
  }
  const auto decision = statement::Decision::parse(statement->unverifiedPayload());
  if (!decision) return {};
  BELAY_ASSIGN(
      const auto receipt,
      world_.runtime.gates().receipt(decision->request, crypto::sha256(statement->lines()), taken));
  return say(wire::kReceipt, receiptRow(receipt));
}

/// In the transaction of its effect: whoever asked hears of it once there is a run, and not before.
Status LinkPart::sayStartReceipt(const Inbox::Prepared& prepared, const Status& taken) {
  const auto& statement = prepared.start->statement;
  if (!statement) return {};
  if (!taken) {
    BELAY_ASSIGN(const std::int64_t waiting, table().outboxSize());
    if (waiting >= kOutboxMax) return {};
  }
  BELAY_ASSIGN(const auto receipt, world_.runtime.starts().receipt(*statement, taken));
  return receipt ? say(wire::kStartReceipt, startReceiptRow(*receipt)) : Status{};
}

/// Follows from the live flows, the statements that this host keeps, its epoch and its policy, of
/// which the last does not change while it runs. Nothing is written while it stays the same.
Status LinkPart::announceOffer() {
  const bool tells = world_.runtime.policy().tellsOfFlows();
  if (!tells && standing_->offer.empty()) return {};
  BELAY_ASSIGN(const runtime::HostEpoch* const epoch, world_.runtime.guard().epoch());
  BELAY_ASSIGN(const std::int64_t statements, table().lastStatement());
  std::string basis = epoch->text() + " " + std::to_string(statements) + " " +
                      std::to_string(standing_->changeMark);
  if (basis == offeredFor_) return {};
  BELAY_ASSIGN(auto offer, world_.runtime.starts().offer());
  if (offer && !tells) offer->flows.clear();
  std::string digest;
  if (offer && (!offer->flows.empty() || !standing_->offer.empty())) {
    const std::int64_t createdMs = std::exchange(offer->createdMs, 0);
    digest = crypto::sha256(offer->print()).hex();
    offer->createdMs = createdMs;
    if (digest != standing_->offer) BELAY_TRY(say(wire::kOffer, offerRow(*offer)));
  }
  changed_ = changed_ || digest != standing_->offer;
  standing_->offer = std::move(digest);
  offeredFor_ = std::move(basis);
  return {};
}

Status LinkPart::announceHooks() {
  BELAY_ASSIGN(const auto flows,
               world_.runtime.journal().schedules().flowsChangedAfter(standing_->changeMark));
  if (flows.last <= standing_->changeMark && !standing_->hooks.empty()) return {};
  BELAY_ASSIGN(std::string hooks, hooksJson());
  standing_->changeMark = flows.last;
  changed_ = true;
  if (hooks == standing_->hooks) return {};
  BELAY_TRY(say(wire::kHooks, hooks));
  standing_->hooks = std::move(hooks);
  return {};
}

/// {"hooks":["flow.name", …]} of all live flows.
Result<std::string> LinkPart::hooksJson() {
  journal::Journal& journal = world_.runtime.journal();
  BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, journal.flowHeads());
  std::string out;
  json::Writer writer(out);
  writer.beginObject().name("hooks").beginArray();
  std::size_t count = 0;
  for (const journal::FlowHeadRow& head : heads) {
    const auto live = runtime::versionToRun(journal, head.slug, "live");
    if (!live && runtime::endsTransaction(live.error().code)) return live.error();
    if (!live) continue;
    const auto loaded = world_.runtime.flows().get(live->digest);
    if (!loaded && runtime::endsTransaction(loaded.error().code)) return loaded.error();
    if (!loaded) continue;
    for (const flow::WebhookTrigger& hook : (*loaded)->flow.triggers.webhooks) {
      if (++count > wire::kHooksMax) continue;
      writer.string(head.slug + "." + hook.name);
    }
  }
  writer.endArray().endObject();
  if (count > wire::kHooksMax) {
    world_.log.warning("link.too_many_hooks", {{"hooks", count}, {"told", wire::kHooksMax}});
  }
  return out;
}

runtime::NextStep LinkPart::next() const {
  runtime::NextStep next;
  if (!standing_ || !standing_->linked()) return next;
  // What was opened after work() of this round, by the steps that it started.
  const auto last = table().lastWait();
  next.now = !full_ && last && *last > standing_->callbackMark;
  if (closedWanted_) next.bootMs = nextLookMs_;
  if (retryMs_) next.bootMs = std::min(next.bootMs.value_or(*retryMs_), *retryMs_);
  return next;
}

Result<Standing> LinkPart::standing() {
  BELAY_TRY(load());
  return *standing_;
}

std::string LinkPart::callbackUrl(const std::string& wait) {
  if (!load() || !standing_->linked()) return {};
  return standing_->identity.url + "/c/" + world_.routeOf(wait);
}

Status LinkPart::announceAll() {
  BELAY_TRY(table().forgetAnnounced());
  BELAY_TRY(world_.runtime.journal().gates().forgetTold());
  standing_->refusal.clear();
  standing_->callbackMark = 0;
  standing_->changeMark = 0;
  standing_->hooks.clear();
  standing_->offer.clear();
  offeredFor_.clear();
  changed_ = true;
  return {};
}

Status LinkPart::enrolled(const Identity& identity) {
  BELAY_TRY(load());
  const bool another = standing_->identity.url != identity.url;
  standing_->identity = identity;
  standing_->enrolledMs = world_.runtime.clock().wallMs();
  // A mailbox that is new numbers its messages anew; this host's own numbers never go back.
  if (another || identity.fresh) standing_->received = 0;
  BELAY_TRY(announceAll());
  BELAY_TRY(save());
  world_.log.info("link.enrolled", {{"relay", identity.url}, {"host", identity.host}});
  return {};
}

Status LinkPart::unlink() {
  BELAY_TRY(load());
  standing_->identity = {};
  standing_->received = 0;
  BELAY_TRY(table().dropOutbox(standing_->sent));
  standing_->handed = standing_->sent;
  full_ = false;
  BELAY_TRY(announceAll());
  return save();
}

Status LinkPart::sessionOpened(const std::string& url, std::int64_t received) {
  BELAY_TRY(loadFor(url));
  if (received < standing_->handed) {
    // Its store is older than what it had acknowledged.
    world_.log.warning("link.relay_forgot",
                       {{"relay_has", received}, {"it_had", standing_->handed}});
    standing_->handed = received;
    BELAY_TRY(announceAll());
  }
  if (received > standing_->sent + kSetBackMost) {
    // Nobody has sent so many: with numbers from there on no relay would ever take a message.
    return Error{ErrorCode::kHttpProtocol,
                 "the relay says that it has message " + std::to_string(received) +
                     " of this host, which has made " + std::to_string(standing_->sent)};
  }
  if (received > standing_->sent) {
    // It may lie; or this host was set back. Its next numbers must be new ones either way.
    world_.log.error("link.set_back",
                     Error{ErrorCode::kConflict,
                           "the relay says that it has message " + std::to_string(received) +
                               " of this host, which has made " + std::to_string(standing_->sent)});
    standing_->sent = received;
    BELAY_TRY(announceAll());
  }
  return save();
}

Status LinkPart::take(const std::string& url, const std::vector<Inbox::Prepared>& messages) {
  BELAY_TRY(loadFor(url));
  putOff_ = false;
  for (const Inbox::Prepared& prepared : messages) {
    const Incoming& message = prepared.message;
    if (message.seq <= standing_->received) continue;
    // Who has sent it was told that it arrives: it waits at the relay, and what is behind it.
    putOff_ = message.kind == wire::kWebhook && world_.runtime.journal().fullMode();
    if (putOff_) break;
    const Status taken = world_.inbox.take(world_.runtime, prepared);
    if (!taken && runtime::endsTransaction(taken.error().code)) return taken;
    journal::InboxRow row{
        message.seq, noteOf(message.kind), {}, {}, world_.runtime.clock().wallMs()};
    if (!taken) {
      ++refused_;
      row.outcome = base::errorText(taken.error().code);
      row.note = noteOf(taken.error().message);
      world_.log.error("link.message_refused", taken.error(),
                       {{"kind", row.kind}, {"seq", message.seq}});
    }
    if (prepared.decision) BELAY_TRY(sayReceipt(prepared, taken));
    if (prepared.start) BELAY_TRY(sayStartReceipt(prepared, taken));
    BELAY_TRY(table().addInbox(row, kInboxKept));
    standing_->received = message.seq;
    ++standing_->processed;
    changed_ = true;
  }
  return save();
}

Result<std::vector<OutboxRow>> LinkPart::outbox() {
  BELAY_TRY(load());
  return table().outbox(0, wire::kBatchMessagesMax);
}

/// True when something of it is to be told again.
Result<bool> LinkPart::hold(std::int64_t upTo, const std::vector<RelayClient::Refusal>& refused) {
  bool held = false;
  for (const RelayClient::Refusal& each : refused) {
    if (each.code != base::errorText(ErrorCode::kRelayQuota) || each.seq > upTo) continue;
    BELAY_ASSIGN(const std::vector<OutboxRow> rows, table().outbox(each.seq - 1, 1));
    if (rows.empty() || rows.front().seq != each.seq) continue;
    const OutboxRow& row = rows.front();
    BELAY_ASSIGN(const json::Value body, json::parse(row.body));
    if (row.kind == wire::kRequest) {
      BELAY_TRY(table().holdRequest(body.text("request")));
    } else if (row.kind == wire::kCallbackOpen) {
      BELAY_TRY(table().dropAnnounced(body.text("wait")));
    } else {
      continue;
    }
    held = true;
    standing_->refusal = noteOf(each.message);
    standing_->refusalCode = each.code;
    standing_->refusalMs = world_.runtime.clock().wallMs();
  }
  return held;
}

Status LinkPart::retryHeld() {
  if (!retryMs_ || bootMs() < *retryMs_) return {};
  retryMs_.reset();
  BELAY_ASSIGN(const std::int64_t requests, table().heldRequests());
  BELAY_ASSIGN(const std::int64_t callbacks, table().heldCallbacks());
  if (requests > 0) BELAY_TRY(table().retryRequests(kPerRound));
  if (callbacks > 0) standing_->callbackMark = 0;
  if (requests + callbacks == 0) standing_->refusal.clear();
  changed_ = true;
  return {};
}

Status LinkPart::handed(const std::string& url, std::int64_t seq,
                        const std::vector<RelayClient::Refusal>& refused) {
  BELAY_TRY(loadFor(url));
  const std::int64_t upTo = std::min(seq, standing_->sent);
  if (upTo <= standing_->handed) return {};
  BELAY_ASSIGN(const bool held, hold(upTo, refused));
  if (held && !retryMs_) {
    retryMs_ = bootMs() + (kRetryLeastMs << retries_);
    retries_ = std::min(retries_ + 1, kRetryDoublings);
  } else if (!held && !standing_->refusal.empty()) {
    // What was taken may have made room, as the end of a request does.
    const std::int64_t soon = bootMs() + kRetryLeastMs;
    retryMs_ = std::min(retryMs_.value_or(soon), soon);
    retries_ = 0;
  }
  BELAY_TRY(table().dropOutbox(upTo));
  full_ = false;
  standing_->handed = upTo;
  changed_ = true;
  return save();
}

}  // namespace belay::link
