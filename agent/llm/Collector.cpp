#include "agent/llm/Collector.h"

#include <array>
#include <utility>

#include "common/json/Json.h"

namespace belay::llm {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kStopReasons{{
    {"end_turn", "stop"},
    {"stop_sequence", "stop"},
    {"max_tokens", "length"},
    {"model_context_window_exceeded", "length"},
    {"tool_use", "tools"},
    {"tool_calls", "tools"},
    {"function_call", "tools"},
    {"content_filter", "refusal"},
    {"refusal", "refusal"},
}};

Error notTheApi(const std::string& what) { return Error{ErrorCode::kLlmAnswer, what}; }

std::string stopReasonOf(const std::string& word) {
  for (const auto& [theirs, ours] : kStopReasons)
    if (theirs == word) return std::string(ours);
  return word;
}

const Value& memberOf(const Value& object, std::string_view name) {
  static const Value kNone;
  const Value* found = object.find(name);
  return found ? *found : kNone;
}

/// A number of tokens: what is negative or no number is none.
std::int64_t count(const Value& usage, std::string_view name) {
  const Value& value = memberOf(usage, name);
  return value.isInteger() && value.asInteger() > 0 ? value.asInteger() : 0;
}

}  // namespace

Usage& Usage::operator+=(const Usage& other) {
  input += other.input;
  cached += other.cached;
  cacheWritten += other.cacheWritten;
  output += other.output;
  if (other.costUsd >= 0) costUsd = (costUsd < 0 ? 0 : costUsd) + other.costUsd;
  return *this;
}

Collector::Collector(Api api, bool byTool)
    : api_(api), byTool_(byTool), reader_([this](std::string_view name, std::string_view data) {
        return event(name, data);
      }) {}

Status Collector::fail(const Value& error) {
  trouble_ = troubleOf(error);
  return trouble_->error;
}

Status Collector::event(std::string_view, std::string_view data) {
  if (data == "[DONE]") {
    complete_ = true;
    return {};
  }
  auto parsed = json::parse(data);
  if (!parsed) return notTheApi("an event of the stream is no JSON: " + parsed.error().message);
  if (const Value* error = parsed->find("error"); error && !error->isNull()) return fail(*error);
  return api_ == Api::kOpenAi ? openAi(*parsed) : anthropic(*parsed);
}

Result<ToolCall*> Collector::call(std::int64_t index) {
  if (!calls_.contains(index) && calls_.size() >= kCallsMax)
    return notTheApi("the answer calls more than " + std::to_string(kCallsMax) + " tools");
  return &calls_[index];
}

Status Collector::openAi(const Value& chunk) {
  if (!chunk.isObject()) return notTheApi("an event of the stream is no object");
  if (answer_.model.empty()) answer_.model = chunk.text("model");
  if (const Value& usage = memberOf(chunk, "usage"); usage.isObject()) openAiUsage(usage);
  const Value& choices = memberOf(chunk, "choices");
  if (!choices.isArray() || choices.asArray().empty()) return {};
  const Value& choice = choices.asArray().front();
  const std::string reason = choice.text("finish_reason");
  if (!reason.empty()) {
    answer_.stopReason = stopReasonOf(reason);
    // Some servers end their streams with this and no [DONE].
    complete_ = true;
  }
  const Value* message = choice.find("delta");
  if (!message) message = choice.find("message");
  return message ? openAiChoice(*message) : Status{};
}

Status Collector::openAiChoice(const Value& message) {
  answer_.text += message.text("content");
  answer_.refusal += message.text("refusal");
  const Value& calls = memberOf(message, "tool_calls");
  if (!calls.isArray()) return {};
  std::int64_t position = 0;
  for (const Value& one : calls.asArray()) {
    BELAY_ASSIGN(ToolCall* const target, call(one.integer("index", position++)));
    const Value& function = memberOf(one, "function");
    if (target->id.empty()) target->id = one.text("id");
    if (target->name.empty()) target->name = function.text("name");
    target->arguments += function.text("arguments");
  }
  return {};
}

