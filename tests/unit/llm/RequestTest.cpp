// What is sent for one request in the words of each API, and how errors of providers are read.

#include <string>

#include "agent/llm/Answer.h"
#include "agent/llm/Request.h"
#include "common/json/Json.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::json::Value;
using belay::llm::Api;
using belay::llm::bodyOf;
using belay::llm::Request;
using belay::llm::troubleOf;

namespace {

Value read(const std::string& text) { return belay::json::parse(text).value(); }

}  // namespace

TEST_GROUP(LlmRequest) {
  Request request;

  void setup() override {
    request.model = "m";
    request.messages = read(R"([{"role":"user","content":"hi"}])").asArray();
  }
  Value body() { return read(bodyOf(request).value()); }
};

TEST(LlmRequest, speaksOpenAi) {
  request.system = "be short";
  request.maxTokens = 9;
  request.temperature = 0.5;
  request.stop = read(R"(["END"])");
  request.schema = read(R"({"type":"object"})");
  CHECK(body() == read(R"({"model":"m","stream":true,"messages":[{"role":"system","content":"be short"},
      {"role":"user","content":"hi"}],"temperature":0.5,"max_tokens":9,"stop":["END"],
      "stream_options":{"include_usage":true},"response_format":{"type":"json_schema",
      "json_schema":{"name":"answer","schema":{"type":"object"}}}})"));
  request.ofOpenAi = true;
  LONGS_EQUAL(9, body().integer("max_completion_tokens"));
  POINTERS_EQUAL(nullptr, body().find("max_tokens"));
}

TEST(LlmRequest, speaksAnthropic) {
  request.api = Api::kAnthropic;
  request.system = "be short";
  request.messages.insert(request.messages.begin(), read(R"({"role":"system","content":"and kind"})"));
  request.schema = read(R"({"type":"object"})");
  CHECK(body() == read(R"({"model":"m","stream":true,"system":"be short\n\nand kind",
      "messages":[{"role":"user","content":"hi"}],"max_tokens":4096,
      "tools":[{"name":"answer","description":"Gives the answer.","input_schema":{"type":"object"}}],
      "tool_choice":{"type":"tool","name":"answer"}})"));
}

TEST(LlmRequest, passesToolsInTheWordsOfTheApi) {
  request.tools = read(R"([{"name":"t","description":"d","schema":{"type":"object"}},{"type":"own"}])");
  CHECK(*body().find("tools") == read(R"([{"type":"function","function":{"name":"t","description":"d",
      "parameters":{"type":"object"}}},{"type":"own"}])"));
  request.api = Api::kAnthropic;
  request.schema = read(R"({"type":"object"})");
  CHECK(*body().find("tools") ==
        read(R"([{"name":"t","description":"d","input_schema":{"type":"object"}},{"type":"own"}])"));
  // With tools of its own nothing forces the answer into one, so that it is told.
  STRCMP_CONTAINS("JSON Schema", body().text("system").c_str());
}

TEST(LlmRequest, extraCannotChangeWhatThisProgramReliesOn) {
  request.extra = read(R"({"seed":7})");
  LONGS_EQUAL(7, body().integer("seed"));
  for (const char* text : {R"({"stream":false})", R"({"messages":[]})", R"({"model":"x"})"}) {
    request.extra = read(text);
    CHECK_FALSE_TEXT(bodyOf(request).ok(), text);
  }
}

TEST(LlmRequest, refusesWhatIsNoMessage) {
  for (const char* text : {"[]", "[7]", R"([{"role":"user"}])", R"([{"content":"x"}])"}) {
    request.messages = read(text).asArray();
    CHECK_FALSE_TEXT(bodyOf(request).ok(), text);
  }
}

TEST(LlmRequest, readsErrorsOfProviders) {
  struct Row {
    int status;
    const char* body;
    ErrorCode code;
    const char* retryClass;
  };
  for (const Row& row :
       {Row{401, R"({"error":{"message":"bad key"}})", ErrorCode::kAuthentication, ""},
        Row{403, "", ErrorCode::kAuthentication, ""},
        Row{400, R"({"error":{"message":"too long"}})", ErrorCode::kLlmRequest, ""},
        Row{404, "<html>", ErrorCode::kLlmRequest, ""},
        Row{402, "", ErrorCode::kLlmQuota, ""},
        Row{429, R"({"error":{"code":"rate_limit_exceeded"}})", ErrorCode::kRateLimited, "rate_limited"},
        Row{429, R"({"error":{"code":"insufficient_quota"}})", ErrorCode::kLlmQuota, ""},
        Row{500, "", ErrorCode::kHttpStatus, "server_error"},
        Row{503, "", ErrorCode::kHttpStatus, "unavailable"},
        Row{504, "", ErrorCode::kHttpStatus, "timeout"},
        Row{529, R"({"error":{"type":"overloaded_error"}})", ErrorCode::kHttpStatus, "unavailable"}}) {
    const auto trouble = troubleOf(row.status, row.body);
    CHECK_TEXT(trouble.error.code == row.code, row.body);
    STRCMP_EQUAL(row.retryClass, std::string(trouble.retryClass).c_str());
  }
  STRCMP_CONTAINS("too long",
                  troubleOf(400, R"({"error":{"message":"too long"}})").error.message.c_str());
}
