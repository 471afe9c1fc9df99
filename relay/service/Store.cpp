#include "relay/service/Store.h"

#include <algorithm>

#include "common/json/Json.h"
#include "common/json/Writer.h"
#include "common/wire/Protocol.h"
#include "relay/service/Responses.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kSweptMost = 1'000;
/// So often, in its span, is looked for hosts that are gone.
constexpr int kLooksOfSpan = 4;
/// A host that has polled comes again within this time, if it is there.
constexpr milliseconds kBetweenPolls{10'000};
/// After a start hosts come back in their own time.
constexpr milliseconds kBackAfterStart{300'000};

/// After these the transaction is gone.
bool endsTransaction(ErrorCode code) {
  return code == ErrorCode::kDiskFull || code == ErrorCode::kJournalIo ||
         code == ErrorCode::kJournalCorrupt || code == ErrorCode::kJournalForeign ||
         code == ErrorCode::kInternal;
}

Error removed() {
  return Error{ErrorCode::kRelayHost,
               "this host was removed from the relay",
               {"belay link enrol URL --token TOKEN"}};
}

Error fenced() {
  return Error{ErrorCode::kRelayFenced,
               "a newer session of this host has taken over",
               {"belay link status", "look whether two hosts have the same key"}};
}

http::ServerResponse noMessages() { return rawResponse("{\"messages\":[]}"); }

}  // namespace

Store::Store(mailbox::Mailbox& mailbox, StoreSettings settings, const base::Clock& clock,
             Metrics& metrics, log::Log& log)
    : mailbox_(mailbox), settings_(settings), clock_(clock), metrics_(metrics), log_(log) {}

void Store::post(http::Responder responder, Work work) {
  push({std::move(responder), std::move(work), std::nullopt});
}

void Store::poll(http::Responder responder, Poll poll) {
  metrics_.add(Counter::kPolls);
  push({std::move(responder), {}, std::move(poll)});
}

void Store::push(Request request) {
  {
    MutexLock lock(mutex_);
    if (inbox_.size() < settings_.requestsMax) {
      inbox_.push_back(std::move(request));
      ready_.notify_one();
      return;
    }
  }
  request.responder.send(
      errorResponse(Error{ErrorCode::kBusy, "too many requests wait for the store"}));
}

void Store::drain() {
  MutexLock lock(mutex_);
  draining_ = interrupted_ = true;
  ready_.notify_one();
}

void Store::interrupt() {
  MutexLock lock(mutex_);
  interrupted_ = true;
  ready_.notify_one();
}

void Store::wait(std::optional<milliseconds> until) {
  MutexLock lock(mutex_);
  while (inbox_.empty() && !interrupted_) {
    if (!until) {
      ready_.wait(mutex_);
      continue;
    }
    const milliseconds left = *until - clock_.sinceBoot();
    if (left <= milliseconds{0}) break;
    ready_.wait_for(mutex_, left);
  }
  interrupted_ = false;
}

Store::Batch Store::take() {
  MutexLock lock(mutex_);
  const std::size_t count = std::min(inbox_.size(), settings_.batchMax);
  const auto end = inbox_.begin() + static_cast<std::ptrdiff_t>(count);
  Batch batch(std::make_move_iterator(inbox_.begin()), std::make_move_iterator(end));
  inbox_.erase(inbox_.begin(), end);
  return batch;
}

void Store::putBack(Batch&& rest) {
  MutexLock lock(mutex_);
  inbox_.insert(inbox_.begin(), std::make_move_iterator(rest.begin()),
                std::make_move_iterator(rest.end()));
}

Status Store::commit(const Batch& batch, bool draining) {
  const bool owed = std::any_of(batch.begin(), batch.end(),
                                [](const Request& each) { return !each.poll.has_value(); });
  const milliseconds begun = clock_.sinceBoot();
  const bool waited =
      deferred_ > 0 && (draining || deferred_ >= settings_.deferMost || begun >= commitBy_);
  if (!owed && !waited) return {};
  deferred_ = 0;
  BELAY_TRY(mailbox_.commit());
  lastCommit_ = clock_.sinceBoot() - begun;
  metrics_.add(Counter::kCommits);
  return {};
}

void Store::defer() {
  if (deferred_++ == 0) commitBy_ = clock_.sinceBoot() + settings_.deferTime;
}

Result<std::optional<milliseconds>> Store::step() {
  Batch batch = take();
  bool draining = false;
  {
    MutexLock lock(mutex_);
    draining = draining_;
  }
  std::vector<Done> done;
  Status worked = work(batch, done);
  if (worked) worked = commit(batch, draining);
  if (!worked) BELAY_TRY(giveUp(worked.error(), batch, done));
  BELAY_TRY(answer(done));
  bool more = false;
  {
    MutexLock lock(mutex_);
    more = !inbox_.empty();
  }
  expire(draining);
  watchers_.expire(clock_.sinceBoot(), draining);
  BELAY_TRY(sweep());
  BELAY_TRY(lookForGone());
  BELAY_TRY(closeExpired());
  BELAY_TRY(mailbox_.upkeep(!more));
  if (more) return std::optional(clock_.sinceBoot());
  milliseconds next = std::min({nextSweep_, nextLook_, nextExpiry_});
  if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
  if (deferred_ > 0) next = std::min(next, commitBy_);
  next = std::min(next, watchers_.next().value_or(next));
  return std::optional(next);
}

Status Store::work(Batch& batch, std::vector<Done>& done) {
  const milliseconds end = clock_.sinceBoot() + std::max(settings_.batchTime, lastCommit_);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (i > 0 && clock_.sinceBoot() > end) {
      const auto from = batch.begin() + static_cast<std::ptrdiff_t>(i);
      putBack(Batch(std::make_move_iterator(from), std::make_move_iterator(batch.end())));
      batch.erase(from, batch.end());
      return {};
    }
    Request& request = batch[i];
    if (request.poll) {
      BELAY_TRY(takePoll(request, done));
      continue;
    }
    auto outcome = request.work(mailbox_);
    if (outcome) {
      done.push_back({std::move(request.responder), std::move(*outcome)});
      continue;
    }
    if (endsTransaction(outcome.error().code)) return std::move(outcome).error();
    if (outcome.error().code == ErrorCode::kRelayQuota) metrics_.add(Counter::kQuotaRefused);
    done.push_back({std::move(request.responder), {errorResponse(outcome.error()), {}, {}, {}}});
  }
  return {};
}

