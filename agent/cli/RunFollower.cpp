#include "agent/cli/RunFollower.h"

#include <utility>

#include "agent/engine/Engine.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kForEver{std::chrono::hours{24 * 365}};
constexpr milliseconds kPause{200};
/// A daemon that is being restarted or upgraded is back within this.
constexpr milliseconds kAwayMost{60'000};

bool mayComeBack(ErrorCode code) {
  return code == ErrorCode::kDaemonUnreachable || code == ErrorCode::kConnect ||
         code == ErrorCode::kHttpProtocol || code == ErrorCode::kBusy;
}

/// A run that did not succeed makes the command fail, with the run beside the error.
api::Envelope judge(api::Envelope shownRun, bool ended) {
  const Value* run = shownRun.data.find("run");
  if (!run) return shownRun;
  if (!ended) {
    shownRun.meta.set("timed_out", true);
    return shownRun;
  }
  const std::string status = run->text("status");
  if (status == "succeeded") return shownRun;
  const std::string id = run->text("id");
  std::string message = "run " + id + " " + (status == "failed" ? "failed" : "was " + status);
  if (const Value* error = run->find("error"))
    message += ": " + error->text("message") + " [" + error->text("code") + "]";
  Error error{ErrorCode::kRunFailed, std::move(message), {}};
  if (const Value* actions = shownRun.data.find("actions"); actions && actions->isArray()) {
    for (const Value& action : actions->asArray()) error.actions.push_back(action.asString());
  }
  shownRun.error = std::move(error);
  return shownRun;
}

}  // namespace

Result<api::Envelope> endOfRun(Invocation& invocation, const std::string& run, bool ended) {
  BELAY_ASSIGN(api::Envelope shownRun, invocation.get(pathOf("/v1/runs", run)));
  return judge(std::move(shownRun), ended);
}

RunFollower::RunFollower(Invocation& invocation, std::string run, RunView& view)
    : invocation_(invocation), run_(std::move(run)), view_(view) {
  if (auto id = base::RunId::parse(run_)) state_.id = *id;
}

Status RunFollower::takeLine(const std::string& line) {
  BELAY_ASSIGN(const Value row, json::parse(line));
  if (const Value* said = row.find("progress")) {
    view_.progress(line, said->text("step"), said->text("text"));
    view_.tick(state_, history_);
    return {};
  }
  const Value* body = row.find("body");
  if (!body) return Error{ErrorCode::kHttpProtocol, "the daemon sent an event without a body"};
  BELAY_ASSIGN(const std::int64_t atMs, base::parseInstant(row.text("at")));
  BELAY_ASSIGN(engine::EventBody decoded,
               engine::decodeBody(row.text("event"), json::print(*body)));
  const engine::Event event{atMs, std::move(decoded)};
  const auto applied = engine::apply(state_, event);
  if (!applied) return applied.error();
  history_.add(event.atMs, event.body);
  after_ = static_cast<std::uint64_t>(row.integer("seq"));
  view_.event(line, event, state_, history_);
  return {};
}

Status RunFollower::take(std::string_view piece) {
  unfinished_ += piece;
  std::size_t from = 0;
  for (std::size_t end = unfinished_.find('\n'); end != std::string::npos;
       end = unfinished_.find('\n', from)) {
    // Empty lines tell that the daemon is there.
    if (end == from)
      view_.tick(state_, history_);
    else
      BELAY_TRY(takeLine(unfinished_.substr(from, end - from)));
    from = end + 1;
  }
  unfinished_.erase(0, from);
  return {};
}

Status RunFollower::once(milliseconds timeout) {
  unfinished_.clear();
  Target target(pathOf("/v1/runs", run_, "/follow"));
  target.add("after", std::to_string(after_)).add("heartbeat", "1s");
  ApiRequest request;
  request.target = target.str();
  request.timeout = timeout;
  return invocation_.stream(request, [this](std::string_view piece) { return take(piece); });
}

Result<bool> RunFollower::follow(milliseconds most) {
  const base::Clock& clock = invocation_.world().clock;
  const milliseconds begin = clock.sinceBoot();
  const milliseconds until = begin + (most.count() == 0 ? kForEver : most);
  std::optional<milliseconds> awaySince;
  for (;;) {
    const milliseconds left = until - clock.sinceBoot();
    if (left.count() <= 0) return false;
    const std::uint64_t before = after_;
    const Status streamed = once(left);
    if (state_.finished) return true;
    if (after_ != before) awaySince.reset();
    if (!streamed && clock.sinceBoot() >= until) return false;
    if (!streamed && !mayComeBack(streamed.error().code)) return streamed.error();
    if (!streamed && after_ == 0) return streamed.error();
    if (!awaySince) {
      awaySince = clock.sinceBoot();
      if (!streamed) invocation_.note("the daemon has gone; waiting for it");
    }
    if (!streamed && clock.sinceBoot() - *awaySince > kAwayMost) return streamed.error();
    invocation_.world().sleep(kPause);
  }
}

}  // namespace belay::cli
