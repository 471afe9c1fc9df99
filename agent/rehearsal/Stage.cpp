#include "agent/rehearsal/Stage.h"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/runtime/FlowLifecycle.h"
#include "common/base/Check.h"
#include "common/base/Files.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::rehearsal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr int kRoundsMax = 200'000;
constexpr std::int64_t kLongestMs = 10LL * 366 * 86'400'000;
constexpr std::size_t kEventsMax = 1'000'000;
constexpr std::uint64_t kExt4 = 0xEF53;

const std::string kAuthor = "test";

// The verbs of a scenario are those of the runtime, and then those that need more words.
static_assert(static_cast<int>(Action::Verb::kPause) == static_cast<int>(runtime::Verb::kPause) &&
              static_cast<int>(Action::Verb::kCancel) == static_cast<int>(runtime::Verb::kCancel));

}  // namespace

Stage::Stage(const Scenario& scenario, StageOutputs::Load load)
    : scenario_(scenario),
      clock_(scenario.startMs),
      outputs_(std::move(load)),
      answers_(scenario_),
      performer_(answers_, clock_),
      children_(answers_, performer_, random_, clock_),
      kv_(answers_, realKv_),
      emit_(answers_, realEmit_),
      search_(answers_, realSearch_),
      key_(crypto::P256PrivateKey::generate(random_)) {
  keys_.add(key_.publicKey(), trust::DecisionClass::kLocal);
}

Stage::~Stage() {
  loop_.reset();
  runtime_.reset();
  journal_.reset();
  if (!folder_.empty()) static_cast<void>(base::removeTree(folder_));
}

Status Stage::open() {
  std::string folder = "/tmp/belay-rehearsal-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return base::errnoError(errno, "mkdtemp " + folder);
  folder_ = folder;
  journal::JournalOptions options;
  options.path = folder_ + "/journal.db";
  options.reserveBytes = 0;
  // It lives for moments and is nobody's record: any file system will do.
  options.fileSystemOf = [](const std::string&) -> Result<std::uint64_t> { return kExt4; };
  BELAY_ASSIGN(journal_, journal::Journal::open(options, clock_, log_));
  evaluator_ = std::make_unique<script::QuickJsEvaluator>();
  runtime_ = std::make_unique<runtime::Runtime>(
      runtime::World{*journal_, *evaluator_, outputs_, policy_, clock_, random_, log_, keys_},
      runtime::RuntimeSettings{});
  runtime::Steps& steps = runtime_->steps();
  for (const flow::Family family : {flow::Family::kRun, flow::Family::kHttp, flow::Family::kNotify,
                                    flow::Family::kAgent, flow::Family::kDb, flow::Family::kLlm,
                                    flow::Family::kSsh, flow::Family::kPlugin})
    steps.setPerformer(family, performer_);
  steps.setChildStandIn(children_);
  steps.setInline(flow::Family::kSet, set_);
  steps.setInline(flow::Family::kFunction, function_);
  steps.setInline(flow::Family::kKv, kv_);
  steps.setInline(flow::Family::kSearch, search_);
  realEmit_.setWaits(runtime_->waits());
  steps.setInline(flow::Family::kEmit, emit_);
  loop_ = std::make_unique<runtime::Loop>(*runtime_, runtime::LoopSettings{}, log_, [] {});
  performer_.setSink(loop_->resultSink());
  BELAY_TRY(runtime_->recover());
  for (const auto& [key, value] : scenario_.kv) {
    BELAY_TRY(journal_->putKv({"default", key, value, 0, clock_.wallMs()}));
  }
  return settle();
}

Status Stage::tell(const Work& work) {
  Status done;
  const bool taken = loop_->post([&](runtime::Runtime& runtime, std::vector<runtime::Ack>&) {
    done = work(runtime);
    return !done && runtime::endsTransaction(done.error().code) ? done : Status{};
  });
  BELAY_CHECK(taken);
  BELAY_TRY(settle());
  return done;
}

