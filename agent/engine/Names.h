#pragma once

#include <optional>
#include <string_view>

#include "agent/engine/Event.h"

namespace belay::engine {

// The words for enumerators, as they stand in journals, JSON output and docs; each has its way
// back.

std::string_view outcomeName(StepOutcome outcome);
std::optional<StepOutcome> outcomeFrom(std::string_view name);
std::string_view nextName(Next::Kind kind);
std::optional<Next::Kind> nextFrom(std::string_view name);
std::string_view runEndName(RunEnd end);
std::optional<RunEnd> runEndFrom(std::string_view name);
std::string_view answerName(WaitAnswer answer);
std::optional<WaitAnswer> answerFrom(std::string_view name);
std::string_view resolutionName(Resolution resolution);
std::optional<Resolution> resolutionFrom(std::string_view name);
std::string_view onTimeoutName(flow::OnTimeout onTimeout);
std::optional<flow::OnTimeout> onTimeoutFrom(std::string_view name);

std::string_view blockKindName(BlockKind kind);
std::optional<BlockKind> blockKindFrom(std::string_view name);

}  // namespace belay::engine
