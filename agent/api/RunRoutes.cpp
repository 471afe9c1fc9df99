#include <utility>

#include "agent/api/Checking.h"
#include "agent/api/Routes.h"
#include "agent/engine/Names.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using json::Value;

namespace {

constexpr std::size_t kStartKeyBytesMax = 200;

/// What a request to start a run asks for, checked as far as it can be without the journal.
struct Start {
  std::string slug;  ///< Empty: of the content.
  FlowText content;  ///< Empty: the draft that is there.
  runtime::StartRequest request;
};

Result<Start> readStart(const Exchange& exchange) {
  BELAY_ASSIGN(Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "flow content file input draft"));
  Start start;
  BELAY_ASSIGN(start.slug, textMember(body, "flow"));
  BELAY_ASSIGN(start.content, readFlowText(body));
  if (start.slug.empty() == start.content.text.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the body needs either \"flow\" (a slug) or \"content\" (a flow file)"};
  }
  if (Value* input = body.find("input")) {
    if (!input->isObject()) {
      return Error{ErrorCode::kInputInvalid,
                   "the input must be an object, it is " + std::string(json::kindName(*input))};
    }
    start.request.input = std::move(*input);
  }
  start.request.by = exchange.caller().shown();
  start.request.triggerJson = R"({"type":"manual"})";
  if (const std::string* key = exchange.request().headers.find("Idempotency-Key")) {
    if (key->empty() || key->size() > kStartKeyBytesMax || !base::isUtf8(*key)) {
      return Error{ErrorCode::kInvalidArgument, "an Idempotency-Key has 1 to 200 bytes of UTF-8"};
    }
    // One caller's keys are nobody else's.
    start.request.idempotencyKey = exchange.caller().person() + ":" + *key;
  }
  return start;
}

Changed startedRun(const runtime::Started& started) {
  Changed changed;
  changed.data.set("existing", started.existing);
  changed.run = started.run;
  return changed;
}

Result<Changed> startDraft(runtime::Runtime& runtime, const Start& start) {
  BELAY_ASSIGN(const std::optional<journal::FlowHeadRow> head, runtime.journal().flowHead(start.slug));
  if (!head) {
    return Error{ErrorCode::kNotFound, "there is no flow \"" + base::visible(start.slug) + "\" on this host",
                 {"belay flow list", "belay flow run FILE"}};
  }
  runtime::StartRequest request = start.request;
  request.digest = head->draftDigest;
  BELAY_ASSIGN(const runtime::Started started, runtime.start(request));
  return startedRun(started);
}

void startContent(Backend& backend, const ExchangePtr& exchange, Start start) {
  backend.work(exchange, [&backend, exchange, start = std::move(start)](Workers::Tools& tools) {
    auto checked = checkFlowText(start.content, tools.syntax);
    if (!checked.flow) return exchange->fail(firstError(checked), diagnosticsToJson(checked));
    auto flow = std::make_shared<flow::Flow>(std::move(*checked.flow));
    backend.change(exchange, [start, flow](runtime::Runtime& runtime) -> Result<Changed> {
      BELAY_TRY(storeFlow(runtime, *flow, start.content));
      runtime::StartRequest request = start.request;
      request.digest = flow->digest;
      BELAY_ASSIGN(const runtime::Started started, runtime.start(request));
      return startedRun(started);
    });
  });
}

}  // namespace

void startRun(Backend& backend, const ExchangePtr& exchange) {
  auto start = readStart(*exchange);
  if (!start) return exchange->fail(start.error());
  if (!start->content.text.empty()) return startContent(backend, exchange, std::move(*start));
  backend.change(exchange, [start = std::move(*start)](runtime::Runtime& runtime) {
    return startDraft(runtime, start);
  });
}

void controlRun(Backend& backend, const ExchangePtr& exchange, runtime::Verb verb) {
  backend.change(exchange, [exchange, verb](runtime::Runtime& runtime) -> Result<Changed> {
    BELAY_ASSIGN(const RunId run, findRun(runtime.journal(), exchange->param("run")));
    BELAY_TRY(runtime.control(run, verb, exchange->caller().shown()));
    return Changed{{}, run};
  });
}

void retryRun(Backend& backend, const ExchangePtr& exchange) {
  const auto from = [&]() -> Result<std::string> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "from"));
    return textMember(body, "from");
  }();
  if (!from) return exchange->fail(from.error());
  backend.change(exchange, [exchange, step = *from](runtime::Runtime& runtime) -> Result<Changed> {
    BELAY_ASSIGN(const RunId run, findRun(runtime.journal(), exchange->param("run")));
    BELAY_TRY(runtime.retry(run, step, exchange->caller().shown()));
    return Changed{{}, run};
  });
}

void resolveRun(Backend& backend, const ExchangePtr& exchange) {
  struct Resolving {
    std::string step;
    engine::Resolution as = engine::Resolution::kFailed;
    std::string note;
  };
  const auto resolving = [&]() -> Result<Resolving> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "step as note"));
    Resolving out;
    BELAY_ASSIGN(out.step, textMember(body, "step", true));
    BELAY_ASSIGN(out.note, textMember(body, "note"));
    BELAY_ASSIGN(const std::string as, textMember(body, "as", true));
    const auto resolution = engine::resolutionFrom(as);
    if (!resolution) {
      return Error{ErrorCode::kInvalidArgument, "\"as\" must be succeeded, failed or retry"};
    }
    out.as = *resolution;
    return out;
  }();
  if (!resolving) return exchange->fail(resolving.error());
  backend.change(exchange, [exchange, what = *resolving](runtime::Runtime& runtime) -> Result<Changed> {
    BELAY_ASSIGN(const RunId run, findRun(runtime.journal(), exchange->param("run")));
    BELAY_TRY(runtime.resolve(run, what.step, what.as, exchange->caller().shown(), what.note));
    return Changed{{}, run};
  });
}

}  // namespace belay::api
