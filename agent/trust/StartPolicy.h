#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace belay::trust {

/// Which flows the relay is told of, by name and release.
enum class Discovery {
  kStartable,  ///< Those that some starter may have started.
  kAll,        ///< All that are live.
  kNone,
};

/// Starters who may have flows started from elsewhere.
struct StartRule {
  std::string label;                 ///< "starts.allow[0] (deploys)"
  std::vector<std::string> flows;    ///< Slugs; "*": every flow.
  std::vector<std::string> persons;  ///< Empty: every starter of the roster.
};

/// The section `starts` of a policy.
struct StartRules {
  static constexpr std::chrono::hours kExpires{24};
  std::vector<StartRule> allow;
  std::chrono::milliseconds expires{kExpires};  ///< No start lives longer.
  Discovery discovery = Discovery::kStartable;
};

/// Before the person who has signed a start, where a run says who began it.
inline constexpr std::string_view kStarterPrefix = "starter:";

}  // namespace belay::trust
