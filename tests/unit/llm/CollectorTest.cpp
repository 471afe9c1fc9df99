// Streams as the providers send them, whole, cut at every byte, cut off, and with what is not their
// API in them. What comes out must be the same wherever the pieces were cut.

#include <string>
#include <vector>

#include "agent/llm/Collector.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::base::Result;
using belay::llm::Answer;
using belay::llm::Api;
using belay::llm::Collector;

namespace {

constexpr const char* kOpenAi =
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"}}]}\n\n"
    ": keep-alive\n\n"
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo \\u00fc\"}}]}\r\n\r\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\","
    "\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"a\\\":\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
    "{\"arguments\":\"1}\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,"
    "\"prompt_tokens_details\":{\"cached_tokens\":4},\"cost\":0.25}}\n\n"
    "data: [DONE]\n\n";

constexpr const char* kAnthropic =
    "event: message_start\n"
    "data: {\"type\":\"message_start\",\"message\":{\"model\":\"c-1\",\"usage\":{\"input_tokens\":10,"
    "\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":2,\"output_tokens\":1}}}\n\n"
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\","
    "\"name\":\"answer\",\"input\":{}}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"{\\\"n\\\":\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"3}\"}}\n\n"
    "event: message_delta\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

Result<Answer> collect(Api api, const std::string& stream, std::size_t piece, bool byTool = false) {
  Collector collector(api, byTool);
  for (std::size_t at = 0; at < stream.size(); at += piece)
    BELAY_TRY(collector.push(std::string_view(stream).substr(at, piece)));
  return collector.finish();
}

}  // namespace

TEST_GROUP(Collector){};

TEST(Collector, putsAnOpenAiStreamTogetherWhereverItIsCut) {
  for (std::size_t piece = 1; piece < 90; ++piece) {
    const auto answer = collect(Api::kOpenAi, kOpenAi, piece);
    CHECK(answer.ok());
    STRCMP_EQUAL("Hello ü", answer->text.c_str());
    STRCMP_EQUAL("tools", answer->stopReason.c_str());
    STRCMP_EQUAL("m-1", answer->model.c_str());
    LONGS_EQUAL(1, answer->toolCalls.size());
    STRCMP_EQUAL("{\"a\":1}", answer->toolCalls[0].arguments.c_str());
    LONGS_EQUAL(12, answer->usage.input);
    LONGS_EQUAL(4, answer->usage.cached);
    LONGS_EQUAL(7, answer->usage.output);
    DOUBLES_EQUAL(0.25, answer->usage.costUsd, 0.0001);
  }
}

TEST(Collector, putsAnAnthropicStreamTogetherWhereverItIsCut) {
  for (std::size_t piece = 1; piece < 90; ++piece) {
    const auto answer = collect(Api::kAnthropic, kAnthropic, piece);
    CHECK(answer.ok());
    STRCMP_EQUAL("Hi", answer->text.c_str());
    STRCMP_EQUAL("tools", answer->stopReason.c_str());
    STRCMP_EQUAL("{\"n\":3}", answer->toolCalls[0].arguments.c_str());
    LONGS_EQUAL(17, answer->usage.input);
    LONGS_EQUAL(5, answer->usage.cached);
    LONGS_EQUAL(9, answer->usage.output);
  }
}

TEST(Collector, theAnswerToolIsTheText) {
  const auto answer = collect(Api::kAnthropic, kAnthropic, 1000, true);
  STRCMP_EQUAL("{\"n\":3}", answer->text.c_str());
  STRCMP_EQUAL("stop", answer->stopReason.c_str());
  LONGS_EQUAL(0, answer->toolCalls.size());
}

TEST(Collector, whatIsCutOffIsNoAnswer) {
  const std::string stream = kAnthropic;
  for (const std::size_t most : {std::size_t{0}, stream.size() / 2, stream.size() - 60}) {
    Collector collector(Api::kAnthropic, false);
    CHECK(collector.push(std::string_view(stream).substr(0, most)).ok());
    const auto answer = collector.finish();
    CHECK(answer.error().code == ErrorCode::kLlmAnswer);
    STRCMP_EQUAL("connection", std::string(collector.trouble()->retryClass).c_str());
  }
}

