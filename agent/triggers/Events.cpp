#include "agent/triggers/Events.h"

#include <algorithm>
#include <utility>

#include "agent/journal/DeliveryTable.h"
#include "agent/runtime/ChildRuns.h"
#include "agent/triggers/TriggerScope.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::triggers {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::RunId;
using base::Status;

namespace {

/// Flows that one event starts at most.
constexpr std::size_t kFlowsPerEvent = 100;
/// Expired deliveries that each new one sweeps away.
constexpr std::size_t kSweptMost = 100;

/// The body as JSON, or as text where it is none.
Result<std::string> bodyJson(const std::string& body) {
  if (body.empty()) return std::string("null");
  if (json::check(body, runtime::kIntakeLimits)) return body;
  if (!base::isUtf8(body)) {
    return Error{ErrorCode::kJsonSyntax, "the body of the delivery is neither JSON nor text"};
  }
  return json::print(json::Value(body));
}

/// Header fields that an expression may see: those that the MAC covers, and those that the flow
/// lists although nothing vouches for them.
void writeHeaders(json::Writer& out, const flow::WebhookTrigger& trigger, const Delivery& delivery,
                  const Proof& proof) {
  out.name("headers").beginObject();
  std::vector<std::string> names = proof.covered;
  for (const std::string& name : trigger.untrustedHeaders) names.push_back(base::toLower(name));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  for (const std::string& name : names) {
    const std::string* const value = delivery.header(name);
    if (value && base::isUtf8(*value)) out.member(name, *value);
  }
  out.endObject();
}

std::string eventJson(const flow::WebhookTrigger& trigger, const Delivery& delivery,
                      const Proof& proof, const std::string& body, std::int64_t nowMs) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("name", trigger.name).rawMember("body", body);
  writeHeaders(writer, trigger, delivery, proof);
  writer.member("at", base::formatInstant(nowMs)).endObject();
  return out;
}

std::string eventJson(const std::string& name, const std::string& body, std::int64_t nowMs) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("name", name).rawMember("body", body);
  writer.member("at", base::formatInstant(nowMs)).endObject();
  return out;
}

/// Without `input` the body is the input, and no body is none.
Result<json::Value> inputOfBody(const std::string& event) {
  BELAY_ASSIGN(json::Value value, json::parse(event));
  json::Value* const body = value.find("body");
  if (!body || body->isNull()) return json::Value(json::Object{});
  if (body->isObject()) return std::move(*body);
  return Error{ErrorCode::kInputInvalid,
               "the body is no object, and the trigger has no input: write input: {NAME: \"${{ "
               "event.body }}\"}"};
}

}  // namespace

json::Value outcomeJson(const EventOutcome& outcome) {
  json::Value out;
  out.set("answered", outcome.answered);
  json::Array runs;
  for (const RunId& run : outcome.runs) runs.emplace_back(run.str());
  out.set("runs", std::move(runs));
  json::Array refused;
  for (const EventOutcome::Refusal& one : outcome.refused) {
    json::Value entry;
    entry.set("flow", one.flow).set("code", base::errorText(one.error.code));
    entry.set("message", one.error.message);
    refused.push_back(std::move(entry));
  }
  if (!refused.empty()) out.set("refused", std::move(refused));
  json::Array skipped;
  for (const EventOutcome::Skip& one : outcome.skipped) {
    json::Value entry;
    entry.set("flow", one.flow);
    if (!one.because.empty()) entry.set("because", one.because.str());
    skipped.push_back(std::move(entry));
  }
  if (!skipped.empty()) out.set("skipped", std::move(skipped));
  return out;
}

Result<Events::Live> Events::live(const std::string& slug) {
  Live out;
  BELAY_ASSIGN(out.version, runtime::versionToRun(world_.runtime.journal(), slug, "live"));
  BELAY_ASSIGN(out.flow, world_.runtime.flows().get(out.version.digest));
  return out;
}

Result<std::optional<runtime::Started>> Events::start(const Live& live, const Occasion& occasion) {
  const TriggerScope scope(occasion.triggerJson, occasion.eventJson,
                           world_.runtime.clock().wallMs());
  if (occasion.when) {
    auto holds = world_.evaluator.test(live.flow->module, *occasion.when, scope);
    if (!holds) return std::move(holds).error().in("when of the trigger");
    if (!*holds) return std::optional<runtime::Started>();
  }
  runtime::StartRequest request;
  request.digest = live.version.digest;
  request.source = live.version.source;
  request.triggerJson = occasion.triggerJson;
  request.by = occasion.by;
  request.requester = occasion.requester;
  request.depth = occasion.depth;
  BELAY_ASSIGN(request.input,
               occasion.input.empty()
                   ? inputOfBody(occasion.eventJson)
                   : renderInput(world_.evaluator, live.flow->module, occasion.input, scope));
  BELAY_ASSIGN(runtime::Started started, world_.runtime.start(request));
  return std::optional(std::move(started));
}

Result<EventOutcome> Events::emit(const Emission& emission) {
  const std::string& name = emission.name;
  EventOutcome out;
  BELAY_ASSIGN(const runtime::Emitted emitted,
               world_.runtime.waits().emit(name, emission.bodyJson, emission.by));
  out.answered = emitted.answered;
  BELAY_ASSIGN(const std::vector<std::string> slugs,
               world_.runtime.journal().deliveries().flowsForEvent(name, kFlowsPerEvent));
  for (const std::string& slug : slugs) BELAY_TRY(startListener(slug, emission, out));
  return out;
}