void Collector::openAiUsage(const Value& usage) {
  answer_.usage.input = count(usage, "prompt_tokens");
  answer_.usage.output = count(usage, "completion_tokens");
  answer_.usage.cached = count(memberOf(usage, "prompt_tokens_details"), "cached_tokens");
  // OpenRouter says what it takes.
  const Value& cost = memberOf(usage, "cost");
  if (cost.isNumber() && cost.asNumber() >= 0) answer_.usage.costUsd = cost.asNumber();
}

Status Collector::anthropic(const Value& event) {
  const std::string type = event.text("type");
  const std::int64_t index = event.integer("index");
  if (type == "message_start") {
    const Value& message = memberOf(event, "message");
    answer_.model = message.text("model");
    anthropicUsage(memberOf(message, "usage"));
  } else if (type == "content_block_start") {
    return anthropicBlock(index, memberOf(event, "content_block"));
  } else if (type == "content_block_delta") {
    const Value& delta = memberOf(event, "delta");
    answer_.text += delta.text("text");
    if (delta.text("type") != "input_json_delta") return {};
    BELAY_ASSIGN(ToolCall* const target, call(index));
    target->arguments += delta.text("partial_json");
  } else if (type == "message_delta") {
    const std::string reason = memberOf(event, "delta").text("stop_reason");
    if (!reason.empty()) answer_.stopReason = stopReasonOf(reason);
    anthropicUsage(memberOf(event, "usage"));
  } else if (type == "message_stop") {
    complete_ = true;
  } else if (type.empty()) {
    return notTheApi("an event of the stream has no type");
  }
  return {};
}

Status Collector::anthropicBlock(std::int64_t index, const Value& block) {
  answer_.text += block.text("text");
  if (block.text("type") != "tool_use") return {};
  BELAY_ASSIGN(ToolCall* const target, call(index));
  target->id = block.text("id");
  target->name = block.text("name");
  // In a stream it is empty, and the input comes in pieces.
  const Value& input = memberOf(block, "input");
  if (input.isObject() && !input.asObject().empty()) target->arguments = json::print(input);
  return {};
}

void Collector::anthropicUsage(const Value& usage) {
  if (!usage.isObject()) return;
  Usage& out = answer_.usage;
  if (usage.find("input_tokens")) {
    out.cached = count(usage, "cache_read_input_tokens");
    out.cacheWritten = count(usage, "cache_creation_input_tokens");
    out.input = count(usage, "input_tokens") + out.cached + out.cacheWritten;
  }
  if (usage.find("output_tokens")) out.output = count(usage, "output_tokens");
}

Result<Answer> Collector::take() {
  for (auto& [index, one] : calls_) {
    // The answer by schema is the text, however it came.
    if (byTool_ && one.name == kAnswerTool) {
      answer_.text = one.arguments.empty() ? "{}" : std::move(one.arguments);
      if (answer_.stopReason == "tools") answer_.stopReason = "stop";
    } else {
      answer_.toolCalls.push_back(std::move(one));
    }
  }
  if (!answer_.refusal.empty()) answer_.stopReason = "refusal";
  return std::move(answer_);
}

Result<Answer> Collector::finish() {
  const Status rest = reader_.finish();
  if (trouble_) return trouble_->error;
  if (!complete_) {
    // What came of an event that was cut off need not be JSON.
    trouble_ = Trouble{notTheApi("the stream broke off before the answer was complete"),
                       "connection"};
    return trouble_->error;
  }
  BELAY_TRY(rest);
  return take();
}

Result<Answer> Collector::whole(std::string_view body) {
  auto parsed = json::parse(body);
  if (!parsed) return notTheApi("the answer is no JSON: " + parsed.error().message);
  if (const Value* error = parsed->find("error"); error && !error->isNull()) {
    BELAY_TRY(fail(*error));
  }
  if (api_ == Api::kOpenAi) {
    BELAY_TRY(openAi(*parsed));
    if (!complete_) return notTheApi("the answer has no choice that is complete");
    return take();
  }
  const Value& content = memberOf(*parsed, "content");
  if (!content.isArray()) return notTheApi("the answer has no content");
  answer_.model = parsed->text("model");
  answer_.stopReason = stopReasonOf(parsed->text("stop_reason"));
  anthropicUsage(memberOf(*parsed, "usage"));
  std::int64_t index = 0;
  for (const Value& block : content.asArray()) BELAY_TRY(anthropicBlock(index++, block));
  return take();
}

}  // namespace belay::llm
