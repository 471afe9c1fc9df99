// Any bytes as the answer of a provider, in both APIs. As a stream they come whole, byte by byte and
// in pieces: the same answer must be put together, or the same refusal given. Then as one document,
// as an error, and as the schema-bound messages of a request.

#include <string>
#include <string_view>

#include "agent/llm/Collector.h"
#include "common/base/Check.h"
#include "common/json/Json.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

std::string shown(const base::Result<llm::Answer>& answer) {
  if (!answer) {
    BELAY_CHECK(!answer.error().message.empty());
    return "failed " + std::string(base::errorText(answer.error().code));
  }
  std::string out = answer->text + "|" + answer->refusal + "|" + answer->stopReason + "|" +
                    answer->model + "|" + std::to_string(answer->usage.input) + "," +
                    std::to_string(answer->usage.output);
  for (const llm::ToolCall& call : answer->toolCalls)
    out += "|" + call.id + "," + call.name + "," + call.arguments;
  return out;
}

std::string stream(std::string_view bytes, llm::Api api, std::size_t piece) {
  llm::Collector collector(api, true);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const base::Status taken = collector.push(bytes.substr(at, piece));
    if (!taken) return shown(base::Result<llm::Answer>(taken.error()));
  }
  return shown(collector.finish());
}

void ask(std::string_view bytes, llm::Api api) {
  llm::Request request;
  request.api = api;
  request.model = "m";
  if (auto messages = json::parse(bytes); messages && messages->isArray())
    request.messages = std::move(messages->asArray());
  else
    llm::addRepair(request, std::string(bytes), std::string(bytes));
  const auto body = llm::bodyOf(request);
  // What is no UTF-8 never comes this far in a flow.
  if (body && json::check(bytes)) BELAY_CHECK(json::check(*body).ok());
}

void answer(std::string_view bytes, llm::Api api) {
  const std::string whole = stream(bytes, api, bytes.size() + 1);
  BELAY_CHECK(stream(bytes, api, 1) == whole);
  BELAY_CHECK(stream(bytes, api, 7) == whole);
  static_cast<void>(shown(llm::Collector(api, true).whole(bytes)));
  ask(bytes, api);
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace belay;
  const std::string_view bytes = fuzz::textOf(data, size);
  fuzz::answer(bytes, llm::Api::kOpenAi);
  fuzz::answer(bytes, llm::Api::kAnthropic);
  const int status = size > 0 ? 400 + data[0] % 200 : 400;
  BELAY_CHECK(!llm::troubleOf(status, bytes).error.message.empty());
  return 0;
}
