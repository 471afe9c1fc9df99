#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/runtime/FlowLifecycle.h"
#include "agent/runtime/Runtime.h"
#include "agent/script/Evaluator.h"
#include "agent/triggers/DeliveryProof.h"
#include "agent/trust/Policy.h"
#include "agent/vault/SecretSource.h"
#include "common/json/Value.h"
#include "common/log/Log.h"

namespace belay::triggers {

/// What became of a delivery.
struct Delivered {
  std::optional<base::RunId> run;  ///< That it started.
  std::uint64_t answered = 0;      ///< Waits that it answered.
  bool existing = false;           ///< It came before: nothing was done.
  bool ignored = false;            ///< `when` of the webhook does not hold.
  bool skipped = false;            ///< `on_conflict: skip` of the flow: there is no run.
  base::RunId because{};           ///< Of a skipped one: a run that is in the way; empty: several.
};

/// An event that somebody tells this host of.
struct Emission {
  std::string name;  ///< 1 to 200 bytes.
  std::string bodyJson = "null";
  std::string by;
  std::uint32_t depth =
      0;  ///< Runs above one that it starts: of a step's, those of its run and it.
  std::string requester{};  ///< Who caused it, where `by` is a run; empty: `by`.
};

/// What became of an event.
struct EventOutcome {
  std::uint64_t answered = 0;  ///< Waits that it answered.
  std::vector<base::RunId> runs;
  /// A flow that it did not start, and why.
  struct Refusal {
    std::string flow;
    base::Error error;
  };
  std::vector<Refusal> refused;
  /// A flow that skipped it (`on_conflict: skip`).
  struct Skip {
    std::string flow;
    base::RunId because;  ///< A run that is in the way; empty: several.
  };
  std::vector<Skip> skipped;
};

/// {answered, runs, refused?, skipped?}, for whoever emitted it.
json::Value outcomeJson(const EventOutcome& outcome);

/// Bytes of a delivery's body, which is verified in the loop.
inline constexpr std::size_t kDeliveryBytesMax = 1u << 20;

/// Starts runs of live flows by events of this host and by deliveries to their webhooks, and
/// answers the waits for them. Everything stands in the open transaction: the run of a delivery and
/// the mark that it came are there both or neither.
///
/// Threads:   the loop.
/// Ownership: borrows the world.
/// Errors:    of the request, after which nothing was written; or one that ends the transaction.
class Events {
 public:
  struct World {
    runtime::Runtime& runtime;
    script::Evaluator& evaluator;
    const vault::SecretSource& secrets;
    const trust::Policy& policy;
    log::Log& log;
  };
  explicit Events(World world) : world_(world) {}

  /// A flow that could not be started does not keep the others from hearing.
  /// Errors: kInvalidArgument, with nothing done; or one that ends the transaction.
  base::Result<EventOutcome> emit(const Emission& emission);

  /// Verifies a delivery to a webhook of a flow's live release. It answers the waits of that flow's
  /// runs for an event of the webhook's name, or else starts a run.
  /// Errors: kWebhookRefused, kPolicyRefused without authentication, kNotFound, kFlowNotLive,
  /// kFlowArchived, kLimit, kJsonSyntax, kSecretNotFound; of the start.
  /// `requester`: who hands it in on this host; empty: nobody of it.
  base::Result<Delivered> deliver(const std::string& slug, const std::string& webhook,
                                  const Delivery& delivery, const std::string& requester = {});

 private:
  struct Live {
    runtime::FlowVersion version;
    std::shared_ptr<const runtime::LoadedFlow> flow;
  };
  struct Occasion {
    const std::optional<std::string>& when;
    const std::string& input;
    std::string triggerJson;
    std::string eventJson;
    std::string by;
    std::string requester;
    std::uint32_t depth = 0;
  };
  base::Result<Live> live(const std::string& slug);
  /// Starts a flow by each of its triggers for an event. Errors: those that end the transaction.
  base::Status startListener(const std::string& slug, const Emission& emission, EventOutcome& out);
  base::Result<Proof> prove(const flow::WebhookTrigger& trigger, const std::string& slug,
                            const Delivery& delivery);
  base::Result<Delivered> take(const Live& live, const flow::WebhookTrigger& trigger,
                               const Delivery& delivery, const Proof& proof,
                               const std::string& requester);
  /// Nothing when `when` does not hold.
  base::Result<std::optional<runtime::Started>> start(const Live& live, const Occasion& occasion);

  const World world_;
};

}  // namespace belay::triggers