Status Store::giveUp(const Error& error, Batch& batch, std::vector<Done>& done) {
  mailbox_.rollback();
  deferred_ = 0;
  log_.error("store.failed", error);
  // Nothing of it was acknowledged; whoever asked asks again.
  const bool full = error.code == ErrorCode::kDiskFull;
  const Error shown = full ? error : Error{ErrorCode::kBusy, "the store has failed; try again"};
  for (Done& each : done) each.responder.send(errorResponse(shown));
  for (Request& each : batch) each.responder.send(errorResponse(shown));
  done.clear();
  return full ? Status{} : Status{error};
}

Status Store::answer(std::vector<Done>& done) {
  std::vector<std::string> woken;
  bool changed = false;
  for (Done& each : done) {
    if (each.outcome.onCommitted) each.outcome.onCommitted();
    changed = changed || each.outcome.approvalsChanged;
    if (each.outcome.watch) {
      watchers_.add(std::move(each.responder), each.outcome.watch->after,
                    each.outcome.watch->until);
    } else {
      each.responder.send(std::move(each.outcome.response));
    }
    if (!each.outcome.fenced.empty()) {
      BELAY_ASSIGN(const auto host, mailbox_.host(each.outcome.fenced));
      unpark(each.outcome.fenced, errorResponse(host ? fenced() : removed()));
    }
    woken.insert(woken.end(), std::make_move_iterator(each.outcome.woken.begin()),
                 std::make_move_iterator(each.outcome.woken.end()));
  }
  std::sort(woken.begin(), woken.end());
  woken.erase(std::unique(woken.begin(), woken.end()), woken.end());
  for (const std::string& host : woken) BELAY_TRY(wake(host));
  if (!changed) return {};
  nextExpiry_ = milliseconds{0};
  return watchers_.notify(mailbox_);
}