TEST(Collector, anErrorWithinTheStreamIsTheProviders) {
  struct Row {
    Api api;
    const char* stream;
    ErrorCode code;
    const char* retryClass;
  };
  for (const Row& row : {
           Row{Api::kAnthropic,
               "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
               "\"message\":\"Overloaded\"}}\n\n",
               ErrorCode::kHttpStatus, "unavailable"},
           Row{Api::kOpenAi,
               "data: {\"error\":{\"message\":\"no\",\"type\":\"insufficient_quota\",\"code\":null}}\n\n",
               ErrorCode::kLlmQuota, ""},
           Row{Api::kOpenAi, "data: {\"error\":{\"message\":\"odd\"}}\n\n", ErrorCode::kLlmAnswer,
               "server_error"},
           Row{Api::kOpenAi, "data: {\"error\":\"just text\"}\n\n", ErrorCode::kLlmAnswer,
               "server_error"}}) {
    Collector collector(row.api, false);
    CHECK_FALSE(collector.push(row.stream).ok());
    CHECK(collector.trouble()->error.code == row.code);
    STRCMP_EQUAL(row.retryClass, std::string(collector.trouble()->retryClass).c_str());
  }
}

TEST(Collector, whatIsNotTheApiIsSaid) {
  for (const char* stream : {"data: <html>\n\n", "data: 7\n\n", "data: {\"a\":\n\n", "data: \xff\n\n"}) {
    const auto answer = collect(Api::kOpenAi, stream, 1000);
    CHECK_TEXT(!answer.ok() && answer.error().code == ErrorCode::kLlmAnswer, stream);
  }
  CHECK_FALSE(collect(Api::kAnthropic, "data: {\"a\":1}\n\n", 1000).ok());
}

TEST(Collector, anEventHasABound) {
  Collector collector(Api::kOpenAi, false);
  const std::string piece(1u << 20, 'x');
  CHECK(collector.push("data: ").ok());
  bool refused = false;
  for (int i = 0; i < 8 && !refused; ++i) refused = !collector.push(piece).ok();
  CHECK(refused);
}

TEST(Collector, anAnswerCallsOnlySoManyTools) {
  std::string calls;
  for (int i = 0; i < 200; ++i)
    calls += (i ? "," : "") + ("{\"index\":" + std::to_string(i) + ",\"function\":{}}");
  const auto answer = collect(
      Api::kOpenAi, "data: {\"choices\":[{\"delta\":{\"tool_calls\":[" + calls + "]}}]}\n\n", 1000);
  CHECK(answer.error().code == ErrorCode::kLlmAnswer);
}

TEST(Collector, readsAnswersThatAreNoStream) {
  Collector openAi(Api::kOpenAi, false);
  const auto one = openAi.whole(
      R"({"model":"m","choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":1}})");
  STRCMP_EQUAL("yes", one->text.c_str());
  LONGS_EQUAL(3, one->usage.input);
  Collector anthropic(Api::kAnthropic, true);
  const auto two = anthropic.whole(
      R"({"model":"c","content":[{"type":"tool_use","id":"t","name":"answer","input":{"a":1}}],)"
      R"("stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":1}})");
  STRCMP_EQUAL("{\"a\":1}", two->text.c_str());
  for (const char* text : {"", "{}", "[]", "null", R"({"content":7})", R"({"choices":[]})",
                           R"({"choices":[{"message":{"content":"cut"}}]})"}) {
    CHECK_FALSE_TEXT(Collector(Api::kOpenAi, false).whole(text).ok(), text);
    CHECK_FALSE_TEXT(Collector(Api::kAnthropic, false).whole(text).ok(), text);
  }
}

TEST(Collector, aRefusalIsItsReason) {
  const auto answer = collect(
      Api::kOpenAi,
      "data: {\"choices\":[{\"delta\":{\"refusal\":\"I will not\"},\"finish_reason\":\"stop\"}]}\n\n", 1000);
  STRCMP_EQUAL("refusal", answer->stopReason.c_str());
  STRCMP_EQUAL("I will not", answer->refusal.c_str());
}
