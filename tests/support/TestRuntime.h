#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/journal/Journal.h"
#include "agent/runtime/Loop.h"
#include "agent/script/QuickJsEvaluator.h"
#include "agent/trust/Policy.h"
#include "common/base/Check.h"
#include "common/crypto/P256.h"
#include "common/json/Json.h"
#include "tests/support/FaultVfs.h"
#include "tests/support/HeldPerformer.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/MemoryOutputs.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

namespace belay::test {

/// The heart of a host: loop, runtime, evaluator and journal on a disk in memory, with a clock that
/// stands still and performers that hold their attempts. `boot()` is a new process over what the
/// disk has.
///
/// Threads: one.
class TestRuntime {
 public:
  /// What is asked of the loop, and what it answered once that was known.
  struct Asked {
    bool answered = false;
    base::Status status;
  };

  TestRuntime() { keys.add(key.publicKey(), trust::DecisionClass::kLocal); }

  /// Ends the process that there is, without a word, and starts another, which takes up what is
  /// owed.
  void boot() {
    end();
    journal::JournalOptions options;
    options.path = folder.at("journal.db");
    options.vfs = disk.name();
    options.reserveBytes = reserveBytes;
    auto opened = journal::Journal::open(options, clock, log);
    BELAY_CHECK(opened.ok());
    journal = std::move(*opened);
    evaluator = std::make_unique<script::QuickJsEvaluator>();
    runtime = std::make_unique<runtime::Runtime>(
        runtime::World{
            *journal, *evaluator, outputs, policy, clock, random, log, keys,
            [this]() -> base::Result<crypto::P256PublicKey> { return hostKey.publicKey(); }},
        settings);
    runtime->steps().setPerformer(flow::Family::kRun, jobs);
    runtime->steps().setPerformer(flow::Family::kHttp, requests);
    if (wire) wire(runtime->steps());
    loop = std::make_unique<runtime::Loop>(*runtime, loopSettings, log, [this] { ++wakes; });
    if (extend) extend();
    BELAY_CHECK(runtime->recover().ok() && settle().ok());
  }
  void end() {
    loop.reset();
    runtime.reset();
    evaluator.reset();
    journal.reset();
  }
  /// The host loses power and starts again: another boot, another boot clock.
  void cutPower(std::uint64_t seed = 1) {
    SeededRandom fate(seed);
    FaultVfs::Disk left = FaultVfs::crashImage(disk.disk(), fate);
    end();
    disk.setDisk(std::move(left));
    clock.setBoot(clock.bootId() + "+");
    jobs.forget();
    requests.forget();
    boot();
  }

  /// Steps until the loop has nothing to do now; what it said last.
  base::Result<runtime::NextStep> settle() {
    for (int round = 0;; ++round) {
      BELAY_CHECK(round < 10'000);
      BELAY_ASSIGN(const runtime::NextStep next, loop->step());
      const bool due = (next.bootMs && *next.bootMs <= clock.sinceBoot().count()) ||
                       (next.wallMs && *next.wallMs <= clock.wallMs());
      if (!next.now && !due) return next;
    }
  }
  /// Posts work for the loop, which may fail as a request does.
  std::shared_ptr<Asked> ask(std::function<base::Status(runtime::Runtime&)> work) {
    auto asked = std::make_shared<Asked>();
    const bool taken = loop->post(
        [asked, work](runtime::Runtime& on, std::vector<runtime::Ack>& acks) -> base::Status {
          const base::Status done = work(on);
          if (!done && runtime::endsTransaction(done.error().code)) {
            acks.push_back([asked](const base::Status& end) { *asked = Asked{true, end}; });
            return done;
          }
          acks.push_back([asked, done](const base::Status& end) {
            *asked = Asked{true, done.ok() ? end : done};
          });
          return {};
        });
    BELAY_CHECK(taken);
    return asked;
  }
  /// Asks, lets the loop work and gives the answer.
  base::Status tell(std::function<base::Status(runtime::Runtime&)> work) {
    const auto asked = ask(std::move(work));
    const auto settled = settle();
    if (!settled) return settled.error();
    return asked->answered ? asked->status
                           : base::Status{base::Error{base::ErrorCode::kTimeout, "no answer"}};
  }

  /// A flow in YAML, or of code, put into the journal.
  std::string put(runtime::Runtime& on, const std::string& yaml) {
    const auto format = yaml.starts_with("export ") ? flow::Format::kCode : flow::Format::kYaml;
    auto flow = flow::parseFlow(yaml, "test.flow.yaml", format);
    // Said aloud: whoever writes a test wants to know what is wrong with its flow.
    if (!flow) std::fprintf(stderr, "%s\n", flow.error().message.c_str());
    BELAY_CHECK(flow.ok());
    BELAY_CHECK(on.journal()
                    .putFlow({flow->digest, flow->slug.str(), std::string(flow::formatName(format)),
                              yaml, clock.wallMs()})
                    .ok());
    return flow->digest;
  }
  /// Starts a run without letting the loop work. `run` is filled in when the loop has taken it.
  std::shared_ptr<Asked> post(const std::string& yaml, std::shared_ptr<std::string> run,
                              runtime::StartRequest request) {
    return ask([this, yaml, run, request](runtime::Runtime& on) mutable -> base::Status {
      request.digest = put(on, yaml);
      request.by = "uid:1000";
      BELAY_ASSIGN(const runtime::Started started, on.start(request));
      *run = started.run.str();
      return {};
    });
  }
  base::RunId start(const std::string& yaml, const std::string& inputJson = "{}") {
    const auto run = std::make_shared<std::string>();
    runtime::StartRequest request;
    request.input = *json::parse(inputJson);
    const auto asked = post(yaml, run, request);
    BELAY_CHECK(settle().ok() && asked->answered && asked->status.ok());
    return *base::RunId::parse(*run);
  }

  static bool failedWith(const base::Status& status, base::ErrorCode code) {
    return !status.ok() && status.error().code == code;
  }
  void finish(const runtime::Attempt& attempt, runtime::StepResult result) {
    loop->resultSink()(attempt.run, attempt.key, std::move(result));
    BELAY_CHECK(settle().ok());
  }
  void succeed(const runtime::Attempt& attempt,
               const std::string& outputJson = R"({"exit_code":0})") {
    runtime::StepResult result;
    result.outputJson = outputJson;
    finish(attempt, std::move(result));
  }
  void fail(const runtime::Attempt& attempt, flow::FailureClass kind, bool nothingLeft = false,
            std::int64_t retryAfterMs = 0) {
    runtime::StepResult result;
    result.ok = false;
    result.retryAfterMs = retryAfterMs;
    result.failure = engine::Failure{"BLY-TEST", kind, "the world said no", nothingLeft};
    finish(attempt, std::move(result));
  }
  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    BELAY_CHECK(settle().ok());
  }

