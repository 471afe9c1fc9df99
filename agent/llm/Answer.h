#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::llm {

/// What an answer has used, as the provider says; 0 where it says nothing.
struct Usage {
  std::int64_t input = 0;         ///< Tokens of the prompt, those of a cache included.
  std::int64_t cached = 0;        ///< Of these, read from a cache.
  std::int64_t cacheWritten = 0;  ///< Of these, written to one.
  std::int64_t output = 0;
  double costUsd = -1;  ///< What the provider itself says; negative: nothing.

  Usage& operator+=(const Usage& other);
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< JSON as the model wrote it.
};

/// What a model has answered, whatever the API.
struct Answer {
  std::string text;
  std::string refusal;  ///< In place of an answer.
  std::vector<ToolCall> toolCalls;
  std::string stopReason;  ///< "stop", "length", "tools", "refusal"; another word of the API.
  std::string model;       ///< Which one has answered.
  Usage usage;
};

/// Why there is none.
struct Trouble {
  base::Error error;
  /// Class of failure for `retry.on`, or empty where trying again does not help.
  std::string_view retryClass;
};

/// Of an answer with an error status: what the provider says is wrong. `body` may be anything.
Trouble troubleOf(int status, std::string_view body);
/// Of an error that came within a stream.
Trouble troubleOf(const json::Value& error);

}  // namespace belay::llm
