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

Result<triggers::Emission> readEvent(const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "name body"));
  triggers::Emission out;
  BELAY_ASSIGN(out.name, textMember(body, "name", true));
  if (const Value* content = body.find("body")) out.bodyJson = json::print(*content);
  out.by = exchange.caller().shown();
  return out;
}

}  // namespace

void emitEvent(Backend& backend, const ExchangePtr& exchange) {
  const auto emission = readEvent(*exchange);
  if (!emission) return exchange->fail(emission.error());
  backend.change(exchange, [&backend, what = *emission](runtime::Runtime&) -> Result<Changed> {
    BELAY_ASSIGN(const triggers::EventOutcome outcome, backend.deps.events.emit(what));
    const Value said = triggers::outcomeJson(outcome);
    Changed changed;
    changed.data.set("name", what.name);
    for (const json::Member& member : said.asObject())
      changed.data.set(member.first, member.second);
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
    auto delivered =
        backend.deps.events.deliver(slug, webhook, delivery, exchange->caller().shown());
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
    changed.run = delivered->run;
    return changed;
  });
}

}  // namespace belay::api
