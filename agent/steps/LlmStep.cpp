#include "agent/steps/LlmStep.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/llm/Request.h"
#include "agent/script/TextOutput.h"
#include "agent/steps/Fields.h"
#include "agent/steps/LlmExchange.h"
#include "common/base/Utf8.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using runtime::Attempt;
using runtime::StepResult;

struct LlmStep::Call {
  vault::ConnectionPtr connection;
  llm::Request request;
  std::optional<json::Schema> schema;
  std::int64_t repairs = 0;
  std::uint64_t responseBytesMax = 0;

  const vault::LlmConnection& kind() const {
    return std::get<vault::LlmConnection>(connection->kind);
  }
};

struct LlmStep::Conversation {
  std::int64_t startedMs = 0;
  std::int64_t requests = 0;
  llm::Usage usage;
  llm::Answer answer;  ///< The last one.
  std::optional<Value> json;
};

namespace {

constexpr std::int64_t kRepairsMax = 5;

/// All of a text, also where an expression gave an output whose end is a resource.
Result<std::string> wholeText(const Value& value, Outputs& outputs, const Fields& fields,
                              std::string_view name) {
  if (script::isTextOutput(value) && value.flag("truncated")) {
    const std::string ref = value.text("ref");
    if (ref.empty()) return fields.wrong(name, "is a text whose end was not kept (persist: never)");
    return outputs.load(ref);
  }
  auto text = asText(value);
  if (!text) return fields.wrong(name, "must be a text, is " + std::string(json::kindName(value)));
  return std::move(*text);
}

Result<json::Array> messagesOf(const Value& values, Outputs& outputs, const Fields& fields) {
  json::Array out;
  if (const Value* prompt = values.find("prompt"); prompt && !prompt->isNull()) {
    Value message;
    BELAY_ASSIGN(std::string text, wholeText(*prompt, outputs, fields, "prompt"));
    out.push_back(std::move(message.set("role", "user").set("content", std::move(text))));
    return out;
  }
  const Value* messages = values.find("messages");
  if (!messages || !messages->isArray())
    return fields.wrong("messages", "must be a list of messages");
  for (const Value& one : messages->asArray()) {
    Value message = one;
    const Value* content = one.find("content");
    if (content && (content->isString() || script::isTextOutput(*content))) {
      BELAY_ASSIGN(std::string text, wholeText(*content, outputs, fields, "messages"));
      message.set("content", std::move(text));
    }
    out.push_back(std::move(message));
  }
  return out;
}

Value memberOr(const Value& values, std::string_view name) {
  const Value* found = values.find(name);
  return found ? *found : Value();
}

base::Status readModel(const Value& values, const Fields& fields,
                       const vault::LlmConnection& connection, llm::Request& out) {
  BELAY_ASSIGN(out.model, fields.text("model", connection.model));
  if (out.model.empty()) return fields.wrong("model", "is missing: neither step nor connection has one");
  out.api = connection.api == vault::LlmApi::kAnthropic ? llm::Api::kAnthropic : llm::Api::kOpenAi;
  out.ofOpenAi = connection.ofProvider;
  BELAY_ASSIGN(out.system, fields.text("system"));
  BELAY_ASSIGN(out.maxTokens, fields.integer("max_tokens", 0));
  for (const char* name : {"temperature"}) {
    if (fields.has(name) && !values.find(name)->isNumber()) return fields.wrong(name, "must be a number");
  }
  if (fields.has("tools") && !values.find("tools")->isArray())
    return fields.wrong("tools", "must be a list");
  if (fields.has("extra") && !values.find("extra")->isObject())
    return fields.wrong("extra", "must be an object");
  out.temperature = memberOr(values, "temperature");
  out.tools = memberOr(values, "tools");
  out.extra = memberOr(values, "extra");
  BELAY_ASSIGN(const std::vector<std::string> stop, fields.texts("stop"));
  if (!stop.empty()) out.stop = Value(json::Array(stop.begin(), stop.end()));
  return {};
}

/// The JSON of an answer, which some models put into a block of Markdown.
std::string_view jsonIn(std::string_view text) {
  const std::size_t fence = text.find("```");
  if (fence == std::string_view::npos || text.find_first_of("{[") < fence) return text;
  const std::size_t begin = text.find('\n', fence);
  const std::size_t end = text.rfind("```");
  if (begin == std::string_view::npos || end <= begin) return text;
  return text.substr(begin, end - begin);
}

double costOf(const vault::LlmPrice& price, const llm::Usage& usage) {
  const auto fresh = static_cast<double>(std::max<std::int64_t>(usage.input - usage.cached, 0));
  return (fresh * price.input + static_cast<double>(usage.cached) * price.cached +
          static_cast<double>(usage.output) * price.output) /
         1e6;
}

Value usageToJson(const llm::Usage& usage, std::int64_t requests) {
  Value out;
  out.set("input_tokens", usage.input).set("cached_tokens", usage.cached);
  out.set("output_tokens", usage.output).set("requests", requests);
  return out;
}

}  // namespace

