#include "agent/llm/Request.h"

#include <algorithm>
#include <array>

#include "common/json/Json.h"

namespace belay::llm {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::int64_t kMaxTokens = 4096;  // Of an API that wants a number.
constexpr std::array<std::string_view, 4> kOwnMembers{"stream", "messages", "model", "system"};

Error wrong(const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; }

Value message(std::string_view role, std::string_view content) {
  Value out;
  out.set("role", role).set("content", content);
  return out;
}

/// A tool as the API has it. What is not in the neutral form goes through as it is.
Value toolOf(const Value& tool, Api api) {
  if (!tool.isObject() || tool.find("type") || !tool.find("schema")) return tool;
  Value out;
  out.set("name", tool.text("name"));
  if (const Value* description = tool.find("description")) out.set("description", *description);
  out.set(api == Api::kOpenAi ? "parameters" : "input_schema", *tool.find("schema"));
  if (api == Api::kAnthropic) return out;
  Value function;
  function.set("type", "function").set("function", std::move(out));
  return function;
}

Value answerTool(const Request& request) {
  Value tool;
  tool.set("name", kAnswerTool).set("description", "Gives the answer.");
  tool.set("schema", request.schema);
  return tool;
}

void addTools(const Request& request, Value& body) {
  json::Array tools;
  if (answersByTool(request)) {
    tools.push_back(toolOf(answerTool(request), request.api));
    Value choice;
    choice.set("type", "tool").set("name", kAnswerTool);
    body.set("tool_choice", std::move(choice));
  } else if (request.tools.isArray()) {
    for (const Value& tool : request.tools.asArray()) tools.push_back(toolOf(tool, request.api));
  }
  if (!tools.empty()) body.set("tools", std::move(tools));
}

/// The system prompt, and where nothing else carries it the schema.
std::string systemOf(const Request& request) {
  const bool told = request.schema.isNull() || answersByTool(request) ||
                    (request.api == Api::kOpenAi && !request.tools.isArray());
  if (told) return request.system;
  return request.system + (request.system.empty() ? "" : "\n\n") +
         "Your final answer is one JSON value and nothing else. It matches this JSON Schema: " +
         json::print(request.schema);
}

void addForOpenAi(const Request& request, Value& body) {
  if (request.maxTokens > 0)
    body.set(request.ofOpenAi ? "max_completion_tokens" : "max_tokens", request.maxTokens);
  if (!request.stop.isNull()) body.set("stop", request.stop);
  Value usage;
  body.set("stream_options", std::move(usage.set("include_usage", true)));
  if (request.schema.isNull() || request.tools.isArray()) return;
  Value named;
  named.set("name", kAnswerTool).set("schema", request.schema);
  Value format;
  format.set("type", "json_schema").set("json_schema", std::move(named));
  body.set("response_format", std::move(format));
}

void addForAnthropic(const Request& request, Value& body) {
  body.set("max_tokens", request.maxTokens > 0 ? request.maxTokens : kMaxTokens);
  if (!request.stop.isNull()) body.set("stop_sequences", request.stop);
}

Status addMessages(const Request& request, Value& body) {
  std::string system = systemOf(request);
  json::Array messages;
  for (const Value& one : request.messages) {
    if (!one.isObject() || one.text("role").empty() || !one.find("content"))
      return wrong("each message needs a role and a content");
    const Value* content = one.find("content");
    const bool lifted = request.api == Api::kAnthropic && one.text("role") == "system";
    if (!lifted) {
      messages.push_back(one);
    } else if (content->isString()) {
      system += (system.empty() ? "" : "\n\n") + content->asString();
    } else {
      return wrong("the content of a system message must be a text");
    }
  }
  if (messages.empty()) return wrong("there is no message");
  if (!system.empty() && request.api == Api::kAnthropic) body.set("system", system);
  if (!system.empty() && request.api == Api::kOpenAi)
    messages.insert(messages.begin(), message("system", system));
  body.set("messages", std::move(messages));
  return {};
}

}  // namespace

bool answersByTool(const Request& request) {
  return request.api == Api::kAnthropic && !request.schema.isNull() && !request.tools.isArray();
}

std::string_view pathOf(Api api) {
  return api == Api::kOpenAi ? "/chat/completions" : "/messages";
}

Result<std::string> bodyOf(const Request& request) {
  Value body;
  body.set("model", request.model).set("stream", true);
  BELAY_TRY(addMessages(request, body));
  if (!request.temperature.isNull()) body.set("temperature", request.temperature);
  addTools(request, body);
  request.api == Api::kOpenAi ? addForOpenAi(request, body) : addForAnthropic(request, body);
  if (!request.extra.isObject()) return json::print(body);
  for (const auto& [name, value] : request.extra.asObject()) {
    if (std::find(kOwnMembers.begin(), kOwnMembers.end(), name) != kOwnMembers.end())
      return wrong("extra must not hold " + name);
    body.set(name, value);
  }
  return json::print(body);
}

void addRepair(Request& request, const std::string& answer, const std::string& problems) {
  // An empty message is refused by some APIs.
  request.messages.push_back(message("assistant", answer.empty() ? "(nothing)" : answer));
  request.messages.push_back(message(
      "user", "That answer does not match the schema:\n" + problems +
                  "\nAnswer again, with one JSON value that matches it and nothing else."));
}

}  // namespace belay::llm
