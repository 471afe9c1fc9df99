#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/journal/Journal.h"
#include "agent/rehearsal/Play.h"
#include "agent/runtime/Loop.h"
#include "agent/script/QuickJsEvaluator.h"
#include "agent/steps/FunctionStep.h"
#include "agent/steps/KvStep.h"
#include "agent/steps/SearchStep.h"
#include "agent/steps/SetStep.h"
#include "agent/trust/Policy.h"
#include "common/crypto/P256.h"
#include "common/log/Log.h"

namespace belay::rehearsal {

/// The heart of a host over a folder of its own, and what it meets instead of the world.
///
/// Threads: one.
class Stage {
 public:
  Stage(const Scenario& scenario, StageOutputs::Load load);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Errors: kIo; those of a journal.
  base::Status open();
  /// Puts a flow into the journal; makes it live there when `live`.
  base::Status put(const Script& script, bool live);
  base::Result<base::RunId> start(const Script& script);
  /// Until the run ends, lacks an answer, or has nothing to wait for.
  base::Result<Played> playOn(const base::RunId& run);

 private:
  using Work = std::function<base::Status(runtime::Runtime&)>;

  base::Status tell(const Work& work);
  base::Status settle();
  base::Result<bool> hasEnded(const base::RunId& run);
  base::Result<bool> answerWaits();
  base::Status answer(const journal::WaitRow& wait, const Given& given);
  base::Status decide(runtime::Runtime& runtime, const journal::WaitRow& wait, const Given& given);
  base::Status act(const base::RunId& run);
  base::Result<bool> passTime();
  base::Result<Played> record(const base::RunId& run, std::string stuck);

  struct Answer {
    std::int64_t dueMs = 0;
    bool given = false;  ///< Nobody answers where it is not.
    Given what;
  };

  const Scenario& scenario_;
  std::string folder_;
  StageClock clock_;
  StageRandom random_;
  StageOutputs outputs_;
  log::NoLog log_;
  Answers answers_;
  StagePerformer performer_;
  StageChildren children_;
  steps::SetStep set_;
  steps::FunctionStep function_;
  steps::KvStep realKv_;
  StageInline kv_;
  StageEmit realEmit_;
  StageInline emit_;
  trust::Policy policy_ = trust::Policy::builtInForUser();
  steps::SearchStep realSearch_{nullptr, &outputs_, policy_};
  StageInline search_;
  crypto::P256PrivateKey key_;
  trust::DecisionKeys keys_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<script::QuickJsEvaluator> evaluator_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<runtime::Loop> loop_;
  std::map<base::WaitId, Answer> asked_;
  std::size_t acted_ = 0;  ///< Actions of the scenario that have been done.
};

}  // namespace belay::rehearsal
