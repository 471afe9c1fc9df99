#include "agent/api/QueueView.h"

#include "common/base/Text.h"

namespace belay::api {

namespace {

/// What the run waits for.
std::string_view waitsFor(const journal::QueuePlace& place) {
  if (place.turn == journal::Turn::kReady) return "place";
  return place.behind.empty() ? "release" : "slot";
}

std::string keyOf(const journal::QueuePlace& place) {
  return place.lane.starts_with(":") ? place.lane.substr(1) : "";
}

}  // namespace

std::string queueReason(const journal::QueuePlace& place) {
  const std::string position = "position " + std::to_string(place.ahead + 1);
  if (place.turn == journal::Turn::kReady)
    return "queued for a place on the host (limits.concurrent_runs), " + position;
  if (place.behind.empty())
    return "queued until the runs of another release have ended (on_new_release: drain)";
  const std::string key = keyOf(place);
  return "queued behind " + place.behind.str() + " (" + position +
         (key.empty() ? "" : " of key \"" + base::visible(key) + "\"") + ")";
}

json::Value queueToJson(const journal::QueuePlace& place, bool counted) {
  json::Value out;
  out.set("for", waitsFor(place));
  if (!place.behind.empty()) out.set("behind", place.behind.str());
  if (counted) out.set("position", place.ahead + 1);
  if (place.lane.starts_with(":")) out.set("key", keyOf(place));
  return out;
}

}  // namespace belay::api
