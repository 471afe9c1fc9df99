#include "relay/service/EventSender.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/crypto/WebhookMac.h"
#include "common/crypto/Wipe.h"
#include "common/http/RetryAfter.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::MutexLock;
using base::Result;
using base::Status;
using mailbox::EndpointRow;
using mailbox::Mailbox;
using std::chrono::milliseconds;

namespace {

/// So many endpoints that hang hold up no other.
constexpr int kLanes = 4;
constexpr std::int64_t kPauseLeastMs = 2'000;
/// Of an event, and of an endpoint.
constexpr std::int64_t kEventPauseMostMs = 3'600'000;
constexpr std::int64_t kEndpointPauseMostMs = 600'000;
constexpr int kDoublingsMost = 20;
constexpr milliseconds kStoreLook{200};
/// When the store could not be asked.
constexpr milliseconds kBusyPause{1'000};
constexpr std::size_t kAnswerBytesMax = 64u << 10;
constexpr std::size_t kOutcomeBytesMax = 200;
constexpr std::int64_t kMsOfSecond = 1'000;

}  // namespace

EventSender::EventSender(World world, EventSettings settings)
    : world_(std::move(world)), settings_(std::move(settings)) {}

EventSender::~EventSender() { stop(); }

void EventSender::start() {
  for (int i = 1; i <= kLanes; ++i) {
    lanes_.emplace_back([this, i] {
      ::pthread_setname_np(::pthread_self(), ("event-" + std::to_string(i)).c_str());
      run();
    });
  }
}

void EventSender::stop() {
  cancel_.cancel();
  world_.store.bell().ring();
  for (std::thread& lane : lanes_) lane.join();
  lanes_.clear();
}

Status EventSender::onStore(std::function<Status(Mailbox&)> work) {
  struct Answer {
    base::Mutex mutex;
    base::ConditionVariable ready;
    std::optional<Status> status BELAY_GUARDED_BY(mutex);
    void tell(const Status& said) {
      MutexLock lock(mutex);
      if (!status) status = said;
      ready.notify_all();
    }
  };
  /// The store lets go of it when the request is over, however it ended.
  struct Ticket {
    explicit Ticket(std::shared_ptr<Answer> of) : answer(std::move(of)) {}
    ~Ticket() { answer->tell(Error{ErrorCode::kBusy, "the store has not done it"}); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    const std::shared_ptr<Answer> answer;  // Shared with the caller, which may give up before.
  };
  const auto answer = std::make_shared<Answer>();
  {
    const auto ticket = std::make_shared<Ticket>(answer);
    world_.store.post(http::Responder(nullptr),
                      [work = std::move(work), ticket](Mailbox& mailbox) -> Result<Outcome> {
                        BELAY_TRY(work(mailbox));
                        Outcome outcome;
                        outcome.onCommitted = [ticket] { ticket->answer->tell({}); };
                        return outcome;
                      });
  }
  MutexLock lock(answer->mutex);
  while (!answer->status && !stopping()) answer->ready.wait_for(answer->mutex, kStoreLook);
  if (!answer->status) return Error{ErrorCode::kCancelled, "the relay ends"};
  return *answer->status;
}

void EventSender::run() {
  while (!stopping()) {
    const std::uint64_t seen = world_.store.bell().count();
    const auto claimed = claim();
    if (stopping()) return;
    if (!claimed) {
      world_.store.bell().wait(seen, kBusyPause);
      continue;
    }
    if (!claimed->job) {
      std::optional<milliseconds> longest;
      if (claimed->nextMs > 0) {
        const std::int64_t left = claimed->nextMs - world_.clock.wallMs();
        // A wall clock may jump: look now and then.
        longest = milliseconds{std::clamp<std::int64_t>(left, 10, kEndpointPauseMostMs)};
      }
      world_.store.bell().wait(seen, longest);
      continue;
    }
    // There may be more for the others.
    world_.store.bell().ring();
    settle(*claimed->job, attempt(*claimed->job));
  }
}

Result<EventSender::Claim> EventSender::claim() {
  // Shared with the task, which may outlive this call.
  const auto out = std::make_shared<Claim>();
  const Status done = onStore([this, out](Mailbox& mailbox) -> Status {
    BELAY_ASSIGN(*out, look(mailbox));
    return {};
  });
  if (done) return std::move(*out);
  if (out->job) {
    MutexLock lock(mutex_);
    busy_.erase(out->job->endpoint.id);
  }
  return done.error();
}

Result<EventSender::Claim> EventSender::look(Mailbox& mailbox) {
  Claim out;
  const std::int64_t nowMs = world_.clock.wallMs();
  const auto noteNext = [&out](std::int64_t atMs) {
    out.nextMs = out.nextMs == 0 ? atMs : std::min(out.nextMs, atMs);
  };
  BELAY_ASSIGN(std::vector<EndpointRow> rows, mailbox.endpoints());
  for (EndpointRow& row : rows) {
    if (row.state != EndpointRow::State::kActive || row.held == row.dead) continue;
    {
      MutexLock lock(mutex_);
      if (busy_.count(row.id) > 0) continue;
    }
    const std::int64_t paused = row.pausedUntilMs - nowMs;
    if (paused > 0 && paused <= 2 * kEventPauseMostMs) {
      noteNext(row.pausedUntilMs);
      continue;
    }
    BELAY_ASSIGN(auto event, mailbox.dueEvent(row.id, nowMs, 2 * kEventPauseMostMs));
    if (!event) {
      BELAY_ASSIGN(const auto next, mailbox.nextEvent(row.id, nowMs));
      if (next) noteNext(*next);
      continue;
    }
    MutexLock lock(mutex_);
    if (!busy_.insert(row.id).second) continue;
    out.job = Job{std::move(row), std::move(*event)};
    return out;
  }
  return out;
}

std::string EventSender::signatures(const Job& job, const std::string& timestamp) const {
  std::string out;
  const bool rotating =
      !job.endpoint.oldSecret.empty() && job.endpoint.oldUntilMs > world_.clock.wallMs();
  for (const std::string* const secret : {&job.endpoint.secret, &job.endpoint.oldSecret}) {
    if (secret == &job.endpoint.oldSecret && !rotating) continue;
    auto key = crypto::webhookKey(*secret);
    if (!key) continue;
    out += (out.empty() ? "" : " ") +
           crypto::webhookMac(*key, job.event.id, timestamp, job.event.body);
    crypto::wipe(*key);
  }
  return out;
}

EventSender::Attempt EventSender::attempt(const Job& job) {
  Attempt out;
  http::ClientRequest request;
  request.method = "POST";
  request.url = job.endpoint.url;
  const std::string timestamp = std::to_string(world_.clock.wallMs() / kMsOfSecond);
  request.headers.add("Content-Type", "application/json");
  request.headers.add("webhook-id", job.event.id);
  request.headers.add("webhook-timestamp", timestamp);
  request.headers.add("webhook-signature", signatures(job, timestamp));
  request.body = job.event.body;
  request.timeout = settings_.timeout;
  request.connectTimeout = std::min(request.connectTimeout, settings_.timeout);
  request.caFile = settings_.caFile;
  request.responseBytesMax = kAnswerBytesMax;
  request.cancel = &cancel_;
  // The head alone says what became of it: an answer that is long or does not end is no failure.
  request.onHead = [&](const http::ClientResponse& head) -> Status {
    out.status = head.status;
    const auto wait = http::retryAfter(head.headers, world_.clock.wallMs());
    if (wait) out.retryAfterMs = std::min<std::int64_t>(wait->count(), kEventPauseMostMs);
    return {};
  };
  request.onBody = [](std::string_view) -> Status { return {}; };
  const http::ClientOutcome outcome = world_.send(request);
  if (out.status != 0)
    out.outcome = std::to_string(out.status);
  else if (!outcome.ok())
    out.outcome = base::wholeCharacters(base::visible(outcome.failure().error.message),
                                        kOutcomeBytesMax);
  return out;
}

/// Doubles with each failure, and up to a quarter more at random.
std::int64_t EventSender::pauseMs(std::int64_t failures, std::int64_t longestMs) const {
  const int doublings = static_cast<int>(std::min<std::int64_t>(failures, kDoublingsMost));
  const std::int64_t pause = std::min(longestMs, kPauseLeastMs << doublings);
  std::array<std::uint8_t, 2> bytes{};
  world_.random.fill(bytes);
  const std::int64_t jitter = (bytes[0] << 8 | bytes[1]) % 251;
  return pause + pause * jitter / 1'000;
}

void EventSender::settle(const Job& job, const Attempt& attempt) {
  if (!attempt.taken() && stopping()) return;  // It was cut off, and says nothing.
  while (true) {
    const Status noted =
        onStore([this, job, attempt](Mailbox& mailbox) { return note(mailbox, job, attempt); });
    if (noted || stopping()) break;
    world_.store.bell().wait(world_.store.bell().count(), kBusyPause);
  }
  world_.metrics.add(attempt.taken() ? Counter::kEventsTaken : Counter::kEventAttemptsFailed);
  MutexLock lock(mutex_);
  busy_.erase(job.endpoint.id);
}

Status EventSender::note(Mailbox& mailbox, const Job& job, const Attempt& attempt) {
  BELAY_ASSIGN(std::vector<EndpointRow> rows, mailbox.endpoints());
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const EndpointRow& row) {
    return row.id == job.endpoint.id && row.createdMs == job.endpoint.createdMs;
  });
  // It was removed meanwhile.
  if (found == rows.end()) return {};
  EndpointRow& row = *found;
  row.lastMs = world_.clock.wallMs();
  row.lastOutcome = attempt.outcome;
  if (!attempt.taken()) return noteFailure(mailbox, row, job, attempt);
  if (row.failures > 0) world_.log.info("events.endpoint_back", {{"endpoint", row.id}});
  row.failures = row.failingSinceMs = row.pausedUntilMs = 0;
  BELAY_TRY(mailbox.finishEvent(job.event.number));
  return mailbox.saveEndpoint(row);
}

