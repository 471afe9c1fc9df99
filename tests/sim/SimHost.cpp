#include "tests/sim/SimHost.h"

#include <algorithm>

#include "agent/script/QuickJsEvaluator.h"
#include "agent/steps/FunctionStep.h"
#include "agent/steps/KvStep.h"
#include "agent/steps/SetStep.h"
#include "agent/triggers/EmitStep.h"
#include "common/crypto/Sha256.h"
#include "tests/support/TestSecrets.h"

namespace belay::sim {

using base::Result;
using base::Status;

namespace {

/// The same in all simulations, so that signatures are part of the trace.
crypto::P256PrivateKey makeKey() {
  test::SeededRandom random;
  return crypto::P256PrivateKey::generate(random);
}

}  // namespace

Status onlyIfItEnds(const Status& done) {
  return !done && runtime::endsTransaction(done.error().code) ? done : Status{};
}

struct SimHost::Process {
  std::unique_ptr<journal::Journal> journal;
  script::QuickJsEvaluator evaluator;
  std::unique_ptr<runtime::Runtime> runtime;
  std::unique_ptr<runtime::Loop> loop;
  SimPeers::Jobs jobs;
  SimPeers::Server server;
  steps::SetStep set;
  steps::FunctionStep function;
  steps::KvStep kv;
  test::TestSecrets secrets;
  std::unique_ptr<triggers::Events> events;
  std::unique_ptr<triggers::EmitStep> emit;

  explicit Process(SimPeers& peers) : jobs(peers), server(peers) {}
};

SimHost::SimHost(test::SeededRandom& random, test::SeededRandom& worldRandom,
                 std::size_t concurrentRunsMax)
    : random_(random),
      concurrentRunsMax_(concurrentRunsMax),
      peers_(worldRandom, clock_),
      decisionKey_(makeKey()) {
  decisionKeys_.add(decisionKey_.publicKey(), trust::DecisionClass::kLocal);
  disk_.onSync([this] {
    if (dieAtSync_ == 0 || left_ || disk_.syncs() + 1 < dieAtSync_) return;
    left_ = death_ == Death::kPowerCut ? test::FaultVfs::crashImage(disk_.disk(), random_)
                                       : disk_.disk();
    peers_.setDead(true);
  });
}

SimHost::~SimHost() = default;

Status SimHost::boot() {
  journal::JournalOptions options;
  options.path = folder_.at("journal.db");
  options.vfs = disk_.name();
  options.reserveBytes = 0;
  auto process = std::make_unique<Process>(peers_);
  BELAY_ASSIGN(process->journal, journal::Journal::open(options, clock_, log_));
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
  process->events = std::make_unique<triggers::Events>(triggers::Events::World{
      *process->runtime, process->evaluator, process->secrets, policy_, log_});
  process->emit = std::make_unique<triggers::EmitStep>(*process->events);
  steps.setInline(flow::Family::kEmit, *process->emit);
  process->loop =
      std::make_unique<runtime::Loop>(*process->runtime, runtime::LoopSettings{}, log_, [] {});
  process_ = std::move(process);
  peers_.setDead(false);
  peers_.attach(process_->loop->resultSink());
  return process_->runtime->recover();
}

void SimHost::die(Death how) {
  peers_.setDead(true);
  test::FaultVfs::Disk left = left_ ? *left_ : disk_.disk();
  if (how == Death::kPowerCut && !left_) left = test::FaultVfs::crashImage(left, random_);
  dieAtSync_ = 0;
  left_.reset();
  process_.reset();
  disk_.setDisk(std::move(left));
  if (how == Death::kKill) return;
  peers_.powerCut();
  clock_.setBoot("boot-" + std::to_string(++boots_));
}

void SimHost::dieAtSync(std::uint64_t syncs, Death how) {
  dieAtSync_ = syncs == 0 ? 0 : disk_.syncs() + syncs;
  death_ = how;
}

Result<SimHost::Stepped> SimHost::step() {
  while (true) {
    const auto next = process_->loop->step();
    if (left_) {
      die(death_);
      return Stepped::kDied;
    }
    if (!next) return next.error();
    if (!next->now) return Stepped::kRests;
  }
}

journal::Journal& SimHost::journal() { return *process_->journal; }

runtime::Loop& SimHost::loop() { return *process_->loop; }

Result<std::vector<journal::RunRow>> SimHost::runs(Runs which) {
  journal::RunFilter filter;
  filter.most = 100'000;
  BELAY_ASSIGN(std::vector<journal::RunRow> rows, process_->journal->runs(filter));
  std::erase_if(rows, [which](const journal::RunRow& row) {
    return engine::isFinal(row.status) != (which == Runs::kEnded);
  });
  return rows;
}

Status SimHost::putDrafts(journal::Journal& journal, const base::Clock& clock,
                          const SimFlows& flows) {
  for (const SimFlow& flow : flows) {
    BELAY_TRY(journal.putFlow({flow.digest(), flow.slug, flow.format, flow.text, clock.wallMs()}));
    BELAY_TRY(journal.setDraft(flow.slug, flow.digest(), clock.wallMs()));
  }
  return {};
}

Status SimHost::decide(runtime::Runtime& runtime, const journal::WaitRow& wait, bool approved) {
  trust::Decision decision;
  decision.person = "uid:0";
  decision.request = crypto::sha256(wait.requestJson);
  decision.answer = approved ? trust::DecisionAnswer::kApprove : trust::DecisionAnswer::kReject;
  decision.atMs = clock_.wallMs();
  BELAY_ASSIGN(const trust::VerifiedDecision verified,
               trust::signVerified(decisionKey_, decision, decisionKeys_));
  return runtime.waits().answerApproval(wait.id, verified, "uid:0");
}

void SimHost::resolve(const base::RunId& run, engine::Resolution how) {
  loop().post([run, how](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
    const auto state = runtime::replay(runtime.journal(), run);
    if (!state) return Status{};
    const auto step = std::find_if(
        state->active.begin(), state->active.end(),
        [](const engine::ActiveStep& one) { return one.phase == engine::StepPhase::kAmbiguous; });
    if (step == state->active.end()) return Status{};
    return onlyIfItEnds(runtime.resolve(run, step->started.key.path, how, "uid:0", ""));
  });
}

std::int64_t SimHost::msToNext() {
  const auto due = process_->journal->nextDue();
  std::int64_t next = peers_.nextMs();
  if (due && due->bootMs && (next == 0 || *due->bootMs < next)) next = *due->bootMs;
  const std::int64_t now = clock_.sinceBoot().count();
  return next > now ? next - now : 0;
}

}  // namespace belay::sim
