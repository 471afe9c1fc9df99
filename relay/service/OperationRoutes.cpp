// What those who run a relay look at.

#include <utility>

#include "common/base/Text.h"
#include "common/json/Writer.h"
#include "relay/service/Responses.h"
#include "relay/service/Routes.h"
#include "version/Version.h"

namespace belay::service {

using base::Result;
using mailbox::Mailbox;

namespace {

/// The names in braces of a pattern.
std::vector<std::string_view> parametersOf(std::string_view pattern) {
  std::vector<std::string_view> out;
  for (const std::string_view part : base::split(pattern, '/')) {
    if (part.size() > 2 && part.front() == '{') out.push_back(part.substr(1, part.size() - 2));
  }
  return out;
}

void writeOperation(json::Writer& writer, const RouteRow& row) {
  writer.name(base::toLower(row.method)).beginObject().member("summary", row.summary);
  writer.name("security").beginArray();
  const bool bearer = row.auth == kEnrolClass || row.auth == kSessionClass ||
                      row.auth == kReleaseClass || row.auth == kMetricsClass;
  if (bearer) writer.beginObject().name(row.auth).beginArray().endArray().endObject();
  writer.endArray().name("parameters").beginArray();
  for (const std::string_view name : parametersOf(row.pattern)) {
    writer.beginObject().member("name", name).member("in", "path").member("required", true);
    writer.name("schema").beginObject().member("type", "string").endObject().endObject();
  }
  writer.endArray();
  if (row.bodyBytesMax > 0) {
    const std::string_view type = row.contentType.empty() ? "*/*" : row.contentType;
    writer.name("requestBody").beginObject().name("content").beginObject();
    writer.name(type).beginObject().endObject().endObject();
    writer.member("x-bytes-max", static_cast<std::int64_t>(row.bodyBytesMax)).endObject();
  }
  writer.name("responses").beginObject().name("default").beginObject();
  writer.member("description", "An envelope: ok, data or error, meta").endObject().endObject();
  writer.member("x-class", row.auth).endObject();
}

void writeSchemes(json::Writer& writer) {
  writer.name("components").beginObject().name("securitySchemes").beginObject();
  for (const std::string_view name : {kEnrolClass, kSessionClass, kReleaseClass, kMetricsClass}) {
    writer.name(name).beginObject().member("type", "http").member("scheme", "bearer").endObject();
  }
  writer.endObject().endObject();
}

}  // namespace

std::string openApi(const std::string& url) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("openapi", "3.1.1").name("info").beginObject();
  writer.member("title", "belay-relay").member("version", version::string()).endObject();
  writer.name("servers").beginArray().beginObject().member("url", url).endObject().endArray();
  writer.name("paths").beginObject();
  std::string_view open;
  for (const RouteRow& row : routeRows()) {
    // On the Unix socket only, and none of the world's business.
    if (row.auth == kOperatorClass) continue;
    if (row.pattern != open) {
      if (!open.empty()) writer.endObject();
      open = row.pattern;
      writer.name(open).beginObject();
    }
    writeOperation(writer, row);
  }
  writer.endObject().endObject();
  writeSchemes(writer);
  writer.endObject();
  return out;
}

void answerHealth(Context&, http::ServerRequest&&, http::Responder responder) {
  json::Value data;
  data.set("version", version::string());
  responder.send(okResponse(std::move(data)));
}

void answerReady(Context& context, http::ServerRequest&&, http::Responder responder) {
  context.store.post(std::move(responder), [](Mailbox& mailbox) -> Result<Outcome> {
    BELAY_ASSIGN(const mailbox::Totals totals, mailbox.totals());
    json::Value data;
    data.set("hosts", totals.hosts);
    return Outcome{okResponse(std::move(data)), {}, {}, {}};
  });
}

void answerMetrics(Context& context, http::ServerRequest&&, http::Responder responder) {
  context.store.post(std::move(responder), [&context](Mailbox& mailbox) -> Result<Outcome> {
    BELAY_ASSIGN(const mailbox::Totals totals, mailbox.totals());
    BELAY_ASSIGN(const std::vector<mailbox::EndpointRow> endpoints, mailbox.endpoints());
    std::string out = context.metrics.print();
    std::int64_t held = 0;
    std::int64_t dead = 0;
    std::int64_t missed = 0;
    std::int64_t down = 0;
    for (const mailbox::EndpointRow& row : endpoints) {
      held += row.held;
      dead += row.dead;
      missed += row.missed;
      if (row.state != mailbox::EndpointRow::State::kActive) ++down;
    }
    appendGauge(out, "event_endpoints", static_cast<std::int64_t>(endpoints.size()));
    appendGauge(out, "event_endpoints_down", down);
    appendGauge(out, "events_held", held);
    appendGauge(out, "events_dead", dead);
    appendGauge(out, "events_missed", missed);
    appendGauge(out, "hosts", totals.hosts);
    appendGauge(out, "messages_queued", totals.queued);
    appendGauge(out, "messages_queued_bytes", totals.queuedBytes);
    appendGauge(out, "callbacks_open", totals.callbacks);
    appendGauge(out, "sessions_open", static_cast<std::int64_t>(context.credentials.sessions()));
    appendGauge(out, "polls_parked", static_cast<std::int64_t>(context.store.parked()));
    return Outcome{
        http::ServerResponse::of(200, "text/plain; version=0.0.4", std::move(out)), {}, {}, {}};
  });
}

void answerOpenApi(Context& context, http::ServerRequest&&, http::Responder responder) {
  responder.send(
      http::ServerResponse::of(200, "application/json", openApi(context.settings.url) + "\n"));
}

}  // namespace belay::service
