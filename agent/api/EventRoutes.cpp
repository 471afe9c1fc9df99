#include <utility>

#include "agent/api/Routes.h"
#include "agent/triggers/Events.h"
#include "common/json/Json.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kNameBytesMax = 200;

struct Emitting {
  std::string name;
  std::string bodyJson = "null";
};

Result<Emitting> readEvent(const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "name body"));
  Emitting out;
  BELAY_ASSIGN(out.name, textMember(body, "name", true));
  if (out.name.empty() || out.name.size() > kNameBytesMax) {
    return Error{ErrorCode::kInvalidArgument, "the name of an event has 1 to 200 bytes"};
  }
  if (const Value* content = body.find("body")) out.bodyJson = json::print(*content);
  return out;
}

Value outcomeToJson(const std::string& name, const triggers::EventOutcome& outcome) {
  Value out;
  out.set("name", name).set("answered", outcome.answered);
  json::Array runs;
  for (const base::RunId& run : outcome.runs) runs.emplace_back(run.str());
  out.set("runs", std::move(runs));
  json::Array refused;
  for (const auto& one : outcome.refused) {
    Value entry;
    entry.set("flow", one.flow).set("code", base::errorText(one.error.code));
    entry.set("message", one.error.message);
    refused.push_back(std::move(entry));
  }
  if (!refused.empty()) out.set("refused", std::move(refused));
  json::Array skipped;
  for (const auto& one : outcome.skipped) {
    Value entry;
    entry.set("flow", one.flow);
    if (!one.because.empty()) entry.set("because", one.because.str());
    skipped.push_back(std::move(entry));
  }
  if (!skipped.empty()) out.set("skipped", std::move(skipped));
  return out;
}

}  // namespace

void emitEvent(Backend& backend, const ExchangePtr& exchange) {
  const auto emitting = readEvent(*exchange);
  if (!emitting) return exchange->fail(emitting.error());
  backend.change(
      exchange, [&backend, exchange, what = *emitting](runtime::Runtime&) -> Result<Changed> {
        BELAY_ASSIGN(
            const triggers::EventOutcome outcome,
            backend.deps.events.emit(what.name, what.bodyJson, exchange->caller().shown()));
        Changed changed;
        changed.data = outcomeToJson(what.name, outcome);
        return changed;
      });
}

void deliverWebhook(Backend& backend, const ExchangePtr& exchange) {
  backend.change(exchange, [&backend, exchange](runtime::Runtime&) -> Result<Changed> {
    triggers::Delivery delivery;
    for (const http::HeaderField& field : exchange->request().headers.fields())
      delivery.headers.emplace_back(field.name, field.value);
    delivery.body = exchange->request().body;
    const std::string& slug = exchange->param("slug");
    const std::string& webhook = exchange->param("webhook");
    auto delivered = backend.deps.events.deliver(slug, webhook, delivery);
    if (!delivered) {
      if (delivered.error().code == ErrorCode::kWebhookRefused) {
        backend.deps.log.error("webhook.refused", delivered.error(),
                               {{"flow", slug}, {"webhook", webhook}});
      }
      return std::move(delivered).error();
    }
    Changed changed;
    changed.data.set("flow", slug).set("webhook", webhook);
    changed.data.set("answered", delivered->answered).set("existing", delivered->existing);
    changed.data.set("ignored", delivered->ignored);
    if (delivered->skipped) changed.data.set("skipped", true);
    if (!delivered->because.empty()) changed.data.set("because", delivered->because.str());
    // A run that was removed since then is only named.
    if (delivered->run && delivered->existing)
      changed.data.set("run_id", delivered->run->str());
    else
      changed.run = delivered->run;
    return changed;
  });
}

}  // namespace belay::api