Status EventSender::noteFailure(Mailbox& mailbox, EndpointRow& row, const Job& job,
                                const Attempt& attempt) {
  const std::int64_t nowMs = row.lastMs;
  const Error error{ErrorCode::kRelayEndpoint,
                    "an event did not reach " + row.url + ": " + attempt.outcome};
  if (attempt.gone()) {
    row.state = EndpointRow::State::kGone;
    world_.log.error("events.endpoint_gone", error, {{"endpoint", row.id}});
    return mailbox.saveEndpoint(row);
  }
  if (row.failures == 0) {
    row.failingSinceMs = nowMs;
    world_.log.error("events.refused", error, {{"endpoint", row.id}, {"event", job.event.id}});
  }
  ++row.failures;
  if (attempt.ofEndpoint()) {
    const std::int64_t pause = pauseMs(row.failures - 1, kEndpointPauseMostMs);
    row.pausedUntilMs = nowMs + std::max(pause, attempt.retryAfterMs);
    if (nowMs - row.failingSinceMs >= settings_.retryFor.count()) {
      row.state = EndpointRow::State::kDown;
      world_.log.error("events.endpoint_down", error, {{"endpoint", row.id}});
    }
  }
  BELAY_TRY(mailbox.saveEndpoint(row));
  const std::int64_t firstMs = job.event.firstMs == 0 ? nowMs : job.event.firstMs;
  // While nothing is taken at all, it is the endpoint that is given up, not one event after the
  // other.
  const bool others = !attempt.ofEndpoint() || row.failingSinceMs > firstMs;
  if (others && nowMs - firstMs >= settings_.retryFor.count()) {
    world_.log.error("events.given_up", error, {{"endpoint", row.id}, {"event", job.event.id}});
    return mailbox.giveEventUp(job.event.number, nowMs);
  }
  const std::int64_t next = pauseMs(job.event.attempts, kEventPauseMostMs);
  return mailbox.putEventOff(job.event.number, job.event.attempts + 1, firstMs,
                             nowMs + std::max(next, attempt.retryAfterMs));
}

}  // namespace belay::service