Status Events::startListener(const std::string& slug, const Emission& emission, EventOutcome& out) {
  const auto leaveOut = [&](const Error& error) {
    world_.log.error("event.refused", error, {{"flow", slug}, {"event", emission.name}});
    out.refused.push_back({slug, error});
  };
  const auto refuse = [&](const Error& error) -> Status {
    if (runtime::endsTransaction(error.code)) return error;
    leaveOut(error);
    return {};
  };
  // Of a run that ends: what it tells others must not keep it, and those with it, from ending.
  if (world_.runtime.journal().fullMode()) {
    leaveOut(runtime::diskIsFull());
    return {};
  }
  // Flows whose events start each other would do so for ever.
  if (emission.depth > runtime::kChildDepthMax) {
    return refuse(Error{ErrorCode::kChildDepth, "the run that emitted event " + emission.name +
                                                    " has " + std::to_string(emission.depth - 1) +
                                                    " runs above it, and its events start none"});
  }
  const auto found = live(slug);
  if (!found) return refuse(found.error());
  std::string trigger;
  json::Writer writer(trigger);
  writer.beginObject().member("type", "event").member("name", emission.name);
  writer.member("by", emission.by).endObject();
  const std::string event =
      eventJson(emission.name, emission.bodyJson, world_.runtime.clock().wallMs());
  for (const flow::EventTrigger& one : found->flow->flow.triggers.events) {
    if (one.name != emission.name) continue;
    const std::string& requester = emission.requester.empty() ? emission.by : emission.requester;
    const auto started = start(*found, {one.when, one.input, trigger, event,
                                        "event:" + emission.name, requester, emission.depth});
    if (!started)
      BELAY_TRY(refuse(started.error()));
    else if (*started && (*started)->skipped)
      out.skipped.push_back({slug, (*started)->because});
    else if (*started)
      out.runs.push_back((*started)->run);
  }
  return {};
}

Result<Proof> Events::prove(const flow::WebhookTrigger& trigger, const std::string& slug,
                            const Delivery& delivery) {
  if (!trigger.auth) {
    BELAY_TRY(world_.policy.checkUnauthenticated(slug, trigger.name).status());
    return unproven(delivery);
  }
  BELAY_ASSIGN(const vault::Secret secret, world_.secrets.secret(trigger.auth->secret));
  return verifyDelivery(*trigger.auth, secret.value, delivery, world_.runtime.clock().wallMs());
}

Result<Delivered> Events::deliver(const std::string& slug, const std::string& webhook,
                                  const Delivery& delivery, const std::string& requester) {
  if (delivery.body.size() > kDeliveryBytesMax) {
    return Error{ErrorCode::kLimit,
                 "a delivery has at most " + base::formatBytes(kDeliveryBytesMax)};
  }
  BELAY_ASSIGN(const Live found, live(slug));
  const auto& webhooks = found.flow->flow.triggers.webhooks;
  const auto trigger =
      std::find_if(webhooks.begin(), webhooks.end(),
                   [&](const flow::WebhookTrigger& one) { return one.name == webhook; });
  if (trigger == webhooks.end()) {
    return Error{ErrorCode::kNotFound,
                 "the live release of flow " + base::visible(slug) + " has no webhook \"" +
                     base::visible(webhook) + "\"",
                 {"belay flow show " + base::visible(slug)}};
  }
  BELAY_ASSIGN(const Proof proof, prove(*trigger, slug, delivery));
  return take(found, *trigger, delivery, proof, requester);
}

Result<Delivered> Events::take(const Live& live, const flow::WebhookTrigger& trigger,
                               const Delivery& delivery, const Proof& proof,
                               const std::string& requester) {
  journal::DeliveryTable& table = world_.runtime.journal().deliveries();
  const std::int64_t nowMs = world_.runtime.clock().wallMs();
  const std::string slug = live.flow->flow.slug.str();
  const bool remembered = trigger.dedupeFor.count() > 0;
  Delivered out;
  if (remembered) {
    BELAY_ASSIGN(const auto known, table.find(slug, trigger.name, proof.key, nowMs));
    if (known) {
      out.existing = true;
      out.answered = known->answered;
      if (auto run = RunId::parse(known->run)) out.run = std::move(*run);
      return out;
    }
  }
  BELAY_ASSIGN(const std::string body, bodyJson(delivery.body));
  const std::string by = "webhook:" + trigger.name;
  const std::string event = eventJson(trigger, delivery, proof, body, nowMs);
  BELAY_ASSIGN(const runtime::Emitted emitted,
               world_.runtime.waits().emit(trigger.name, body, by, slug));
  out.answered = emitted.answered;
  if (out.answered == 0) {
    std::string text;
    json::Writer writer(text);
    writer.beginObject().member("type", "webhook").member("name", trigger.name);
    writer.member("delivery", proof.key).member("verified", proof.words).endObject();
    BELAY_ASSIGN(auto started,
                 start(live, {trigger.when, trigger.input, text, event, by, requester}));
    out.ignored = !started;
    out.skipped = started && started->skipped;
    if (out.skipped)
      out.because = std::move(started->because);
    else if (started)
      out.run = std::move(started->run);
  }
  // What did nothing may come again and find the flow of another mind.
  if (!remembered || out.ignored || out.skipped) return out;
  BELAY_TRY(table.dropExpired(nowMs, kSweptMost));
  BELAY_TRY(table.put({slug, trigger.name, proof.key, out.run ? out.run->str() : std::string(),
                       out.answered, nowMs, nowMs + trigger.dedupeFor.count()}));
  return out;
}

}  // namespace belay::triggers
