#include <utility>

#include "agent/api/Checking.h"
#include "agent/api/Routes.h"
#include "agent/engine/Names.h"
#include "agent/runtime/StartKeys.h"
#include "common/base/Text.h"
#include "common/json/Exact.h"
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
  std::string slug;              ///< Empty: of the content.
  FlowText content;              ///< Empty: what is there.
  std::string version = "live";  ///< Of what is there: "live", "draft", or a release.
  runtime::Author author;        ///< Of the content.
  std::string key;               ///< As the caller gave it; empty: none.
  runtime::StartRequest request;
};

Result<Start> readStart(const Exchange& exchange) {
  BELAY_ASSIGN(Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "flow content file files origin input draft release"));
  Start start;
  BELAY_ASSIGN(start.slug, textMember(body, "flow"));
  BELAY_ASSIGN(start.content, readFlowText(body));
  if (start.slug.empty() == start.content.text.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "the body needs either \"flow\" (a slug) or \"content\" (a flow file)"};
  }
  BELAY_ASSIGN(const bool draft, flagMember(body, "draft"));
  BELAY_ASSIGN(const std::string release, releaseMember(body));
  if ((draft && !release.empty()) || (start.slug.empty() && (draft || !release.empty()))) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"draft\" and \"release\" say what of a \"flow\" runs: one of them"};
  }
  if (draft) start.version = "draft";
  if (!release.empty()) start.version = release;
  BELAY_ASSIGN(start.author, readAuthor(exchange, body));
  if (Value* input = body.find("input")) {
    // Of the whole body, which has no numbers besides.
    BELAY_TRY(json::checkExact(exchange.request().body));
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
    start.key = *key;
    // One caller's keys are nobody else's.
    start.request.idempotencyKey = exchange.caller().person() + ":" + *key;
  }
  return start;
}

Changed startedRun(const runtime::Started& started) {
  Changed changed;
  changed.data.set("existing", started.existing);
  if (started.skipped) {
    changed.data.set("skipped", true);
    if (!started.because.empty()) changed.data.set("because", started.because.str());
    return changed;
  }
  if (!started.existing) changed.data.set("queued", started.queued);
  changed.run = started.run;
  return changed;
}

/// The answer without a new run: the one that the key has begun, or that the disk is full.
Result<std::optional<Changed>> answerBefore(runtime::Runtime& runtime, const Start& start,
                                            const std::string& slug, const std::string& digest) {
  BELAY_ASSIGN(const auto before,
               runtime::begunBefore(
                   runtime.journal(), runtime.flows(),
                   {start.request.idempotencyKey, start.key, slug, digest, start.request.input}));
  std::optional<Changed> answer;
  if (before)
    answer = startedRun({.run = *before, .existing = true});
  else if (runtime.journal().fullMode())
    answer = Changed{.refusal = runtime::diskIsFull()};
  return answer;
}

Result<Changed> startVersion(runtime::Runtime& runtime, const Start& start) {
  // What the key started stays what it was, whatever is live now; who names a release means it.
  std::string named;
  if (!start.key.empty() && start.version != "live") {
    const auto version = runtime::versionToRun(runtime.journal(), start.slug, start.version);
    if (version) named = version->digest;
  }
  BELAY_ASSIGN(auto answer, answerBefore(runtime, start, start.slug, named));
  if (answer) return std::move(*answer);
  runtime::StartRequest request = start.request;
  BELAY_ASSIGN(const runtime::FlowVersion version,
               runtime::versionToRun(runtime.journal(), start.slug, start.version));
  request.digest = version.digest;
  request.source = version.source;
  BELAY_ASSIGN(const runtime::Started started, runtime.start(request));
  return startedRun(started);
}

void startContent(Backend& backend, const ExchangePtr& exchange, Start start) {
  backend.work(exchange, [&backend, exchange, start = std::move(start)](Workers::Tools& tools) {
    auto checked = checkFlowText(start.content, tools.syntax);
    if (!checked.flow) return exchange->fail(firstError(checked), diagnosticsToJson(checked));
    auto flow = std::make_shared<flow::Flow>(std::move(*checked.flow));
    backend.change(exchange, [start, flow](runtime::Runtime& runtime) -> Result<Changed> {
      BELAY_ASSIGN(auto answer, answerBefore(runtime, start, flow->slug.str(), flow->digest));
      if (answer) return std::move(*answer);
      // To run a file is to say which content is meant: it takes the place of any draft, and the
      // answer says so.
      BELAY_ASSIGN(
          const runtime::DraftPut put,
          storeFlow(runtime, *flow, start.content, {.ifDraft = "", .force = true}, start.author));
      runtime::StartRequest request = start.request;
      request.digest = flow->digest;
      BELAY_ASSIGN(const runtime::Started started, runtime.start(request));
      Changed changed = startedRun(started);
      addReplaced(changed.data, put);
      return changed;
    });
  });
}

}  // namespace

void startRun(Backend& backend, const ExchangePtr& exchange) {
  auto start = readStart(*exchange);
  if (!start) return exchange->fail(start.error());
  if (!start->content.text.empty()) return startContent(backend, exchange, std::move(*start));
  backend.change(exchange, [start = std::move(*start)](runtime::Runtime& runtime) {
    return startVersion(runtime, start);
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

void replayRun(Backend& backend, const ExchangePtr& exchange) {
  const auto which = [&]() -> Result<std::string> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "with"));
    return textMember(body, "with");
  }();
  if (!which) return exchange->fail(which.error());
  backend.change(exchange, [exchange, with = *which](runtime::Runtime& runtime) -> Result<Changed> {
    BELAY_ASSIGN(const RunId run, findRun(runtime.journal(), exchange->param("run")));
    BELAY_ASSIGN(const engine::RunState state, runtime::replay(runtime.journal(), run));
    const engine::RunCreated& before = state.created;
    BELAY_ASSIGN(const runtime::FlowVersion version,
                 runtime::versionToRun(runtime.journal(), before.slug,
                                       with.empty() ? before.flowDigest : with));
    Value trigger;
    trigger.set("type", "replay").set("of", run.str());
    runtime::StartRequest request;
    request.digest = version.digest;
    request.source = version.source;
    BELAY_ASSIGN(request.input, json::parse(before.inputJson));
    request.triggerJson = json::print(trigger);
    request.by = exchange->caller().shown();
    BELAY_ASSIGN(const runtime::Started started, runtime.start(request));
    return startedRun(started);
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
  backend.change(
      exchange, [exchange, what = *resolving](runtime::Runtime& runtime) -> Result<Changed> {
        BELAY_ASSIGN(const RunId run, findRun(runtime.journal(), exchange->param("run")));
        BELAY_TRY(runtime.resolve(run, what.step, what.as, exchange->caller().shown(), what.note));
        return Changed{{}, run};
      });
}

}  // namespace belay::api