Status Store::takePoll(Request& request, std::vector<Done>& done) {
  Poll& poll = *request.poll;
  const auto refuse = [&](const Error& error) -> Status {
    if (endsTransaction(error.code)) return error;
    done.push_back({std::move(request.responder), {errorResponse(error), {}, {}, {}}});
    return {};
  };
  const auto host = mailbox_.host(poll.session.host);
  if (!host) return host.error();
  if (!*host) return refuse(removed());
  if ((*host)->epoch != poll.session.epoch) return refuse(fenced());
  if (presence_.seen(poll.session.host, clock_.sinceBoot(), clock_.wallMs()) &&
      !(*host)->connected && settings_.onPresence) {
    const Status told = settings_.onPresence(mailbox_, poll.session.host, true, clock_.wallMs());
    if (!told) return refuse(told.error());
    defer();
  }
  if (poll.acknowledged > (*host)->acked) {
    const Status taken = mailbox_.acknowledge(poll.session.host, poll.acknowledged);
    if (!taken) return refuse(taken.error());
    defer();
  }
  if ((*host)->lastSeq > poll.acknowledged) {
    auto found = collect(poll);
    if (!found) return refuse(found.error());
    if (*found) {
      done.push_back({std::move(request.responder), {std::move(**found), {}, {}, {}}});
      return {};
    }
  }
  park(std::move(request.responder), poll);
  return {};
}

/// What the host has not acknowledged; nothing when there is none.
Result<std::optional<http::ServerResponse>> Store::collect(const Poll& poll) {
  BELAY_ASSIGN(
      const std::vector<mailbox::MessageRow> rows,
      mailbox_.messages(poll.session.host, poll.acknowledged, poll.most, wire::kBatchBytesMax));
  if (rows.empty()) return std::optional<http::ServerResponse>();
  std::string out;
  json::Writer writer(out);
  writer.beginObject().name("messages").beginArray();
  std::uint64_t count = 0;
  for (const mailbox::MessageRow& row : rows) {
    if (count > 0 && out.size() > wire::kBatchBytesMax) break;
    ++count;
    writer.beginObject().member("seq", row.seq).member("kind", row.kind).member("at_ms", row.atMs);
    if (row.kind == wire::kRelease) {
      // Its content is kept once, however many hosts are to have it.
      const auto body = json::parse(row.body);
      const std::string digest = body ? body->text("digest") : "";
      BELAY_ASSIGN(const std::optional<std::string> content, mailbox_.release(digest));
      writer.name("body").beginObject().member("digest", digest);
      writer.member("content", content.value_or("")).endObject();
    } else {
      writer.rawMember("body", row.body);
    }
    writer.endObject();
  }
  writer.endArray().endObject();
  metrics_.add(Counter::kMessagesOut, count);
  return std::optional(rawResponse(std::move(out)));
}

void Store::park(http::Responder responder, const Poll& poll) {
  unpark(poll.session.host, noMessages());
  const milliseconds until = clock_.sinceBoot() + poll.wait;
  const auto at =
      parked_.emplace(poll.session.host, Parked{std::move(responder), poll, until}).first;
  deadlines_.emplace(until, &at->first);
  parkedCount_.store(parked_.size(), std::memory_order_relaxed);
}

void Store::unpark(const std::string& host, http::ServerResponse response) {
  const auto found = parked_.find(host);
  if (found == parked_.end()) return;
  const auto [first, last] = deadlines_.equal_range(found->second.until);
  const auto deadline =
      std::find_if(first, last, [&](const auto& each) { return each.second == &found->first; });
  if (deadline != last) deadlines_.erase(deadline);
  found->second.responder.send(std::move(response));
  parked_.erase(found);
  parkedCount_.store(parked_.size(), std::memory_order_relaxed);
}

