#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/llm/Answer.h"
#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/ConnectionPins.h"
#include "agent/steps/ConnectionTests.h"
#include "agent/steps/HttpCalls.h"
#include "agent/steps/HttpConnectionTests.h"
#include "agent/steps/Outputs.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/SecretSource.h"
#include "common/base/Clock.h"

namespace belay::steps {

/// `llm`: asks a language model. The answer comes as a stream and is put together; with a schema it
/// is held against it, and the model is told what is wrong with it as often as `repairs` says.
/// Output {text, json, tool_calls, stop_reason, model, usage, cost_usd, duration_ms}.
///
/// Threads:   the loop; results come from the pool.
/// Ownership: borrows all it is given.
class LlmStep final : public runtime::Performer {
 public:
  struct World {
    HttpCalls& calls;
    Outputs& outputs;
    const vault::ConnectionStore& connections;
    const vault::SecretSource& secrets;
    const base::Clock& clock;
  };
  LlmStep(World world, settings::HttpSettings settings)
      : world_(world), settings_(std::move(settings)) {}

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  std::optional<Connection> connectionOf(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

 private:
  struct Call;          ///< A rendered step, read and resolved.
  struct Conversation;  ///< What has been said and used so far.
  base::Result<Call> read(const runtime::Attempt& attempt, vault::ConnectionPtr pinned) const;
  runtime::StepResult converse(const runtime::Attempt& attempt, Call call, http::Client& client,
                               const base::CancelToken& cancel) const;
  std::optional<runtime::StepResult> judge(const runtime::Attempt& attempt, Call& call,
                                           llm::Answer answer, Conversation& so) const;
  std::optional<runtime::StepResult> judgeJson(const runtime::Attempt& attempt, Call& call,
                                               const std::string& text, Conversation& so) const;
  runtime::StepResult result(const runtime::Attempt& attempt, const Call& call,
                             Conversation& so) const;
  runtime::StepResult failed(const runtime::Attempt& attempt, const Call& call, Conversation& so,
                             const base::Error& error, std::string_view retryClass = {}) const;

  const World world_;
  const settings::HttpSettings settings_;
  mutable ConnectionPins pins_;
};

/// Adds the test of the type llm: the models that the provider offers.
void addLlmTest(ConnectionTests& tests, const HttpTestWorld& world);

}  // namespace belay::steps