Status Stage::settle() {
  for (int round = 0; round < kRoundsMax; ++round) {
    BELAY_ASSIGN(const runtime::NextStep next, loop_->step());
    const bool due = (next.bootMs && *next.bootMs <= clock_.sinceBoot().count()) ||
                     (next.wallMs && *next.wallMs <= clock_.wallMs());
    // A step without an answer would only be asked for again.
    if ((!next.now && !due) || !answers_.missed().empty()) return {};
  }
  return Error{ErrorCode::kLimit, "the rehearsal takes more than " + std::to_string(kRoundsMax) +
                                      " rounds at one moment"};
}

Status Stage::put(const Script& script, bool live) {
  if (live) children_.add(script.flow.slug.str());
  return tell([&](runtime::Runtime& runtime) -> Status {
    if (!live) return runtime.journal().putFlow(script.row);
    const runtime::Author author{kAuthor, ""};
    const std::string slug = script.flow.slug.str();
    BELAY_TRY(runtime::putDraft(runtime.journal(), script.row, {}, author));
    BELAY_TRY(runtime::makeRelease(runtime.journal(), slug, "", {}, author, clock_.wallMs()));
    BELAY_TRY(runtime::promote(runtime.journal(), slug, "", author, clock_.wallMs()));
    return {};
  });
}

Result<base::RunId> Stage::start(const Script& script) {
  answers_.setFlow(script.flow.slug.str());
  runtime::StartRequest request;
  request.digest = script.flow.digest;
  request.input = scenario_.input;
  request.triggerJson = scenario_.triggerJson;
  request.by = kAuthor;
  if (const auto& recorded = scenario_.recorded) {
    request.id = recorded->run;
    request.source = recorded->source;
    request.by = recorded->by;
    request.seed = recorded->seed;
  }
  std::optional<base::RunId> run;
  BELAY_TRY(tell([&](runtime::Runtime& runtime) -> Status {
    BELAY_ASSIGN(const runtime::Started started, runtime.start(request));
    run = started.run;
    return {};
  }));
  return *run;
}

Result<bool> Stage::hasEnded(const base::RunId& run) {
  BELAY_ASSIGN(const std::optional<journal::RunRow> row, journal_->run(run));
  BELAY_CHECK(row.has_value());
  return engine::isFinal(row->status);
}

Status Stage::decide(runtime::Runtime& runtime, const journal::WaitRow& wait, const Given& given) {
  trust::Decision decision;
  decision.person = kAuthor;
  decision.request = crypto::sha256(wait.requestJson);
  decision.answer = given.kind == Given::Kind::kApprove ? trust::DecisionAnswer::kApprove
                                                        : trust::DecisionAnswer::kReject;
  decision.formJson = given.json.empty() ? "{}" : given.json;
  decision.comment = given.comment;
  decision.atMs = clock_.wallMs();
  BELAY_ASSIGN(const trust::VerifiedDecision verified, trust::signVerified(key_, decision, keys_));
  return runtime.waits().answerApproval(wait.id, verified, kAuthor);
}

Status Stage::answer(const journal::WaitRow& wait, const Given& given) {
  return tell([&](runtime::Runtime& runtime) -> Status {
    if (wait.kind == flow::WaitKind::kApproval) return decide(runtime, wait, given);
    if (wait.kind == flow::WaitKind::kCallback)
      return runtime.waits().answerCallback(wait.id, given.json, kAuthor);
    BELAY_TRY(runtime.waits().emit(wait.eventName, given.json, kAuthor));
    return {};
  });
}

/// True when one was answered: others may have been opened since.
Result<bool> Stage::answerWaits() {
  BELAY_ASSIGN(const std::vector<journal::WaitRow> waits, journal_->waits({}));
  bool answered = false;
  for (const journal::WaitRow& wait : waits) {
    if (wait.kind == flow::WaitKind::kTime) continue;
    const auto [asked, isNew] = asked_.try_emplace(wait.id);
    if (isNew) {
      const auto given = answers_.next(wait.slug, wait.step);
      const bool decides =
          given && (given->kind == Given::Kind::kApprove || given->kind == Given::Kind::kReject);
      const bool fits =
          given &&
          (given->kind == Given::Kind::kNothing ||
           (wait.kind == flow::WaitKind::kApproval ? decides : given->kind == Given::Kind::kBody));
      if (!fits) {
        answers_.miss(wait.slug, wait.step);
        return false;
      }
      asked->second = {clock_.sinceBoot().count() + given->takes.count(),
                       given->kind != Given::Kind::kNothing, *given};
    }
    Answer& one = asked->second;
    if (!one.given || one.dueMs > clock_.sinceBoot().count()) continue;
    one.given = false;
    BELAY_TRY(answer(wait, one.what));
    answered = true;
  }
  return answered;
}

