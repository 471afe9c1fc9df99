#include "tests/sim/Twins.h"

#include <algorithm>
#include <map>

#include "common/crypto/Sha256.h"
#include "tests/sim/RandomCode.h"
#include "tests/sim/RandomFlow.h"

namespace belay::sim {

using base::Status;

namespace {

/// Rounds in which nothing was answered and no run moved, until it is said that they stand still.
constexpr int kRoundsToMove = 200;
constexpr std::uint64_t kKillsMost = 40;

/// In [0, 256), the same for the same name.
std::uint8_t diceOf(const std::string& name) { return crypto::sha256(name).bytes[0]; }

runtime::StepResult resultOf(const runtime::Attempt& attempt) {
  runtime::StepResult result;
  result.durationMs = 1;
  result.outputJson = R"({"exit_code":0,"status":200})";
  const std::uint8_t dice =
      diceOf(attempt.slug + "/" + attempt.key.path + "/" + std::to_string(attempt.key.visit));
  if (dice < 180) return result;
  result.ok = false;
  engine::Failure& failure = result.failure.emplace();
  failure.code = "BLY-STEP-EXIT-CODE";
  failure.kind = dice < 210 ? flow::FailureClass::kUnavailable : flow::FailureClass::kExitCode;
  failure.message = "the world said no";
  return result;
}

}  // namespace

Twins::Twins(std::uint64_t seed) : seed_(seed), random_(seed ^ 0x5DEECE66DULL) {
  test::SeededRandom flows(seed);
  std::string child;
  for (int i = 0; i < 3; ++i) {
    const std::string slug = "flow-" + std::to_string(i);
    flows_.push_back({slug, "yaml", randomFlow(flows, slug, child, Order::kDoesNotMatter)});
    child = slug;
  }
  flows_.push_back({"code", "js", randomCode(flows, "code")});
  top_ = seed % 2 == 0 ? flows_.size() - 1 : flows_.size() - 2;
}

void Twins::fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

std::string Twins::compare() {
  const Account calm = live(false);
  const Account disturbed = live(true);
  if (!failure_.empty()) return failure_;
  lines_ = calm.size();
  for (std::size_t i = 0; i < std::max(calm.size(), disturbed.size()); ++i) {
    const std::string one = i < calm.size() ? calm[i] : "nothing";
    const std::string other = i < disturbed.size() ? disturbed[i] : "nothing";
    if (one != other) return "without a crash: " + one + "; with: " + other;
  }
  return {};
}

Status Twins::start(SimHost& host) {
  bool started = false;
  host.loop().post([&](runtime::Runtime& runtime, std::vector<runtime::Ack>&) -> Status {
    BELAY_TRY(SimHost::putDrafts(runtime.journal(), host.clock(), flows_));
    runtime::StartRequest request;
    request.digest = flows_[top_].digest();
    request.by = "uid:0";
    request.input.set("lane", "a");
    const auto run = runtime.start(request);
    if (!run) fail("start: " + run.error().message);
    started = run.ok();
    return {};
  });
  BELAY_ASSIGN(const SimHost::Stepped stepped, host.step());
  static_cast<void>(stepped);
  if (!started) fail("the run did not start");
  return {};
}

/// Kills the daemon, now or in the midst of its next work, or holds a run for a while.
void Twins::disturb(SimHost& host) {
  const std::uint64_t dice = random_.below(7);
  if (dice < 3) return host.dieAtSync(1 + random_.below(3), Death::kKill);
  if (dice == 3) {
    host.die(Death::kKill);
    ++kills_;
    if (const Status up = host.boot(); !up) fail("recovery: " + up.error().message);
    return;
  }
  if (dice > 5) return;
  const std::vector<journal::RunRow> rows = openRuns(host);
  if (rows.empty()) return;
  const journal::RunRow& row = rows[random_.below(rows.size())];
  const auto verb =
      row.status == engine::RunStatus::kPaused ? runtime::Verb::kResume : runtime::Verb::kPause;
  host.loop().post([run = row.id, verb](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
    return onlyIfItEnds(runtime.control(run, verb, "uid:0"));
  });
}

/// False when the lives are over.
bool Twins::step(SimHost& host) {
  while (true) {
    const auto stepped = host.step();
    if (!stepped) {
      fail("the loop failed: " + stepped.error().message);
      return false;
    }
    if (*stepped == SimHost::Stepped::kRests) return true;
    ++kills_;
    if (const Status up = host.boot(); !up) {
      fail("recovery: " + up.error().message);
      return false;
    }
  }
}

std::vector<journal::RunRow> Twins::openRuns(SimHost& host) {
  auto rows = host.runs(SimHost::Runs::kOpen);
  if (rows) return std::move(*rows);
  fail("list of runs: " + rows.error().message);
  return {};
}

void Twins::answer(SimHost& host, const journal::WaitRow& wait) {
  const bool approved = diceOf(wait.slug + "/" + wait.step) < 200;
  host.loop().post([&host, wait, approved](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
    switch (wait.kind) {
      case flow::WaitKind::kApproval:
        return onlyIfItEnds(host.decide(runtime, wait, approved));
      case flow::WaitKind::kCallback:
        return onlyIfItEnds(runtime.waits().answerCallback(wait.id, R"({"ok":true})", "uid:0"));
      case flow::WaitKind::kEvent: {
        const auto emitted = runtime.waits().emit(wait.eventName, R"({"n":1})", "uid:0");
        return emitted ? Status{} : onlyIfItEnds(Status{emitted.error()});
      }
      default:
        return Status{};
    }
  });
}

bool Twins::answerAll(SimHost& host) {
  journal::WaitFilter filter;
  filter.most = 10'000;
  const auto waits = host.journal().waits(filter);
  if (!waits) fail("waits: " + waits.error().message);
  bool any = false;
  for (const journal::WaitRow& wait : waits.value()) {
    if (wait.kind == flow::WaitKind::kTime) continue;
    answer(host, wait);
    any = true;
  }
  return resolveAll(host) || any;
}

bool Twins::resolveAll(SimHost& host) {
  std::vector<journal::RunRow> rows = openRuns(host);
  std::erase_if(
      rows, [](const journal::RunRow& row) { return row.status != engine::RunStatus::kAmbiguous; });
  for (const journal::RunRow& row : rows) host.resolve(row.id, engine::Resolution::kRetry);
  return !rows.empty();
}

void Twins::resumeSome(SimHost& host, const std::vector<journal::RunRow>& rows) {
  for (const journal::RunRow& row : rows) {
    if (row.status != engine::RunStatus::kPaused || random_.below(4) != 0) continue;
    host.loop().post([run = row.id](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
      return onlyIfItEnds(runtime.control(run, runtime::Verb::kResume, "uid:0"));
    });
  }
}

/// Lives until no run is open.
void Twins::liveOut(SimHost& host, bool dies) {
  int still = 0;
  std::map<base::RunId, std::int64_t> before;
  while (failure_.empty()) {
    // Disturbed for a while only: whoever is killed at each step comes to no end.
    if (dies && kills_ < kKillsMost) disturb(host);
    if (!step(host)) return;
    const bool answered = answerAll(host);
    if (!step(host)) return;
    const std::vector<journal::RunRow> rows = openRuns(host);
    if (rows.empty()) return;
    resumeSome(host, rows);
    std::map<base::RunId, std::int64_t> now;
    for (const journal::RunRow& row : rows) now[row.id] = row.updatedMs;
    still = answered || now != before ? 0 : still + 1;
    before = std::move(now);
    if (still > kRoundsToMove) fail("runs stand still, the first is " + rows.front().id.str());
    // What has been answered goes on before time does.
    if (!answered) host.clock().advance(std::chrono::milliseconds{host.msToNext()});
    host.peers().deliver();
  }
}

Twins::Account Twins::live(bool dies) {
  test::SeededRandom ids(seed_ + (dies ? 1 : 0)), world(seed_ * 3 + (dies ? 1 : 0));
  SimHost host(ids, world, 0);
  host.peers().setResults(resultOf);
  if (const Status up = host.boot(); !up) fail("boot: " + up.error().message);
  if (const Status begun = start(host); !begun) fail("start: " + begun.error().message);
  liveOut(host, dies);
  if (!failure_.empty()) return {};
  Account account;
  const auto rows = host.runs(SimHost::Runs::kEnded);
  for (const journal::RunRow& row : rows.value())
    if (row.parent.empty()) describe(host, row.id, row.slug, account);
  // Parts that run at a time begin in any order.
  std::sort(account.begin(), account.end());
  return account;
}

void Twins::describe(SimHost& host, const base::RunId& run, const std::string& name, Account& out) {
  const auto state = runtime::replay(host.journal(), run);
  if (!state) return fail("run " + name + ": " + state.error().message);
  out.push_back(name + " " + std::string(engine::runStatusName(state->status())));
  out.push_back(name + " output " + (state->finished ? state->finished->outputJson : ""));
  out.push_back(name + " state " + state->stateJson);
  const auto events = host.journal().events(run, 0, 100'000);
  for (const journal::EventRow& event : events.value()) {
    const auto body = engine::decodeBody(event.name, event.body);
    const auto* end = std::get_if<engine::StepFinished>(&*body);
    if (end != nullptr) {
      out.push_back(name + " " + end->key.path + " visit " + std::to_string(end->key.visit) +
                    " outcome " + std::to_string(static_cast<int>(end->outcome)));
    }
    const auto* start = std::get_if<engine::StepStarted>(&*body);
    if (start == nullptr || start->child.empty()) continue;
    describe(host, start->child,
             name + "/" + start->key.path + "#" + std::to_string(start->key.visit) + "." +
                 std::to_string(start->key.attempt),
             out);
  }
}

}  // namespace belay::sim
