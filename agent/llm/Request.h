#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::llm {

/// Whose wire format is spoken. Servers of local models speak kOpenAi.
enum class Api { kOpenAi, kAnthropic };

/// What a model is asked, whatever the API.
struct Request {
  Api api = Api::kOpenAi;
  std::string model;
  std::string system;
  json::Array messages;         ///< {role, content}; content as the API has it.
  json::Value schema;           ///< Of the answer; null: it is text.
  json::Value tools;            ///< {name, description, schema}, or as the API has them; null: none.
  json::Value stop;             ///< A list of texts, or null.
  json::Value temperature;      ///< A number, or null.
  json::Value extra;            ///< Members of the body as the API has them, or null.
  std::int64_t maxTokens = 0;   ///< 0: as the API does; 4096 where it wants a number.
  bool ofOpenAi = false;        ///< At OpenAI itself, which calls some things otherwise by now.
};

/// The name of the tool that an answer by schema is asked through, where the API has no other way.
inline constexpr std::string_view kAnswerTool = "answer";

/// True when the answer comes as a call of kAnswerTool.
bool answersByTool(const Request& request);

/// The path below the base URL: "/chat/completions", "/messages".
std::string_view pathOf(Api api);
/// The body, of a request that is answered as a stream. Errors: kInvalidArgument for an `extra` that
/// would change what this program relies on, and for messages that are none.
base::Result<std::string> bodyOf(const Request& request);

/// Adds an answer that does not do, and what is wrong with it, for another try.
void addRepair(Request& request, const std::string& answer, const std::string& problems);

}  // namespace belay::llm
