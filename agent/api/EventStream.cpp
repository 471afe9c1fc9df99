#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "agent/api/JobTails.h"
#include "agent/api/Routes.h"
#include "agent/api/RunView.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Result;
using base::RunId;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kEventsPerTurn = 200;
constexpr milliseconds kRetry{50};  ///< When the inbox of the loop is full.

/// Sends a run's events as they are committed, one JSON object a line, until the run has ended.
///
/// Threads:   the loop; post() the server's.
/// Ownership: held by the run's subscription, and by posts that are under way.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(Backend& backend, ExchangePtr exchange, std::uint64_t after, bool beats)
      : backend_(backend), exchange_(std::move(exchange)), after_(after), beats_(beats) {}

  /// In the server's thread: what jobs say, or an empty line, now and then, as long as the stream
  /// is there.
  static void beat(Backend& backend, const std::weak_ptr<EventStream>& weak, milliseconds every) {
    if (weak.expired()) return;
    post(backend, weak, &EventStream::pulse);
    backend.later(every, [&backend, weak, every] { beat(backend, weak, every); });
  }

  void begin(runtime::Runtime& runtime) {
    runtime_ = &runtime;
    auto found = findRun(runtime.journal(), exchange_->param("run"));
    if (!found) return exchange_->fail(found.error());
    run_ = *found;
    if (beats_) noteEarlier();
    const std::weak_ptr<EventStream> weak = weak_from_this();
    stream_ = exchange_->responder().stream(
        http::ServerResponse::of(200, "application/x-ndjson", ""),
        {[&backend = backend_, weak] { post(backend, weak, &EventStream::pump); },
         [&backend = backend_, weak] { post(backend, weak, &EventStream::finish); }});
    subscription_ = backend_.subscriptions.add(
        run_, [self = shared_from_this()] { self->pump(); },
        [self = shared_from_this()] { self->finish(); });
    pump();
  }

 private:
  static void post(Backend& backend, const std::weak_ptr<EventStream>& weak,
                   void (EventStream::*method)()) {
    const bool posted = backend.afterCommit([weak, method](runtime::Runtime&) {
      if (const auto self = weak.lock()) ((*self).*method)();
    });
    if (!posted) backend.later(kRetry, [&backend, weak, method] { post(backend, weak, method); });
  }

  void finish() {
    if (subscription_ != 0) backend_.subscriptions.remove(std::exchange(subscription_, 0));
    stream_ = {};
  }

  /// False when the peer cannot take more now, or has gone.
  bool flush() {
    if (unsent_.empty()) return true;
    switch (stream_.write(unsent_)) {
      case http::ResponseStream::Write::kTaken:
        unsent_.clear();
        return true;
      case http::ResponseStream::Write::kFull:
        return false;
      case http::ResponseStream::Write::kClosed:
        finish();
        return false;
    }
    return false;
  }

  void pump() {
    // Bounded by what the peer takes: after streamBytesMax it waits for room.
    while (subscription_ != 0 && flush()) {
      const auto rows = runtime_->journal().events(run_, after_, kEventsPerTurn);
      if (!rows) return finish();
      for (const journal::EventRow& row : *rows) {
        const auto line = eventToJson(row);
        if (!line) return finish();
        if (tails_) tails_->note(*line);
        unsent_ += json::print(*line) + "\n";
        after_ = row.seq;
      }
      if (rows->empty()) return endWhenFinal();
    }
  }

  /// The jobs that began before what is sent, of a peer that comes back.
  void noteEarlier() {
    tails_.emplace(backend_, run_);
    for (std::uint64_t at = 0; at < after_;) {
      const auto rows = runtime_->journal().events(run_, at, kEventsPerTurn);
      if (!rows || rows->empty()) return;
      for (const journal::EventRow& row : *rows) {
        const auto line = eventToJson(row);
        if (line && row.seq <= after_) tails_->note(*line);
        at = row.seq;
      }
    }
  }

  void pulse() {
    if (subscription_ == 0 || !unsent_.empty()) return;
    const std::string said = tails_ ? tails_->next() : std::string();
    if (stream_.write(said.empty() ? "\n" : said) == http::ResponseStream::Write::kClosed) finish();
  }

  void endWhenFinal() {
    const auto row = runtime_->journal().run(run_);
    if (!row || !*row || !engine::isFinal((*row)->status)) return;
    stream_.end();
    finish();
  }

  Backend& backend_;
  ExchangePtr exchange_;
  std::uint64_t after_;
  const bool beats_;
  std::optional<JobTails> tails_;
  runtime::Runtime* runtime_ = nullptr;
  RunId run_;
  http::ResponseStream stream_;
  std::string unsent_;
  Subscriptions::Id subscription_ = 0;
};

}  // namespace

namespace {

struct Following {
  std::uint64_t after = 0;
  milliseconds heartbeat{0};  ///< 0: none.
};

Result<Following> readFollowing(const Exchange& exchange) {
  constexpr milliseconds kFastest{200};
  BELAY_ASSIGN(ReadArguments::Pairs query, parseQuery(exchange.request().query));
  BELAY_TRY(checkQuery("after heartbeat", query));
  const ReadArguments arguments({}, std::move(query));
  Following following;
  BELAY_ASSIGN(following.after, arguments.number("after", 0));
  if (const std::string* every = arguments.query("heartbeat")) {
    BELAY_ASSIGN(const milliseconds given, base::parseDuration(*every));
    following.heartbeat = std::max(given, kFastest);
  }
  return following;
}

}  // namespace

void followRun(Backend& backend, const ExchangePtr& exchange) {
  const auto following = readFollowing(*exchange);
  if (!following) return exchange->fail(following.error());
  auto stream = std::make_shared<EventStream>(backend, exchange, following->after,
                                              following->heartbeat.count() > 0);
  const bool posted =
      backend.afterCommit([stream](runtime::Runtime& runtime) { stream->begin(runtime); });
  if (!posted) return exchange->fail(busy());
  if (following->heartbeat.count() == 0) return;
  const std::weak_ptr<EventStream> weak = stream;
  backend.later(following->heartbeat, [&backend, weak, every = following->heartbeat] {
    EventStream::beat(backend, weak, every);
  });
}

}  // namespace belay::api
