#include "agent/triggers/Explain.h"

#include "agent/triggers/Ledger.h"

namespace belay::triggers {

using base::Result;
using journal::OccurrenceState;

std::string explainRow(const journal::OccurrenceRow& row,
                       const std::optional<Definition>& definition) {
  const Occurrence occurrence = occurrenceOf(row);
  if (!definition) {
    const calendar::TimeZone utc = calendar::TimeZone::utc();
    const auto any = Timing::every(std::chrono::seconds{1});
    return explain(occurrence, Schedule{"", *any}, utc);
  }
  std::string out = explain(occurrence, definition->schedule, *definition->zone);
  if (row.state == OccurrenceState::kStarted) out += ", as run " + row.run;
  if (row.state == OccurrenceState::kWaiting) out += "; it waits for that";
  return out;
}

Result<Instant> readTime(std::string_view text, const calendar::TimeZone& zone) {
  BELAY_ASSIGN(const Timing once, Timing::at(text, zone));
  // A timing of one instant has it as its first due time.
  return once.next(calendar::kBeginning).value_or(Instant{});
}

}  // namespace belay::triggers
