#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace belay::flow {

/// Starts runs by time. `at`, `start` and the zone are read by whoever knows zones: agent/triggers.
struct ScheduleTrigger {
  enum class Kind : std::uint8_t { kCron, kAt, kEvery };

  std::string id;  ///< As written, or schedule-N by its place among the schedules of the flow.
  Kind kind = Kind::kCron;
  std::string when;                    ///< Of kCron the expression, of kAt the time.
  std::chrono::milliseconds every{0};  ///< Of kEvery.
  std::string start;                   ///< Of kEvery: a time as in `at`; empty: none.
  std::string timezone;
  std::string onMissed;  ///< "skip", "latest" or "all".
  std::uint32_t max = 0;
  std::chrono::milliseconds spacing{0};
  std::optional<std::chrono::milliseconds> window;  ///< Nothing: no bound.
  std::chrono::milliseconds jitter{0};
  std::string input;  ///< JSON with templates; empty: no input.
};

/// How a delivery proves where it comes from.
struct WebhookAuth {
  enum class Kind : std::uint8_t { kHmac, kBearer, kApiKey, kBasic };
  enum class Scheme : std::uint8_t { kGithub, kStandardWebhooks, kGeneric };

  Kind kind = Kind::kHmac;
  Scheme scheme = Scheme::kGithub;         ///< Of kHmac.
  std::string secret;                      ///< Name of a secret of the vault.
  std::string header;                      ///< Of kHmac with kGeneric, and of kApiKey.
  std::string user;                        ///< Of kBasic.
  std::chrono::milliseconds tolerance{0};  ///< Of kStandardWebhooks: for the timestamp.
};

struct WebhookTrigger {
  std::string name;
  std::optional<WebhookAuth> auth;  ///< Nothing: policy must allow it.
  std::vector<std::string> untrustedHeaders;
  std::optional<std::string> when;  ///< Expression over event, without ${{ }}.
  std::string input;                ///< JSON with templates over event; empty: the body.
  std::chrono::milliseconds dedupeFor{0};
};

struct EventTrigger {
  std::string name;
  std::optional<std::string> when;  ///< Expression over event, without ${{ }}.
  std::string input;                ///< JSON with templates over event; empty: the body.
};

/// What starts runs of a flow besides people.
struct Triggers {
  std::vector<ScheduleTrigger> schedules;
  std::vector<WebhookTrigger> webhooks;
  std::vector<EventTrigger> events;
};

/// How many triggers a flow may have.
inline constexpr double kTriggersMax = 64;

}  // namespace belay::flow
