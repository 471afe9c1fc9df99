#include "agent/agents/Watchdog.h"

#include <algorithm>
#include <cstdio>

namespace belay::agents {

std::int64_t Watchdog::nextMs() const {
  std::int64_t next = -1;
  const auto consider = [&](std::int64_t fromMs, std::int64_t boundMs) {
    if (boundMs <= 0) return;
    const std::int64_t at = fromMs + boundMs;
    next = next < 0 ? at : std::min(next, at);
  };
  consider(startedMs_, budgets_.wallMs);
  if (quiet_) consider(startedMs_, budgets_.firstOutputMs);
  if (!quiet_) consider(progressMs_, budgets_.noProgressMs);
  return next;
}

std::string Watchdog::expired(std::int64_t nowMs) const {
  const auto hit = [nowMs](std::int64_t fromMs, std::int64_t boundMs) {
    return boundMs > 0 && nowMs >= fromMs + boundMs;
  };
  if (quiet_ && hit(startedMs_, budgets_.firstOutputMs)) return "first_output_ms";
  if (!quiet_ && hit(progressMs_, budgets_.noProgressMs)) return "no_progress_ms";
  if (hit(startedMs_, budgets_.wallMs)) return "wall_ms";
  return {};
}

Outcome outcomeOfBudget(const std::string& budget) {
  if (budget == "first_output_ms") return Outcome::kNoOutput;
  if (budget == "no_progress_ms") return Outcome::kStalled;
  if (budget == "wall_ms") return Outcome::kTimeout;
  return Outcome::kOverBudget;
}

std::string spentText(const std::string& budget) {
  const int length = static_cast<int>(std::min(budget.rfind('_'), budget.size()));
  char text[64];
  std::snprintf(text, sizeof text, "budget.%.*s%s is used up", length, budget.c_str(),
                budget == "wall_ms" ? "_clock" : "");
  return text;
}

}  // namespace belay::agents
