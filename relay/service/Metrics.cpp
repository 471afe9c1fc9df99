#include "relay/service/Metrics.h"

namespace belay::service {

namespace {

struct Row {
  Counter counter;
  std::string_view name;
};
constexpr std::array<Row, static_cast<std::size_t>(Counter::kCount)> kRows{{
    {Counter::kRequests, "requests"},
    {Counter::kRefused, "requests_refused"},
    {Counter::kRateLimited, "requests_rate_limited"},
    {Counter::kQuotaRefused, "messages_over_quota"},
    {Counter::kEnrolled, "hosts_enrolled"},
    {Counter::kSessions, "sessions_opened"},
    {Counter::kFenced, "sessions_fenced"},
    {Counter::kPolls, "polls"},
    {Counter::kMessagesIn, "messages_from_hosts"},
    {Counter::kMessagesRepeated, "messages_repeated"},
    {Counter::kMessagesOut, "messages_to_hosts"},
    {Counter::kCallbacks, "callbacks_taken"},
    {Counter::kWebhooks, "webhooks_taken"},
    {Counter::kPins, "pins_taken"},
    {Counter::kReleases, "releases_taken"},
    {Counter::kApprovals, "approvals_taken"},
    {Counter::kDecisions, "decisions_taken"},
    {Counter::kArtifactParts, "artifact_parts_taken"},
    {Counter::kStarts, "starts_taken"},
    {Counter::kEventsTaken, "events_taken"},
    {Counter::kEventAttemptsFailed, "event_attempts_failed"},
    {Counter::kCommits, "commits"},
}};

constexpr bool rowsFollowTheEnum() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].counter) != i) return false;
  }
  return true;
}
static_assert(rowsFollowTheEnum(), "kRows must list every Counter, in enum order");

}  // namespace

std::string Metrics::print() const {
  std::string out;
  for (const Row& row : kRows) {
    const std::string name = "belay_relay_" + std::string(row.name) + "_total";
    out += "# TYPE " + name + " counter\n" + name + " " + std::to_string(value(row.counter)) + "\n";
  }
  return out;
}

void appendGauge(std::string& out, std::string_view name, std::int64_t value) {
  const std::string full = "belay_relay_" + std::string(name);
  out += "# TYPE " + full + " gauge\n" + full + " " + std::to_string(value) + "\n";
}

}  // namespace belay::service