  std::string status(const base::RunId& run) {
    const auto row = journal->run(run);
    return row && *row ? std::string(engine::runStatusName((*row)->status)) : "(none)";
  }
  std::string errorOf(const base::RunId& run) {
    const auto row = journal->run(run);
    return row && *row ? (*row)->errorCode + " " + (*row)->errorMessage : "(none)";
  }
  engine::RunState state(const base::RunId& run) { return *runtime::replay(*journal, run); }
  std::string output(const base::RunId& run) {
    const auto finished = state(run).finished;
    return finished ? finished->outputJson : "(not finished)";
  }
  /// The names of a run's events, in order.
  std::string history(const base::RunId& run) {
    std::string names;
    const auto events = journal->events(run, 0, 10'000);
    for (const journal::EventRow& event : *events) names += (names.empty() ? "" : " ") + event.name;
    return names;
  }
  journal::WaitRow openWait() {
    const auto waits = journal->waits({});
    BELAY_CHECK(waits.ok() && !waits->empty());
    return waits->front();
  }

  base::Result<trust::VerifiedDecision> sign(const std::string& requestJson, bool approve,
                                             const std::string& form = "{}",
                                             const std::string& comment = {}) {
    trust::Decision decision;
    decision.person = "uid:1000";
    decision.uid = 1000;
    decision.request = crypto::sha256(requestJson);
    decision.answer = approve ? trust::DecisionAnswer::kApprove : trust::DecisionAnswer::kReject;
    decision.formJson = form;
    decision.comment = comment;
    decision.atMs = clock.wallMs();
    return trust::signVerified(key, decision, keys);
  }
  base::Status decide(const journal::WaitRow& wait, bool approve, const std::string& form = "{}") {
    BELAY_ASSIGN(const trust::VerifiedDecision decision, sign(wait.requestJson, approve, form));
    return tell([&](runtime::Runtime& on) {
      return on.waits().answerApproval(wait.id, decision, "uid:1000");
    });
  }

  // Set before boot().
  std::uint64_t reserveBytes = 0;
  runtime::RuntimeSettings settings;
  runtime::LoopSettings loopSettings;
  std::function<void(runtime::Steps&)> wire;
  std::function<void()> extend;  ///< Adds parts to a loop that was just made.
  trust::Policy policy = trust::Policy::builtInForUser();

  TempFolder folder;  ///< The files are in `disk`, but for the reserve.
  FaultVfs disk;
  SimClock clock;
  SeededRandom random;
  MemoryLog log;
  MemoryOutputs outputs;
  HeldPerformer jobs{true};       ///< `run`: finds its attempts again.
  HeldPerformer requests{false};  ///< `http`.
  crypto::P256PrivateKey key = crypto::P256PrivateKey::generate(random);
  SeededRandom hostRandom{7};  ///< Apart, so that runs draw the same numbers as ever.
  crypto::P256PrivateKey hostKey = crypto::P256PrivateKey::generate(hostRandom);
  trust::DecisionKeys keys;
  int wakes = 0;

  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<script::QuickJsEvaluator> evaluator;
  std::unique_ptr<runtime::Runtime> runtime;
  std::unique_ptr<runtime::Loop> loop;
};

}  // namespace belay::test
