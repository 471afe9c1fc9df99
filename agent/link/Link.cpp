#include "agent/link/Link.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/link/Outgoing.h"
#include "agent/link/SessionProof.h"
#include "agent/runtime/HostTrust.h"
#include "common/base/Text.h"
#include "common/json/Writer.h"
#include "common/wire/Protocol.h"

namespace belay::link {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Nobody is asked more often than this, whatever window a relay gives.
constexpr milliseconds kPauseLeast{200};
constexpr milliseconds kPauseMost{300'000};
/// Without a link nothing is done until somebody enrols this host.
constexpr milliseconds kUnlinkedPause{24 * 3'600'000};
/// After so many failures the window grows no more.
constexpr int kDoublingsMost = 8;
/// Two machines with one key would else fence each other without end.
constexpr milliseconds kFencedPause{60'000};
/// A poll that broke after so long was cut by somebody on the way.
constexpr seconds kCutAfter{5};
constexpr seconds kWaitLeast{10};
constexpr milliseconds kLoopLook{200};
constexpr milliseconds kPollLeast{1'000};
/// What waits for room on the disk is asked for again after this.
constexpr milliseconds kRoomPause{5'000};
constexpr milliseconds kPaceLogEvery{60'000};

struct PhaseRow {
  LinkState::Phase phase;
  std::string_view name;
};
constexpr std::array<PhaseRow, 6> kPhases{{{LinkState::Phase::kUnlinked, "unlinked"},
                                           {LinkState::Phase::kConnecting, "connecting"},
                                           {LinkState::Phase::kConnected, "connected"},
                                           {LinkState::Phase::kWaiting, "waiting"},
                                           {LinkState::Phase::kFenced, "fenced"},
                                           {LinkState::Phase::kQuarantined, "quarantined"}}};

/// The session is of no more use.
bool endsSession(ErrorCode code) {
  return code == ErrorCode::kRelayCredential || code == ErrorCode::kRelayFenced ||
         code == ErrorCode::kRelayHost;
}

/// Of the texts of a message, which are nearly all of it.
std::size_t bytesOf(const Incoming& message) {
  std::size_t out = message.kind.size();
  for (const json::Member& member : message.body.asObject()) {
    if (member.second.isString()) out += member.second.asString().size();
  }
  return out;
}

std::string batchJson(const std::vector<journal::OutboxRow>& rows, std::int64_t& last) {
  std::string out;
  json::Writer writer(out);
  writer.beginArray();
  for (const journal::OutboxRow& row : rows) {
    if (last != 0 && out.size() + row.body.size() > wire::kBatchBytesMax) break;
    writer.beginObject().member("seq", row.seq).member("kind", row.kind);
    writer.rawMember("body", row.body).endObject();
    last = row.seq;
  }
  writer.endArray();
  return out;
}

}  // namespace

std::string_view phaseName(LinkState::Phase phase) {
  return kPhases.at(static_cast<std::size_t>(phase)).name;
}

Link::Link(World world, seconds pollWait)
    : world_(std::move(world)),
      wait_(pollWait),
      uploads_({world_.readArtifact, world_.clock, world_.random, world_.log,
                // What people wait for goes before the next part.
                [this]() -> Status {
                  if (stopping()) return Error{ErrorCode::kCancelled, "the link ends"};
                  const auto open = session();
                  return open && open->number == uploadSession_ ? sendAll(*open) : Status{};
                }}) {}

Link::~Link() { stop(); }

void Link::start() {
  polls_ = std::thread([this] { runPolls(); });
  sends_ = std::thread([this] { runSends(); });
}

void Link::stop() {
  cancel_.cancel();
  {
    MutexLock lock(mutex_);
    changed_.notify_all();
  }
  if (polls_.joinable()) polls_.join();
  if (sends_.joinable()) sends_.join();
}

LinkState Link::state() const {
  MutexLock lock(mutex_);
  return state_;
}

void Link::outboxGrew() {
  MutexLock lock(mutex_);
  wanted_ = true;
  changed_.notify_all();
}

void Link::report(LinkState::Phase phase, const Error* error) {
  MutexLock lock(mutex_);
  const std::int64_t nowMs = world_.clock.wallMs();
  if (state_.phase != phase) state_.sinceMs = nowMs;
  state_.phase = phase;
  if (phase == LinkState::Phase::kConnected) ++state_.sessions;
  if (!error) return;
  state_.lastError = *error;
  state_.lastErrorMs = nowMs;
}

std::optional<Link::Session> Link::session() const {
  MutexLock lock(mutex_);
  return session_;
}

void Link::dropSession(std::uint64_t number) {
  MutexLock lock(mutex_);
  if (session_ && session_->number == number) session_.reset();
  changed_.notify_all();
}

Status Link::onLoop(std::function<Status(runtime::Runtime&)> work) {
  struct Answer {
    base::Mutex mutex;
    base::ConditionVariable ready;
    std::optional<Status> status BELAY_GUARDED_BY(mutex);
  };
  // Shared with the task, which may outlive this call.
  const auto answer = std::make_shared<Answer>();
  const auto tell = [answer](const Status& status) {
    MutexLock lock(answer->mutex);
    answer->status = status;
    answer->ready.notify_all();
  };
  const bool posted = world_.loop.post(
      [work = std::move(work), tell](runtime::Runtime& runtime, std::vector<runtime::Ack>& acks) {
        const Status done = work(runtime);
        if (done) {
          acks.push_back(tell);
          return Status{};
        }
        acks.push_back([tell, error = done.error()](const Status&) { tell(error); });
        return runtime::endsTransaction(done.error().code) ? done : Status{};
      });
  if (!posted) return Error{ErrorCode::kBusy, "the daemon's loop has too much to do"};
  MutexLock lock(answer->mutex);
  while (!answer->status && !stopping()) answer->ready.wait_for(answer->mutex, kLoopLook);
  if (!answer->status) return Error{ErrorCode::kCancelled, "the link ends"};
  return *answer->status;
}

void Link::sleepFor(milliseconds length) {
  const milliseconds until = world_.clock.sinceBoot() + length;
  MutexLock lock(mutex_);
  while (!stopping() && !woken_) {
    const milliseconds left = until - world_.clock.sinceBoot();
    if (left <= milliseconds{0}) return;
    changed_.wait_for(mutex_, left);
  }
}

/// Full jitter: anywhere in the window, which doubles with every failure but the first: that is met
/// by whoever comes while the relay is beginning.
milliseconds Link::pause(int failures) {
  const milliseconds window = std::min<milliseconds>(
      kPauseMost, milliseconds{window_} * (1 << std::clamp(failures - 1, 0, kDoublingsMost)));
  std::array<std::uint8_t, 4> bytes{};
  world_.random.fill(bytes);
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  const auto span = static_cast<std::uint64_t>(std::max(window, kPauseLeast).count());
  return std::max(kPauseLeast, milliseconds{static_cast<std::int64_t>(number % span)});
}

void Link::runPolls() {
  ::pthread_setname_np(::pthread_self(), "link");
  std::optional<flow::SyntaxCheck> syntax;
  int failures = 0;
  while (!stopping()) {
    Status done;
    if (const auto open = session()) {
      done = pollOnce(*open, syntax);
      if (done) {
        failures = 0;
        continue;
      }
      dropSession(open->number);
    } else {
      {
        MutexLock lock(mutex_);
        woken_ = false;
      }
      done = connect();
      if (done) continue;
    }
    if (stopping()) return;
    const Error& error = done.error();
    if (error.code == ErrorCode::kLinkNone) {
      report(LinkState::Phase::kUnlinked);
      sleepFor(kUnlinkedPause);
    } else if (error.code == ErrorCode::kHostQuarantined) {
      report(LinkState::Phase::kQuarantined, &error);
      sleepFor(kUnlinkedPause);
    } else {
      const bool fenced = error.code == ErrorCode::kRelayFenced;
      report(fenced ? LinkState::Phase::kFenced : LinkState::Phase::kWaiting, &error);
      world_.log.error(fenced ? "link.fenced" : "link.lost", error);
      // A relay that was restarted knows no session: that is no failure of its own.
      sleepFor(fenced ? kFencedPause + pause(0) : pause(failures++));
    }
  }
}

Result<Link::Opening> Link::prepareSession() {
  // Shared with the task: the link may end before the loop comes to it.
  const auto opening = std::make_shared<Opening>();
  const runtime::MachineFacts machine = world_.machine();
  const Status done = onLoop([this, opening, machine](runtime::Runtime& runtime) -> Status {
    BELAY_ASSIGN(const Standing standing, world_.part.standing());
    if (!standing.linked()) {
      return Error{ErrorCode::kLinkNone, "this host has no link to a relay"};
    }
    opening->url = standing.identity.url;
    runtime::HostGuard& guard = runtime.guard();
    BELAY_TRY(guard.checkMachine(machine));
    BELAY_ASSIGN(const bool quarantined, guard.quarantined());
    // The number 0: there will be none.
    opening->facts.number = 0;
    if (quarantined) return {};
    BELAY_ASSIGN(const runtime::HostTrust trust, runtime::hostTrust(runtime.journal()));
    if (trust.root) opening->facts.fleet = trust.fleet.hex();
    BELAY_ASSIGN(opening->facts.number, guard.numberSession());
    BELAY_ASSIGN(const runtime::HostEpoch* const epoch, guard.epoch());
    opening->facts.epoch = epoch->text();
    opening->facts.sent = standing.sent;
    BELAY_ASSIGN(const journal::HostChainEnd chain, runtime.journal().hostChainEnd());
    opening->facts.ended = static_cast<std::int64_t>(chain.runs);
    opening->facts.head = crypto::Digest{chain.hash};
    return {};
  });
  if (!done) return done.error();
  if (opening->facts.number != 0) return *opening;
  return Error{ErrorCode::kHostQuarantined,
               "this host is in quarantine",
               {"belay host show", "belay host release-quarantine"}};
}

Status Link::weigh(const SessionGrant& grant, const crypto::P256PublicKey& key,
                   std::int64_t number) {
  return onLoop([this, grant, key, number](runtime::Runtime& runtime) -> Status {
    runtime::HostGuard& guard = runtime.guard();
    BELAY_ASSIGN(const runtime::HostEpoch* const epoch, guard.epoch());
    const SessionProof proof = weighSession(grant.previous, key, *epoch, number, grant.statement);
    if (proof.kind == SessionProof::Kind::kLater) {
      return guard.quarantine("session", proof.message, std::max(number, proof.number));
    }
    if (proof.kind == SessionProof::Kind::kUnproved) {
      world_.log.error("link.session_unproved", Error{ErrorCode::kStatementInvalid, proof.message});
    }
    return guard.sessionGranted(number, statementDigest(grant.statement));
  });
}

Status Link::connect() {
  report(LinkState::Phase::kConnecting);
  BELAY_ASSIGN(Opening opening, prepareSession());
  const std::string& url = opening.url;
  BELAY_ASSIGN(const crypto::P256PrivateKey key, world_.hostKey());
  RelayClient relay(world_.send, &cancel_);
  if (url == reconnectUrl_) opening.facts.reconnectKey = reconnectKey_;
  BELAY_ASSIGN(const SessionGrant grant, relay.openSession(url, key, opening.facts));
  reconnectUrl_ = url;
  reconnectKey_ = grant.reconnectKey;
  BELAY_TRY(weigh(grant, key.publicKey(), opening.facts.number));
  const Status opened =
      onLoop([this, url, received = grant.received](runtime::Runtime& runtime) -> Status {
        // Nothing is taken from a relay while it is doubtful which of two hosts it is for.
        BELAY_TRY(runtime.guard().mayBegin());
        return world_.part.sessionOpened(url, received);
      });
  if (!opened) return opened;
  window_ = std::max(seconds{1}, grant.reconnectWindow);
  {
    MutexLock lock(mutex_);
    session_ = Session{url, grant.bearer, grant.pollMax, ++sessions_};
    wanted_ = true;
    changed_.notify_all();
  }
  report(LinkState::Phase::kConnected);
  world_.log.info("link.connected", {{"relay", url}});
  return {};
}

Status Link::pollOnce(const Session& session, std::optional<flow::SyntaxCheck>& syntax) {
  const auto standing = std::make_shared<Standing>();
  BELAY_TRY(onLoop([this, standing](runtime::Runtime&) -> Status {
    BELAY_ASSIGN(*standing, world_.part.standing());
    return {};
  }));
  RelayClient relay(world_.send, &cancel_);
  const milliseconds begun = world_.clock.sinceBoot();
  const seconds wait = std::min(wait_, session.pollMax);
  auto messages = relay.poll(session.url, session.bearer, standing->received, wait);
  if (!messages) {
    const bool cut = messages.error().code == ErrorCode::kConnect &&
                     world_.clock.sinceBoot() - begun > kCutAfter;
    // Somewhat less than what was let pass: half of it would ask more often than need be.
    const auto lasted = std::chrono::floor<seconds>(world_.clock.sinceBoot() - begun);
    if (cut) wait_ = std::max(kWaitLeast, std::min(wait_, lasted) * 4 / 5);
    return messages.error();
  }
  if (messages->empty()) {
    // A relay that answers at once, with nothing, must not keep this host busy.
    if (world_.clock.sinceBoot() - begun < kPollLeast) sleepFor(kPollLeast);
    return {};
  }
  // An interpreter costs memory: a host without a link, or without messages, needs none.
  if (!syntax) syntax = world_.makeSyntaxCheck();
  milliseconds pause{0};
  BELAY_TRY(takeMessages(session, std::move(*messages), *syntax, pause));
  if (pause > milliseconds{0}) sleepFor(pause);
  return {};
}

Status Link::takeMessages(const Session& session, std::vector<Incoming>&& messages,
                          const flow::SyntaxCheck& syntax, milliseconds& wait) {
  cutBehindRoster(messages);
  // Shared with the task: the link may end before the loop comes to it.
  const auto shared = std::make_shared<std::vector<Incoming>>(std::move(messages));
  const auto known = std::make_shared<KnownRequests>();
  if (std::any_of(shared->begin(), shared->end(), [](const Incoming& message) {
        return isDecision(message) || isStart(message);
      })) {
    BELAY_TRY(onLoop([known, shared](runtime::Runtime& runtime) -> Status {
      BELAY_ASSIGN(*known, knownRequests(runtime, *shared));
      return {};
    }));
  }
  std::vector<Inbox::Prepared> prepared;
  for (Incoming& message : *shared) {
    const milliseconds now = world_.clock.sinceBoot();
    wait = budget_.take(message.kind, bytesOf(message), now);
    if (wait > milliseconds{0}) {
      if (now >= nextPaceLog_) {
        nextPaceLog_ = now + kPaceLogEvery;
        world_.log.warning("link.over_budget", {{"kind", base::visible(message.kind).substr(0, 60)},
                                                {"wait_ms", wait.count()}});
      }
      break;
    }
    prepared.push_back(Inbox::prepare(std::move(message), syntax, *known, world_.hostKey));
  }
  if (prepared.empty()) return {};
  struct Outcome {
    std::size_t refused = 0;
    bool putOff = false;
  };
  const auto outcome = std::make_shared<Outcome>();
  BELAY_TRY(onLoop([this, outcome, url = session.url,
                    prepared = std::move(prepared)](runtime::Runtime&) -> Status {
    const std::size_t before = world_.part.refused();
    const Status taken = world_.part.take(url, prepared);
    outcome->refused = world_.part.refused() - before;
    outcome->putOff = world_.part.putOff();
    return taken;
  }));
  budget_.refused(outcome->refused, world_.clock.sinceBoot());
  if (outcome->putOff) wait = std::max(wait, kRoomPause);
  return {};
}

std::optional<Link::Session> Link::awaitWork() {
  MutexLock lock(mutex_);
  while (!stopping() && !(session_ && wanted_)) {
    const auto retryAt = uploads_.retryAt();
    if (!session_ || !retryAt) {
      changed_.wait(mutex_);
      continue;
    }
    const milliseconds left = *retryAt - world_.clock.sinceBoot();
    if (left <= milliseconds{0}) break;
    changed_.wait_for(mutex_, left);
  }
  if (stopping()) return std::nullopt;
  wanted_ = false;
  return session_;
}

Status Link::sendAll(const Session& session) {
  bool more = true;
  while (more && !stopping()) BELAY_TRY(sendOnce(session, more));
  return {};
}

void Link::runSends() {
  ::pthread_setname_np(::pthread_self(), "link-send");
  while (const auto open = awaitWork()) {
    Status done = sendAll(*open);
    if (done) done = upload(*open);
    if (done || stopping()) continue;
    world_.log.error("link.send_failed", done.error());
    if (endsSession(done.error().code)) dropSession(open->number);
    {
      MutexLock lock(mutex_);
      wanted_ = true;
    }
    sleepFor(kPauseLeast * 5);
  }
}

Status Link::upload(const Session& session) {
  if (uploadSession_ != session.number) {
    uploadSession_ = session.number;
    uploads_.begin();
    uploadsWanted_ = true;
  }
  if (const auto retryAt = uploads_.retryAt(); retryAt && *retryAt <= world_.clock.sinceBoot()) {
    uploads_.retry();
    uploadsWanted_ = true;
  }
  RelayClient relay(world_.send, &cancel_);
  // Shared with the task: the link may end before the loop comes to it.
  struct Page {
    std::string after;
    std::vector<Upload> uploads;
  };
  const auto page = std::make_shared<Page>();
  // Between two parts another request may have been handed in.
  while (!stopping() && (std::exchange(uploadsWanted_, false) || !page->after.empty())) {
    BELAY_TRY(onLoop([page](runtime::Runtime& runtime) -> Status {
      BELAY_ASSIGN(page->uploads, uploadsAfter(runtime, page->after));
      return {};
    }));
    const Status brought = uploads_.bring(relay, session.url, session.bearer, page->uploads);
    if (!brought) {
      uploadsWanted_ = true;
      return brought;
    }
  }
  return {};
}

Result<std::vector<journal::OutboxRow>> Link::takeOutbox() {
  const auto drafts = std::make_shared<std::vector<Draft>>();
  BELAY_TRY(onLoop([this, drafts](runtime::Runtime& runtime) -> Status {
    BELAY_ASSIGN(std::vector<journal::OutboxRow> rows, world_.part.outbox());
    BELAY_ASSIGN(*drafts, draftsOf(runtime, std::move(rows)));
    return {};
  }));
  std::vector<journal::OutboxRow> out;
  if (!needsKey(*drafts)) {
    for (Draft& draft : *drafts) out.push_back(std::move(draft.row));
    return out;
  }
  BELAY_ASSIGN(const crypto::P256PrivateKey key, world_.hostKey());
  for (Draft& draft : *drafts) {
    std::string body = finishDraft(draft, key, world_.random);
    out.push_back({draft.row.seq, std::move(draft.row.kind), std::move(body)});
  }
  return out;
}

Status Link::sendOnce(const Session& session, bool& more) {
  BELAY_ASSIGN(const std::vector<journal::OutboxRow> rows, takeOutbox());
  more = !rows.empty();
  if (!more) return {};
  std::int64_t last = 0;
  const std::string batch = batchJson(rows, last);
  RelayClient relay(world_.send, &cancel_);
  BELAY_ASSIGN(const RelayClient::Handed handed, relay.hand(session.url, session.bearer, batch));
  uploadsWanted_ =
      uploadsWanted_ || std::any_of(rows.begin(), rows.end(), [](const journal::OutboxRow& row) {
        return row.kind == wire::kRequest;
      });
  std::size_t full = 0;
  for (const RelayClient::Refusal& each : handed.refused) {
    const auto code = base::errorFromText(each.code).value_or(ErrorCode::kLinkMessage);
    // Of many for which there is no room, one line says so.
    if (code == ErrorCode::kRelayQuota && full++ > 0) continue;
    world_.log.error("link.refused", Error{code, each.message}, {{"seq", each.seq}});
  }
  if (handed.acknowledged < last) {
    return Error{ErrorCode::kHttpProtocol, "the relay has not acknowledged what it was handed"};
  }
  return onLoop([this, url = session.url, last, refused = handed.refused](runtime::Runtime&) {
    return world_.part.handed(url, last, refused);
  });
}

Result<Identity> Link::enrol(const std::string& url, const std::string& token,
                             const std::string& label) {
  BELAY_ASSIGN(const crypto::P256PrivateKey key, world_.hostKey());
  RelayClient relay(world_.send, &cancel_);
  BELAY_ASSIGN(const Identity identity, relay.enrol(url, token, key.publicKey(), label));
  BELAY_TRY(onLoop([this, identity](runtime::Runtime&) { return world_.part.enrolled(identity); }));
  // The session with a former relay ends.
  endSession();
  return identity;
}

Status Link::rekey() {
  const Status unlinked = onLoop([this](runtime::Runtime&) { return world_.part.unlink(); });
  if (!unlinked) return unlinked;
  endSession();
  BELAY_TRY(world_.replaceHostKey());
  // Last: with the new epoch people are asked anew, by the new key.
  return onLoop([](runtime::Runtime& runtime) { return runtime.guard().rekeyed(); });
}

void Link::wake() {
  MutexLock lock(mutex_);
  woken_ = wanted_ = true;
  changed_.notify_all();
}

void Link::endSession() {
  {
    MutexLock lock(mutex_);
    session_.reset();
  }
  wake();
}

}  // namespace belay::link
