#pragma once

#include <string>
#include <string_view>

#include "agent/flow/Flow.h"
#include "agent/triggers/Schedule.h"
#include "common/base/Result.h"
#include "common/calendar/TimeZones.h"

namespace belay::triggers {

/// A schedule as a flow defines it, with the zone that its times are shown in.
///
/// Ownership: the zone belongs to the zones that it was made with.
struct Definition {
  Schedule schedule;
  const calendar::TimeZone* zone = nullptr;
};

/// The schedule of a flow that was found right. `host` makes jitter differ between hosts.
/// Errors: kTimeZone where this host does not know the zone; kScheduleInvalid.
base::Result<Definition> defineSchedule(const flow::ScheduleTrigger& trigger, std::string_view host,
                                        std::string_view slug, calendar::TimeZones& zones);

/// Null pointer when the flow has no such schedule.
const flow::ScheduleTrigger* findSchedule(const flow::Flow& flow, std::string_view id);

/// When it is due, in the words of the flow: "0 2 * * 1-5", "at 2026-12-24T18:00", "every 90m".
std::string timingText(const flow::ScheduleTrigger& trigger);

}  // namespace belay::triggers
