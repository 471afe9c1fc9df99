#include <memory>
#include <optional>
#include <utility>

#include "agent/api/Routes.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using json::Value;

namespace {

/// One request that waits for a run to change.
///
/// Threads:   the loop, after the constructor; the deadline and the peer's end come through posts.
/// Ownership: held by the run's subscription while it waits.
class RunWaiting : public std::enable_shared_from_this<RunWaiting> {
 public:
  RunWaiting(Backend& backend, ExchangePtr exchange, std::optional<engine::RunStatus> whileStatus)
      : backend_(backend), exchange_(std::move(exchange)), while_(whileStatus) {}

  void begin(runtime::Runtime& runtime) {
    runtime_ = &runtime;
    auto found = findRun(runtime.journal(), exchange_->param("run"));
    if (!found) return exchange_->fail(found.error());
    run_ = *found;
    if (look(false)) return;
    subscription_ = backend_.subscriptions.add(
        run_, [self = shared_from_this()] { self->look(false); },
        [self = shared_from_this()] { self->timeOut(); });
  }
  void timeOut() {
    if (subscription_ != 0) look(true);
  }
  void abandon() { finish(); }

 private:
  /// True when the request has been answered.
  bool look(bool timeIsUp) {
    const auto row = runtime_->journal().run(run_);
    if (!row) {
      exchange_->fail(row.error());
      return finish();
    }
    // Runs are pruned when they have ended long ago.
    if (!*row) {
      exchange_->fail(
          Error{ErrorCode::kRunNotFound, "run " + run_.str() + " is not there any more"});
      return finish();
    }
    const engine::RunStatus status = (*row)->status;
    const bool reached = while_ ? status != *while_ : engine::isFinal(status);
    if (!reached && !timeIsUp) return false;
    Value data;
    data.set("run", runToJson(**row, backend_.deps.clock.wallMs()));
    Value meta;
    if (!reached) meta.set("timed_out", true);
    exchange_->ok(std::move(data), std::move(meta));
    return finish();
  }
  bool finish() {
    if (subscription_ != 0) backend_.subscriptions.remove(std::exchange(subscription_, 0));
    return true;
  }

  Backend& backend_;
  ExchangePtr exchange_;
  const std::optional<engine::RunStatus> while_;
  runtime::Runtime* runtime_ = nullptr;
  RunId run_;
  Subscriptions::Id subscription_ = 0;
};

struct Waiting {
  std::chrono::milliseconds length{30'000};
  std::optional<engine::RunStatus> whileStatus;
};

Result<Waiting> readWaiting(const Exchange& exchange, std::chrono::milliseconds most) {
  BELAY_ASSIGN(ReadArguments::Pairs query, parseQuery(exchange.request().query));
  BELAY_TRY(checkQuery("for while", query));
  const ReadArguments arguments({}, std::move(query));
  Waiting waiting;
  if (const std::string* length = arguments.query("for")) {
    BELAY_ASSIGN(waiting.length, base::parseDuration(*length));
  }
  if (waiting.length > most) waiting.length = most;
  if (const std::string* status = arguments.query("while")) {
    waiting.whileStatus = engine::runStatusFrom(*status);
    if (!waiting.whileStatus) {
      return Error{ErrorCode::kInvalidArgument,
                   "there is no status \"" + base::visible(*status) + "\""};
    }
  }
  return waiting;
}

}  // namespace

void awaitRun(Backend& backend, const ExchangePtr& exchange) {
  const auto waiting = readWaiting(*exchange, backend.options.longPollMax);
  if (!waiting) return exchange->fail(waiting.error());
  auto parked = std::make_shared<RunWaiting>(backend, exchange, waiting->whileStatus);
  // Weak: a deadline must not keep the request of a peer that was answered long ago.
  const std::weak_ptr<RunWaiting> weak = parked;
  const auto inLoop = [&backend, weak](void (RunWaiting::*method)()) {
    const auto posted = backend.afterCommit([weak, method](runtime::Runtime&) {
      if (const auto self = weak.lock()) ((*self).*method)();
    });
    return posted;
  };
  exchange->responder().onClosed([inLoop] { static_cast<void>(inLoop(&RunWaiting::abandon)); });
  backend.later(waiting->length, [inLoop] { static_cast<void>(inLoop(&RunWaiting::timeOut)); });
  const bool posted =
      backend.afterCommit([parked](runtime::Runtime& runtime) { parked->begin(runtime); });
  if (!posted) exchange->fail(busy());
}

}  // namespace belay::api
