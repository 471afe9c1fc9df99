#pragma once

#include <optional>
#include <string>

#include "agent/journal/ScheduleTable.h"
#include "agent/triggers/Definition.h"

namespace belay::triggers {

/// One sentence for people about a row of the ledger: explain(), and what became of its start.
/// `definition` is that of the release which decided, if it can still be read; without it times are
/// shown in UTC.
std::string explainRow(const journal::OccurrenceRow& row,
                       const std::optional<Definition>& definition);

/// The time that somebody means by an instant or a local time of the zone: in a gap the gap's end,
/// in a fold the first of both. Errors: kScheduleInvalid.
base::Result<Instant> readTime(std::string_view text, const calendar::TimeZone& zone);

}  // namespace belay::triggers
