#pragma once

#include <string>

#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/ConnectionPins.h"
#include "agent/steps/HttpCalls.h"
#include "agent/steps/OAuthTokens.h"
#include "agent/steps/Outputs.h"
#include "agent/trust/Policy.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/SecretSource.h"
#include "common/base/Clock.h"

namespace belay::steps {

/// `http`: one request. Output `{status, headers, body, duration_ms}`; a status from 400 on fails
/// the step unless `ok_status` names it. Bodies from and to resources are never in memory as a
/// whole.
///
/// Threads:   the loop; results come from the pool.
/// Ownership: borrows all it is given.
class HttpStep final : public runtime::Performer {
 public:
  struct World {
    HttpCalls& calls;
    Outputs& outputs;
    const vault::ConnectionStore& connections;
    const vault::SecretSource& secrets;
    const base::Clock& clock;
    const trust::Policy& policy;
    OAuthTokens& tokens;
  };
  HttpStep(World world, settings::HttpSettings settings)
      : world_(world), settings_(std::move(settings)) {}

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  std::optional<Connection> connectionOf(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

 private:
  struct Call;  ///< A rendered step, read and resolved.
  base::Result<Call> read(const runtime::Attempt& attempt, vault::ConnectionPtr pinned) const;
  base::Result<http::ClientRequest> makeRequest(const runtime::Attempt& attempt,
                                                const Call& call) const;
  base::Status addHeaders(http::ClientRequest& request, const Call& call) const;
  base::Status allowRedirect(const Call& call, const runtime::Attempt& attempt,
                             const http::Url& next) const;
  runtime::StepResult perform(const runtime::Attempt& attempt, const Call& call,
                              http::Client& client, const base::CancelToken& cancel) const;

  const World world_;
  const settings::HttpSettings settings_;
  mutable ConnectionPins pins_;
};

}  // namespace belay::steps