/// What the operator of the scenario does by now.
Status Stage::act(const base::RunId& run) {
  const auto& actions = scenario_.actions;
  const std::int64_t passedMs = clock_.wallMs() - scenario_.startMs;
  for (; acted_ < actions.size() && actions[acted_].after.count() <= passedMs; ++acted_) {
    const Action& action = actions[acted_];
    BELAY_TRY(tell([&](runtime::Runtime& runtime) {
      if (action.verb == Action::Verb::kResolve)
        return runtime.resolve(run, action.step, action.as, kAuthor, "");
      return runtime.control(run, static_cast<runtime::Verb>(action.verb), kAuthor);
    }));
  }
  return {};
}

/// Leaps to whatever is due next; false when nothing is.
Result<bool> Stage::passTime() {
  const std::int64_t now = clock_.sinceBoot().count();
  std::optional<std::int64_t> next = performer_.nextDueMs();
  const auto sooner = [&next](std::int64_t dueMs) { next = next ? std::min(*next, dueMs) : dueMs; };
  BELAY_ASSIGN(const journal::NextDue due, journal_->nextDue());
  if (due.bootMs) sooner(*due.bootMs);
  if (due.wallMs) sooner(now + (*due.wallMs - clock_.wallMs()));
  for (const auto& [wait, answer] : asked_) {
    if (answer.given) sooner(answer.dueMs);
  }
  if (acted_ < scenario_.actions.size())
    sooner(now + scenario_.startMs + scenario_.actions[acted_].after.count() - clock_.wallMs());
  if (!next || *next - now > kLongestMs) return false;
  clock_.advance(std::max<std::int64_t>(*next - now, 0));
  return true;
}

Result<Played> Stage::playOn(const base::RunId& run) {
  for (int round = 0; round < kRoundsMax; ++round) {
    performer_.deliver();
    BELAY_TRY(settle());
    BELAY_TRY(act(run));
    BELAY_ASSIGN(const bool ended, hasEnded(run));
    if (ended || !answers_.missed().empty()) return record(run, "");
    BELAY_ASSIGN(const bool answered, answerWaits());
    if (answered) continue;
    if (!answers_.missed().empty()) return record(run, "");
    BELAY_ASSIGN(const bool goesOn, passTime());
    if (!goesOn) return record(run, "nothing is due, and the run has not ended");
  }
  return record(run, "it takes more than " + std::to_string(kRoundsMax) + " rounds");
}

Result<Played> Stage::record(const base::RunId& run, std::string stuck) {
  Played out;
  BELAY_ASSIGN(out.events, journal_->events(run, 0, kEventsMax));
  BELAY_ASSIGN(out.state, runtime::replay(*journal_, run));
  out.missing = answers_.missed();
  out.unused = answers_.unused();
  out.stuck = std::move(stuck);
  out.tookMs = clock_.wallMs() - scenario_.startMs;
  return out;
}

Result<Played> play(const std::vector<Script>& scripts, const Scenario& scenario,
                    const StageOutputs::Load& load) {
  BELAY_CHECK(!scripts.empty());
  Stage stage(scenario, load);
  BELAY_TRY(stage.open());
  for (std::size_t i = 0; i < scripts.size(); ++i) BELAY_TRY(stage.put(scripts[i], i > 0));
  BELAY_ASSIGN(const base::RunId run, stage.start(scripts.front()));
  return stage.playOn(run);
}

}  // namespace belay::rehearsal
