#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/trust/RenderedEffect.h"
#include "common/calendar/TimeZones.h"

namespace belay::trust {

/// Flows that may use some secrets.
struct SecretRule {
  std::string label;               ///< "secrets[0] (deploy)"
  std::vector<std::string> names;  ///< With * at the end for all that begin so.
  std::vector<std::string> flows;  ///< Slugs; empty: any.
};

/// When flows may act on the world.
struct HoursRule {
  static constexpr unsigned kMinutesOfDay = 24 * 60;

  std::string label;
  std::vector<std::string> flows;  ///< Slugs; empty: any.
  unsigned days = 0x7f;            ///< Bit 0 is Monday.
  unsigned fromMinute = 0;
  unsigned toMinute = kMinutesOfDay;  ///< Not above `fromMinute`: of the next day.
  calendar::TimeZone zone = calendar::TimeZone::utc();

  /// Whether an effect may begin at this moment.
  bool holds(calendar::Instant at) const;
};

/// What holds for all effects of a flow, besides the rules of each kind. Empty lists bound nothing.
struct FlowBounds {
  std::vector<std::string> families;  ///< Of steps; no other family is used.
  std::vector<SecretRule> secrets;    ///< With rules, a secret needs one that names it.
  std::vector<HoursRule> hours;       ///< With rules for a flow, one of them must hold.
};

/// Names of the families that a policy can name, in the words of the flow format.
std::vector<std::string_view> familyNames();

/// A refusal of `bounds`: the rule and why. Empty: none.
struct BoundRefusal {
  std::string rule;
  std::string message;
  std::string change;
};

/// Pure. Threads: any.
BoundRefusal checkFamilyBound(const FlowBounds& bounds, std::string_view family);
BoundRefusal checkSecretBounds(const FlowBounds& bounds, const RenderedEffect& effect);
BoundRefusal checkHours(const FlowBounds& bounds, std::string_view flow, std::int64_t wallMs);

}  // namespace belay::trust