Result<LlmStep::Call> LlmStep::read(const Attempt& attempt, vault::ConnectionPtr pinned) const {
  BELAY_ASSIGN(const Value values, json::parse(attempt.renderedJson));
  const Fields fields(values, attempt.key.path);
  Call call;
  BELAY_ASSIGN(const std::string name, fields.text("connection"));
  BELAY_ASSIGN(call.connection,
               steps::connectionOf(world_.connections, attempt, name, std::move(pinned)));
  if (!std::holds_alternative<vault::LlmConnection>(call.connection->kind))
    return fields.wrong("connection", "\"" + name + "\" is not of type llm");
  BELAY_TRY(readModel(values, fields, call.kind(), call.request));
  BELAY_ASSIGN(call.request.messages, messagesOf(values, world_.outputs, fields));
  BELAY_ASSIGN(call.repairs, fields.integer("repairs", 2));
  if (call.repairs < 0 || call.repairs > kRepairsMax)
    return fields.wrong("repairs", "must be from 0 to " + std::to_string(kRepairsMax));
  call.responseBytesMax = settings_.responseBytesMax;
  if (!fields.has("schema")) return call;
  call.request.schema = *values.find("schema");
  auto compiled = json::Schema::compile(call.request.schema);
  if (!compiled) return std::move(compiled).error().in("step " + attempt.key.path + ": schema");
  call.schema = std::move(*compiled);
  return call;
}

std::optional<runtime::Performer::Connection> LlmStep::connectionOf(const Attempt& attempt) const {
  return limitedConnection(world_.connections, attempt);
}

Result<trust::RenderedEffect> LlmStep::describe(const Attempt& attempt) const {
  BELAY_ASSIGN(const Call call, read(attempt, nullptr));
  pins_.keep(attempt, call.connection);
  trust::HttpEffect effect;
  effect.method = "POST";
  BELAY_ASSIGN(effect.url, vault::connectionUrl(call.kind().http, llm::pathOf(call.request.api)));
  BELAY_TRY(describeConnection(effect, *call.connection, world_.secrets));
  BELAY_ASSIGN(const std::string body, llm::bodyOf(call.request));
  effect.bodyDigest = crypto::sha256(body).hex();
  return trust::RenderedEffect{"llm", attempt.slug, attempt.key.path, std::move(effect)};
}

void LlmStep::start(const Attempt& attempt) {
  auto call = read(attempt, pins_.take(attempt));
  if (!call) return world_.calls.refuse(attempt, call.error());
  const auto shared = std::make_shared<Call>(std::move(*call));
  world_.calls.perform(
      attempt, [this, attempt, shared](http::Client& client, const base::CancelToken& cancel) {
        return converse(attempt, std::move(*shared), client, cancel);
      });
}

void LlmStep::cancel(const base::RunId& run, const engine::StepKey& key) {
  world_.calls.cancel(run, key.path);
}

StepResult LlmStep::converse(const Attempt& attempt, Call call, http::Client& client,
                             const base::CancelToken& cancel) const {
  Conversation so;
  so.startedMs = world_.clock.sinceBoot().count();
  const std::int64_t endMs = so.startedMs + attempt.timeoutMs;
  while (true) {
    LlmExchange exchange{client, world_.secrets, world_.clock, cancel, settings_.connectTimeout,
                         call.responseBytesMax};
    if (attempt.timeoutMs > 0)
      exchange.timeout = std::chrono::milliseconds{endMs - world_.clock.sinceBoot().count()};
    ++so.requests;
    auto answer = exchange.ask(call.connection, call.request);
    if (const auto* missed = std::get_if<LlmExchange::Missed>(&answer)) {
      StepResult out = failed(attempt, call, so, missed->trouble.error, missed->trouble.retryClass);
      if (missed->failure) out.failure = resultOf(attempt, *missed->failure).failure;
      out.failure->nothingLeft = missed->nothingLeft;
      out.retryAfterMs = missed->retryAfterMs;
      return out;
    }
    if (auto done = judge(attempt, call, std::get<llm::Answer>(std::move(answer)), so))
      return std::move(*done);
  }
}