Status Store::wake(const std::string& host) {
  const auto found = parked_.find(host);
  if (found == parked_.end()) return {};
  auto response = collect(found->second.poll);
  if (!response && endsTransaction(response.error().code)) return std::move(response).error();
  if (!response)
    unpark(host, errorResponse(response.error()));
  else if (*response)
    unpark(host, std::move(**response));
  return {};
}

void Store::expire(bool all) {
  const milliseconds now = clock_.sinceBoot();
  while (!deadlines_.empty() && (all || deadlines_.begin()->first <= now)) {
    const std::string host = *deadlines_.begin()->second;
    unpark(host, noMessages());
  }
}

Status Store::lookForGone() {
  const milliseconds now = clock_.sinceBoot();
  if (now < nextLook_) return {};
  const bool first = nextLook_ < milliseconds{0};
  nextLook_ = now + settings_.goneAfter / kLooksOfSpan;
  if (!settings_.onPresence) return {};
  if (first) {
    BELAY_ASSIGN(const std::vector<mailbox::HostRow> hosts, mailbox_.hosts());
    for (const mailbox::HostRow& host : hosts) {
      if (host.connected) presence_.expect(host.id, now + kBackAfterStart);
    }
  }
  Status told;
  for (const auto& [host, heard] : presence_.gone(now - settings_.goneAfter)) {
    if (told) told = settings_.onPresence(mailbox_, host, false, heard.wallMs);
  }
  if (told) told = mailbox_.commit();
  if (told) return {};
  mailbox_.rollback();
  log_.error("store.presence_failed", told.error());
  return told.error().code == ErrorCode::kDiskFull ? Status{} : told;
}

Store::Seen Store::seen(const std::string& host) const {
  const Presence::Heard heard = presence_.lastHeard(host);
  if (heard.wallMs == 0) return {};
  const auto parked = parked_.find(host);
  const bool connected = parked != parked_.end() ? parked->second.responder.open()
                                                 : clock_.sinceBoot() - heard.at <= kBetweenPolls;
  return {connected, heard.wallMs};
}

/// Decides nothing: what the host says of it counts, whenever that comes.
Status Store::closeExpired() {
  const milliseconds now = clock_.sinceBoot();
  if (now < nextExpiry_) return {};
  nextExpiry_ = now + settings_.sweepEvery;
  const std::int64_t wallMs = clock_.wallMs();
  auto closed = mailbox_.closeExpired(wallMs, kSweptMost);
  Status told = closed ? Status{} : Status{closed.error()};
  if (closed && settings_.onExpired) {
    for (const std::string& request : *closed) {
      if (told) told = settings_.onExpired(mailbox_, request);
    }
  }
  if (told) told = mailbox_.commit();
  if (!told) {
    mailbox_.rollback();
    log_.error("store.expiry_failed", told.error());
    return told.error().code == ErrorCode::kDiskFull ? Status{} : told;
  }
  BELAY_ASSIGN(const std::optional<std::int64_t> next, mailbox_.nextExpiry());
  if (next) {
    nextExpiry_ =
        std::min(nextExpiry_, now + milliseconds{std::max<std::int64_t>(*next - wallMs, 0)});
  }
  return closed->empty() ? Status{} : watchers_.notify(mailbox_);
}

Status Store::sweep() {
  const milliseconds now = clock_.sinceBoot();
  if (now < nextSweep_) return {};
  nextSweep_ = now + settings_.sweepEvery;
  BELAY_ASSIGN(const mailbox::Totals totals, mailbox_.totals());
  hosts_.store(totals.hosts, std::memory_order_relaxed);
  Status swept = mailbox_.sweep(clock_.wallMs(), kSweptMost);
  if (swept) swept = mailbox_.commit();
  if (swept) return {};
  mailbox_.rollback();
  log_.error("store.sweep_failed", swept.error());
  return swept.error().code == ErrorCode::kDiskFull ? Status{} : swept;
}

}  // namespace belay::service
