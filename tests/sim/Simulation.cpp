#include "tests/sim/Simulation.h"

#include <algorithm>
#include <utility>

#include "agent/engine/Engine.h"
#include "agent/flow/Validate.h"
#include "agent/journal/AdmissionTable.h"
#include "common/json/Json.h"
#include "tests/sim/RandomFlow.h"

namespace belay::sim {

using base::Status;

namespace {

constexpr int kActions = 60;
/// Each round answers something and lets time pass to the next timer: in this many, a run that can
/// go on does.
constexpr int kRoundsToMove = 500;

/// The same in all simulations, so that signatures are part of the trace.
crypto::P256PrivateKey makeKey() {
  test::SeededRandom random;
  return crypto::P256PrivateKey::generate(random);
}

}  // namespace

struct Simulation::Process {
  std::unique_ptr<journal::Journal> journal;
  script::QuickJsEvaluator evaluator;
  std::unique_ptr<runtime::Runtime> runtime;
  std::unique_ptr<runtime::Loop> loop;
  SimPeers::Jobs jobs;
  SimPeers::Server server;
  steps::SetStep set;
  steps::FunctionStep function;
  steps::KvStep kv;

  explicit Process(SimPeers& peers) : jobs(peers), server(peers) {}
};

Simulation::Simulation(std::uint64_t seed)
    : random_(seed),
      worldRandom_(seed ^ 0x9E3779B97F4A7C15ULL),
      peers_(worldRandom_, clock_),
      decisionKey_(makeKey()) {
  decisionKeys_.add(decisionKey_.publicKey(), trust::DecisionClass::kLocal);
  disk_.onSync([this] {
    if (cutAtSync_ == 0 || cut_ || disk_.syncs() + 1 < cutAtSync_) return;
    cut_ = test::FaultVfs::crashImage(disk_.disk(), random_);
    peers_.setDead(true);
  });
  std::string child;
  for (int i = 0; i < 3; ++i) {
    const std::string slug = "flow-" + std::to_string(i);
    flows_.emplace_back(slug, randomFlow(random_, slug, child));
    child = slug;
    const std::string& text = flows_.back().second;
    const auto flow = flow::parseFlow(text, "sim.flow.yaml", flow::Format::kYaml);
    if (!flow) fail("a random flow is not valid: " + flow.error().message + "\n" + text);
  }
  if (random_.below(3) == 0) concurrentRunsMax_ = 1 + random_.below(4);
}

Simulation::~Simulation() = default;

void Simulation::note(const std::string& line) {
  trace_.update(line);
  trace_.update("\n");
}

void Simulation::fail(const std::string& what) {
  if (outcome_.violation.empty()) outcome_.violation = what;
}

void Simulation::boot() {
  journal::JournalOptions options;
  options.path = folder_.at("journal.db");
  options.vfs = disk_.name();
  options.reserveBytes = 0;
  auto process = std::make_unique<Process>(peers_);
  auto opened = journal::Journal::open(options, clock_, log_);
  if (!opened) return fail("the journal does not open: " + opened.error().message);
  process->journal = std::move(*opened);
  runtime::RuntimeSettings settings;
  settings.concurrentRunsMax = concurrentRunsMax_;
  process->runtime = std::make_unique<runtime::Runtime>(
      runtime::World{*process->journal, process->evaluator, outputs_, policy_, clock_, random_,
                     log_, decisionKeys_},
      settings);
  runtime::Steps& steps = process->runtime->steps();
  steps.setPerformer(flow::Family::kRun, process->jobs);
  steps.setPerformer(flow::Family::kHttp, process->server);
  steps.setInline(flow::Family::kSet, process->set);
  steps.setInline(flow::Family::kFunction, process->function);
  steps.setInline(flow::Family::kKv, process->kv);
  process->loop =
      std::make_unique<runtime::Loop>(*process->runtime, runtime::LoopSettings{}, log_, [] {});
  process_ = std::move(process);
  peers_.setDead(false);
  peers_.attach(process_->loop->resultSink());
  const Status recovered = process_->runtime->recover();
  if (!recovered) fail("recovery: " + recovered.error().message);
  checkAcknowledged();
}

/// The daemon is gone without a word; with a power cut, so is what the disk had not promised.
void Simulation::die(bool powerCut) {
  note(powerCut ? "power cut" : "kill");
  peers_.setDead(true);
  test::FaultVfs::Disk left = cut_ ? *cut_ : disk_.disk();
  if (powerCut && !cut_) left = test::FaultVfs::crashImage(left, random_);
  cutAtSync_ = 0;
  cut_.reset();
  process_.reset();
  disk_.setDisk(std::move(left));
  if (powerCut) {
    ++outcome_.cuts;
    peers_.powerCut();
    clock_.setBoot("boot-" + std::to_string(++boots_));
  } else {
    ++outcome_.crashes;
  }
  boot();
}

/// One round of the loop; false when the daemon died in it.
bool Simulation::step() {
  while (process_) {
    const auto next = process_->loop->step();
    if (cut_) {
      die(true);
      return false;
    }
    if (!next) {
      fail("the loop failed: " + next.error().message);
      return false;
    }
    if (!next->now) {
      const std::string wrong = lanes_.look(*process_->journal, concurrentRunsMax_);
      if (!wrong.empty()) fail(wrong);
      return true;
    }
  }
  return false;
}

/// Every flow is the draft of its slug, for those that start it by name.
Status Simulation::putDrafts(journal::Journal& journal) {
  for (const auto& [slug, text] : flows_) {
    const std::string digest = "sha256:" + crypto::sha256(text).hex();
    BELAY_TRY(journal.putFlow({digest, slug, "yaml", text, clock_.wallMs()}));
    BELAY_TRY(journal.setDraft(slug, digest, clock_.wallMs()));
  }
  return {};
}

void Simulation::startRun() {
  const std::string& text = flows_[random_.below(flows_.size())].second;
  const std::string digest = "sha256:" + crypto::sha256(text).hex();
  const std::string key = random_.below(3) == 0 ? "key-" + std::to_string(random_.below(5)) : "";
  const std::string lane(1, static_cast<char>('a' + random_.below(2)));
  process_->loop->post([this, key, lane, digest](runtime::Runtime& runtime,
                                                 std::vector<runtime::Ack>& acks) -> Status {
    BELAY_TRY(putDrafts(runtime.journal()));
    runtime::StartRequest request;
    request.digest = digest;
    request.by = "uid:0";
    request.idempotencyKey = key;
    request.input.set("lane", lane);
    const auto started = runtime.start(request);
    // Some flows refuse what is too much.
    if (!started && started.error().code == base::ErrorCode::kFlowBusy) return Status{};
    if (started && started->skipped) return Status{};
    if (!started) {
      fail("start: " + started.error().message);
      return Status{};
    }
    acks.push_back([this, run = started->run](const Status& committed) {
      if (committed.ok() && !cut_) acknowledgedRuns_.insert(run);
    });
    return Status{};
  });
}

std::optional<journal::WaitRow> Simulation::someWait(flow::WaitKind kind) {
  journal::WaitFilter filter;
  filter.kind = kind;
  const auto rows = process_->journal->waits(filter);
  if (!rows || rows->empty()) return std::nullopt;
  return (*rows)[random_.below(rows->size())];
}

Status Simulation::decide(runtime::Runtime& runtime, const journal::WaitRow& wait, bool approved) {
  trust::Decision decision;
  decision.person = "uid:0";
  decision.request = crypto::sha256(wait.requestJson);
  decision.answer = approved ? trust::DecisionAnswer::kApprove : trust::DecisionAnswer::kReject;
  decision.atMs = clock_.wallMs();
  BELAY_ASSIGN(const trust::VerifiedDecision verified,
               trust::signVerified(decisionKey_, decision, decisionKeys_));
  return runtime.waits().answerApproval(wait.id, verified, "uid:0");
}

void Simulation::answerSomething() {
  const auto ack = [this](const base::WaitId& wait) {
    return [this, wait](const Status& committed) {
      if (committed.ok() && !cut_) acknowledgedAnswers_.insert(wait);
    };
  };
  if (random_.below(4) == 0) {
    process_->loop->post([](runtime::Runtime& runtime, std::vector<runtime::Ack>&) -> Status {
      auto emitted = runtime.waits().emit("tick", R"({"n":1})", "uid:0");
      return emitted ? Status{} : Status{emitted.error()};
    });
    return;
  }
  const bool isApproval = random_.below(2) == 0;
  const auto wait = someWait(isApproval ? flow::WaitKind::kApproval : flow::WaitKind::kCallback);
  if (!wait) return;
  const bool approved = random_.below(4) != 0;
  // Asked twice now and then: the second answer must not count.
  for (std::uint64_t i = 0; i <= random_.below(2); ++i) {
    process_->loop->post([=, this](runtime::Runtime& runtime, std::vector<runtime::Ack>& acks) {
      const Status answered =
          isApproval ? decide(runtime, *wait, approved)
                     : runtime.waits().answerCallback(wait->id, R"({"ok":true})", "uid:0");
      if (answered.ok()) acks.push_back(ack(wait->id));
      return !answered && runtime::endsTransaction(answered.error().code) ? answered : Status{};
    });
  }
}

std::vector<journal::RunRow> Simulation::rowsOf(bool ended) {
  journal::RunFilter filter;
  filter.most = 100'000;
  auto rows = process_->journal->runs(filter);
  if (!rows) {
    fail("list of runs: " + rows.error().message);
    return {};
  }
  std::erase_if(
      *rows, [ended](const journal::RunRow& row) { return engine::isFinal(row.status) != ended; });
  return std::move(*rows);
}

void Simulation::controlSomething() {
  const bool retries = random_.below(5) == 0;
  const std::vector<journal::RunRow> rows = rowsOf(retries);
  if (rows.empty()) return;
  const base::RunId run = rows[random_.below(rows.size())].id;
  const auto verb = static_cast<runtime::Verb>(random_.below(4));
  // Cancelling everything would leave nothing to simulate.
  if (!retries && verb == runtime::Verb::kCancel && random_.below(3) != 0) return;
  note("control " + run.str() + " " + std::to_string(static_cast<int>(verb)));
  process_->loop->post([=](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
    const Status done =
        retries ? runtime.retry(run, "", "uid:0") : runtime.control(run, verb, "uid:0");
    return !done && runtime::endsTransaction(done.error().code) ? done : Status{};
  });
}

void Simulation::resolveSomething() {
  for (const journal::RunRow& row : rowsOf(false)) {
    if (row.status != engine::RunStatus::kAmbiguous) continue;
    const auto how = static_cast<engine::Resolution>(random_.below(3));
    process_->loop->post(
        [run = row.id, how](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
          auto state = runtime::replay(runtime.journal(), run);
          if (!state) return Status{};
          const auto& active = state->active;
          const auto step =
              std::find_if(active.begin(), active.end(), [](const engine::ActiveStep& one) {
                return one.phase == engine::StepPhase::kAmbiguous;
              });
          if (step == active.end()) return Status{};
          const Status done = runtime.resolve(run, step->started.key.path, how, "uid:0", "");
          return !done && runtime::endsTransaction(done.error().code) ? done : Status{};
        });
  }
}

void Simulation::passTime() {
  const auto due = process_->journal->nextDue();
  std::int64_t next = peers_.nextMs();
  if (due && due->bootMs && (next == 0 || *due->bootMs < next)) next = *due->bootMs;
  const std::int64_t now = clock_.sinceBoot().count();
  if (next > now && random_.below(4) != 0)
    clock_.advance(std::chrono::milliseconds{next - now});
  else
    clock_.advance(std::chrono::milliseconds{random_.below(600'000)});
  if (random_.below(10) == 0) {
    clock_.jumpWall(
        std::chrono::milliseconds{static_cast<std::int64_t>(random_.below(7'200'000)) - 3'600'000});
  }
  peers_.deliver();
}

void Simulation::act() {
  switch (random_.below(8)) {
    case 0:
    case 1:
      startRun();
      break;
    case 2:
    case 3:
      answerSomething();
      break;
    case 4:
      controlSomething();
      break;
    case 5:
      resolveSomething();
      break;
    default:
      passTime();
  }
  if (random_.below(12) == 0) cutAtSync_ = disk_.syncs() + 1 + random_.below(3);
}

/// Nothing goes wrong any more: every run must come to its end. How long that takes depends on what
/// the flows start; that nothing moves for long does not.
void Simulation::settle() {
  cutAtSync_ = 0;
  std::map<base::RunId, std::int64_t> before;
  for (int round = 0; outcome_.violation.empty(); ++round) {
    const std::vector<journal::RunRow> open = rowsOf(false);
    if (open.empty()) return;
    if (round % kRoundsToMove == 0) {
      std::map<base::RunId, std::int64_t> now;
      for (const journal::RunRow& row : open) now[row.id] = row.updatedMs;
      if (now == before) break;
      before = std::move(now);
    }
    for (const journal::RunRow& row : open) {
      if (row.status != engine::RunStatus::kPaused) continue;
      process_->loop->post([run = row.id](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
        return runtime.control(run, runtime::Verb::kResume, "uid:0");
      });
    }
    resolveSomething();
    answerSomething();
    if (!step()) return;
    passTime();
    if (!step()) return;
  }
  for (const journal::RunRow& row : rowsOf(false)) {
    std::string last;
    if (const auto events = process_->journal->events(row.id, 0, 100'000)) {
      for (const journal::EventRow& event : *events)
        last += "\n  " + event.name + " " + event.body.substr(0, 120);
    }
    fail("run " + row.id.str() + " of " + row.slug +
         " does not end: " + std::string(engine::runStatusName(row.status)) + last);
  }
}

void Simulation::checkAcknowledged() {
  if (!process_) return;
  for (const base::RunId& run : acknowledgedRuns_) {
    const auto row = process_->journal->run(run);
    if (!row || !row->has_value()) fail("acknowledged run " + run.str() + " is lost");
  }
  for (const base::WaitId& wait : acknowledgedAnswers_) {
    const auto row = process_->journal->wait(wait);
    if (!row || !row->has_value() || (*row)->status == journal::WaitStatus::kOpen) {
      fail("the acknowledged answer of wait " + wait.str() + " is lost");
    }
  }
}

/// A run that a step says it started is there, knows that step, and has ended as the step says; no
/// run has a parent that does not know it.
void Simulation::checkChildren(const engine::RunState& run,
                               const std::vector<journal::EventRow>& events) {
  std::map<std::pair<std::string, std::uint32_t>, base::RunId> latest;  // By path and visit.
  std::size_t started = 0;
  for (const journal::EventRow& event : events) {
    const auto body = engine::decodeBody(event.name, event.body);
    if (const auto* start = std::get_if<engine::StepStarted>(&*body); start) {
      latest[{start->key.path, start->key.visit}] = start->child;
      if (start->child.empty()) continue;
      ++started;
      const auto child = runtime::replay(*process_->journal, start->child);
      const bool known = child && child->created.parent.run == run.id &&
                         child->created.parent.key == start->key &&
                         child->created.depth == run.created.depth + 1;
      if (!known) return fail("run " + start->child.str() + " does not know its parent");
    }
    const auto* end = std::get_if<engine::StepFinished>(&*body);
    const base::RunId child = end ? latest[{end->key.path, end->key.visit}] : base::RunId();
    if (child.empty()) continue;
    const bool succeeded = end->outcome == engine::StepOutcome::kSucceeded;
    if (succeeded != firstEndSucceeded(child))
      return fail("step " + end->key.path + " of run " + run.id.str() + " did not end as its run " +
                  child.str());
  }
  journal::RunFilter filter;
  filter.parent = run.id.str();
  filter.most = 100'000;
  const auto children = process_->journal->runs(filter);
  if (!children || children->size() != started)
    fail("run " + run.id.str() + " has other children than its events say");
}

/// How a run ended first: it may have been retried since.
bool Simulation::firstEndSucceeded(const base::RunId& run) {
  const auto events = process_->journal->events(run, 0, 100'000);
  for (const journal::EventRow& event : *events) {
    if (event.name == "run_finished") return event.body.find(R"("succeeded")") != std::string::npos;
  }
  return false;
}

void Simulation::checkHistories() {
  std::uint64_t increments = 0;
  for (const journal::RunRow& row : rowsOf(true)) {
    ++outcome_.runs;
    const auto events = process_->journal->events(row.id, 0, 100'000);
    if (!events) return fail("events of " + row.id.str() + ": " + events.error().message);
    std::set<std::pair<std::string, std::uint32_t>> finished;
    for (const journal::EventRow& event : *events) {
      ++outcome_.events;
      note(row.id.str() + event.name + event.body);
      const auto body = engine::decodeBody(event.name, event.body);
      if (!body) return fail(body.error().message);
      const auto* end = std::get_if<engine::StepFinished>(&*body);
      if (!end) continue;
      if (!finished.insert({end->key.path, end->key.visit}).second) {
        fail("step " + end->key.path + " of " + row.id.str() + " finished twice in one visit");
      }
      // Of a kv step itself, not of a step that holds some.
      const bool isKv = end->outputJson.starts_with("{\"value\"");
      if (isKv && end->outputJson.find("\"previous\"") != std::string::npos) ++increments;
    }
    const auto state = runtime::replay(*process_->journal, row.id);
    if (!state || state->status() != row.status)
      return fail("the row of run " + row.id.str() + " is not what its events say");
    checkChildren(*state, *events);
  }
  const auto places = process_->journal->admissions().lastPlace();
  if (!places || *places != 0) fail("a run that has ended holds a slot");
  const auto total = process_->journal->kv("default", "total", clock_.wallMs());
  const std::string counted = total && *total ? (*total)->valueJson : "0";
  if (counted != std::to_string(increments)) {
    fail("the store counts " + counted + " increments, the histories " +
         std::to_string(increments));
  }
  journal::VerifyCursor cursor;
  while (!cursor.done) {
    const auto report = process_->journal->verify(cursor, 10'000);
    if (!report || !report->ok)
      return fail("verify: " + (report ? report->firstBad : report.error().message));
  }
}

Outcome Simulation::run() {
  boot();
  for (int i = 0; i < kActions && outcome_.violation.empty(); ++i) {
    act();
    if (!step() && !outcome_.violation.empty()) break;
    if (random_.below(15) == 0) die(random_.below(2) == 0);
  }
  if (outcome_.violation.empty()) settle();
  if (outcome_.violation.empty()) checkAcknowledged();
  if (outcome_.violation.empty()) checkHistories();
  fail(peers_.violation());
  outcome_.trace = trace_.finish().hex();
  return outcome_;
}

}  // namespace belay::sim