/// Nothing when the model is asked once more.
std::optional<StepResult> LlmStep::judge(const Attempt& attempt, Call& call, llm::Answer answer,
                                         Conversation& so) const {
  so.usage += answer.usage;
  auto clean = world_.outputs.redact(answer.text);
  if (!clean) return failed(attempt, call, so, clean.error());
  answer.text = std::move(*clean);
  so.answer = std::move(answer);
  if (so.answer.stopReason == "refusal") {
    return failed(attempt, call, so,
                  Error{ErrorCode::kLlmRequest,
                        "the model refused" + (so.answer.refusal.empty() ? std::string()
                                                                         : ": " + so.answer.refusal)});
  }
  if (!call.schema || !so.answer.toolCalls.empty()) return result(attempt, call, so);
  if (so.answer.stopReason == "length") {
    return failed(attempt, call, so,
                  Error{ErrorCode::kLlmLength, "the answer was cut after " +
                                                   std::to_string(so.answer.usage.output) +
                                                   " tokens; its schema wants it whole"});
  }
  return judgeJson(attempt, call, so.answer.text, so);
}

std::optional<StepResult> LlmStep::judgeJson(const Attempt& attempt, Call& call,
                                             const std::string& text, Conversation& so) const {
  std::string problems;
  auto parsed = json::parse(jsonIn(text));
  if (!parsed) {
    problems = "it is not JSON: " + parsed.error().message;
  } else {
    problems = json::describe(call.schema->validate(*parsed));
    if (problems.empty()) {
      so.json = std::move(*parsed);
      return result(attempt, call, so);
    }
  }
  if (so.requests > call.repairs) {
    return failed(attempt, call, so,
                  Error{ErrorCode::kLlmSchema,
                        "after " + std::to_string(so.requests) + " requests: " +
                            std::string(base::wholeCharacters(problems, 1000))});
  }
  llm::addRepair(call.request, text, problems);
  return std::nullopt;
}

StepResult LlmStep::result(const Attempt& attempt, const Call& call, Conversation& so) const {
  StepResult result;
  result.durationMs = world_.clock.sinceBoot().count() - so.startedMs;
  auto text = world_.outputs.keepText(so.answer.text, attempt.persist, attempt.key.path + ".text",
                                      result.resources);
  Value output;
  if (text) output.set("text", *text);
  if (so.json) output.set("json", std::move(*so.json));
  if (!so.answer.toolCalls.empty()) {
    json::Array calls;
    for (const llm::ToolCall& one : so.answer.toolCalls) {
      const auto clean = world_.outputs.redact(one.arguments);
      auto arguments = json::parse(clean ? *clean : "");
      Value made;
      made.set("id", one.id).set("name", one.name);
      made.set("arguments", arguments ? std::move(*arguments) : Value(clean ? *clean : ""));
      calls.push_back(std::move(made));
    }
    output.set("tool_calls", std::move(calls));
  }
  output.set("stop_reason", so.answer.stopReason).set("model", so.answer.model);
  output.set("usage", usageToJson(so.usage, so.requests));
  const vault::LlmPrice* price = call.kind().priceOf(call.request.model);
  if (so.usage.costUsd >= 0)
    output.set("cost_usd", so.usage.costUsd);
  else if (price)
    output.set("cost_usd", costOf(*price, so.usage));
  output.set("duration_ms", result.durationMs);
  auto printed = world_.outputs.print(output);
  if (printed && text) {
    result.outputJson = std::move(*printed);
    return result;
  }
  // The model has answered all the same.
  StepResult lost = refusalOf(printed ? text.error() : printed.error());
  lost.failure->nothingLeft = false;
  return lost;
}

/// With what was said and used so far: it has cost something all the same.
StepResult LlmStep::failed(const Attempt& attempt, const Call& call, Conversation& so,
                           const Error& error, std::string_view retryClass) const {
  StepResult out = result(attempt, call, so);
  out.ok = false;
  engine::Failure& failure = out.failure.emplace();
  failure.code = base::errorText(error.code);
  failure.kind = failureClassOf(retryClass);
  const auto clean = world_.outputs.redact(error.message);
  failure.message = clean ? *clean : base::errorText(error.code);
  return out;
}

}  // namespace belay::steps
