#include "agent/triggers/Definition.h"

#include <algorithm>

#include "common/base/Units.h"

namespace belay::triggers {

using base::Result;
using Kind = flow::ScheduleTrigger::Kind;

namespace {

Result<Timing> timingOf(const flow::ScheduleTrigger& trigger, const calendar::TimeZone& zone) {
  if (trigger.kind == Kind::kCron) return Timing::cron(trigger.when, zone);
  if (trigger.kind == Kind::kAt) return Timing::at(trigger.when, zone);
  if (trigger.start.empty()) return Timing::every(trigger.every);
  BELAY_ASSIGN(const Timing start, Timing::at(trigger.start, zone));
  return Timing::every(trigger.every, start.next(calendar::kBeginning));
}

}  // namespace

Result<Definition> defineSchedule(const flow::ScheduleTrigger& trigger, std::string_view host,
                                  std::string_view slug, calendar::TimeZones& zones) {
  BELAY_ASSIGN(const calendar::TimeZone* const zone, zones.find(trigger.timezone));
  BELAY_ASSIGN(Timing timing, timingOf(trigger, *zone));
  Schedule schedule{std::string(host) + "/" + std::string(slug) + "/" + trigger.id,
                    std::move(timing)};
  schedule.onMissed = onMissedFrom(trigger.onMissed).value_or(OnMissed::kLatest);
  schedule.max = trigger.max;
  schedule.spacing = trigger.spacing;
  schedule.window = trigger.window;
  schedule.jitter = trigger.jitter;
  BELAY_TRY(checkSchedule(schedule));
  return Definition{std::move(schedule), zone};
}

const flow::ScheduleTrigger* findSchedule(const flow::Flow& flow, std::string_view id) {
  const auto& schedules = flow.triggers.schedules;
  const auto found =
      std::find_if(schedules.begin(), schedules.end(),
                   [id](const flow::ScheduleTrigger& trigger) { return trigger.id == id; });
  return found == schedules.end() ? nullptr : &*found;
}

std::string timingText(const flow::ScheduleTrigger& trigger) {
  switch (trigger.kind) {
    case Kind::kCron:
      break;
    case Kind::kAt:
      return "at " + trigger.when;
    case Kind::kEvery:
      return "every " + base::formatDuration(trigger.every) +
             (trigger.start.empty() ? "" : " from " + trigger.start);
  }
  return trigger.when;
}

}  // namespace belay::triggers
