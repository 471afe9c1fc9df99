#pragma once

#include <string>
#include <utility>

#include "agent/runtime/Performer.h"
#include "agent/settings/Settings.h"
#include "agent/steps/ConnectionPins.h"
#include "agent/steps/HttpCalls.h"
#include "agent/vault/ConnectionStore.h"
#include "agent/vault/SecretSource.h"
#include "common/base/Clock.h"

namespace belay::steps {

/// `notify`: a text to a chat connection, as a webhook that is signed where the connection has a
/// signing secret, or as a mail, which a tool sends. Output `{delivery_id, status, duration_ms}`; the
/// delivery id is the same over attempts.
///
/// Threads:   the loop; results come from the pool.
/// Ownership: borrows all it is given.
class NotifyStep final : public runtime::Performer {
 public:
  struct World {
    HttpCalls& calls;
    const vault::ConnectionStore& connections;
    const vault::SecretSource& secrets;
    const base::Clock& clock;
    runtime::Performer& mail;  ///< For connections of type smtp.
    runtime::ResultSink sink;
  };
  NotifyStep(World world, settings::HttpSettings settings)
      : world_(std::move(world)), settings_(std::move(settings)) {}

  base::Result<trust::RenderedEffect> describe(const runtime::Attempt& attempt) const override;
  std::optional<Connection> connectionOf(const runtime::Attempt& attempt) const override;
  void start(const runtime::Attempt& attempt) override;
  bool recovers() const override { return true; }
  void recover(const runtime::Attempt& attempt) override;
  void cancel(const base::RunId& run, const engine::StepKey& key) override;

 private:
  bool isMail(const runtime::Attempt& attempt) const;
  struct Message;
  base::Result<Message> read(const runtime::Attempt& attempt, vault::ConnectionPtr pinned) const;
  base::Result<http::ClientRequest> makeRequest(const runtime::Attempt& attempt) const;
  runtime::StepResult finish(const runtime::Attempt& attempt, const http::ClientOutcome& outcome,
                             std::int64_t startedMs) const;

  const World world_;
  const settings::HttpSettings settings_;
  mutable ConnectionPins pins_;
};

}  // namespace belay::steps
