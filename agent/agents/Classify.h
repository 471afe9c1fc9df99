#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/agents/Adapter.h"

namespace belay::agents {

/// What an HTTP status of a provider, or the words of an agent, say about the reason; kFailed:
/// nothing.
Outcome reasonOf(int status, std::string_view words);

/// The rule that all agents share: success needs exit status 0 and a last event that says so.
/// Everything else is told as exactly as the last words allow.
Verdict judgeEnding(const Ending& ending);

/// "exit status 1", "signal 9".
std::string howItEnded(const Ending& ending);

/// "try again in 20 s", "Retry-After: 20", "retry_after_ms": what a message says; 0: nothing.
std::int64_t retryAfterIn(std::string_view words);

/// The last line that is not blank, made visible and cut.
std::string lastLine(std::string_view text);

/// A line of JSON that is an object. Strings that were cut within a surrogate pair, as programs in
/// JavaScript write them, are mended.
std::optional<json::Value> parseLine(std::string_view line);

/// The first member of `names` that is a text and not empty.
std::string firstText(const json::Value& value, std::initializer_list<std::string_view> names);

/// What a tool is about to do, in a few words: its command, path, URL, or its input as JSON.
std::string describeInput(const json::Value& input);

/// A number of tokens: from 0 to a million millions, whatever was written there.
std::int64_t countIn(const json::Value& value, std::string_view name);

/// At most `bytes`, cut between characters.
std::string cutText(std::string text, std::size_t bytes);

}  // namespace belay::agents
