#include "relay/service/Endpoints.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/WebhookMac.h"
#include "common/crypto/Wipe.h"
#include "common/http/ProxySettings.h"
#include "common/http/Url.h"
#include "common/wire/Body.h"
#include "common/wire/Protocol.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using mailbox::EndpointRow;
using mailbox::Mailbox;

namespace {

constexpr std::int64_t kEndpointsMax = 16;
constexpr std::int64_t kRotationMs = 24LL * 3'600'000;
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kUrlBytesMax = 2'048;
/// Failures of less than this are none that somebody should be called for.
constexpr std::int64_t kFailuresShown = 5;

constexpr std::array<std::string_view, 3> kStates{"active", "down", "gone"};

Error notThere(const std::string& id) {
  return Error{
      ErrorCode::kNotFound, "there is no endpoint " + base::visible(id), {"belay-relay hooks"}};
}

Result<EndpointRow> find(Mailbox& mailbox, const std::string& id) {
  BELAY_ASSIGN(std::vector<EndpointRow> rows, mailbox.endpoints());
  for (EndpointRow& row : rows) {
    if (row.id == id) return std::move(row);
  }
  return notThere(id);
}

Status checkUrl(const std::string& text) {
  BELAY_ASSIGN(const http::Url url, http::parseUrl(text));
  if (text.size() > kUrlBytesMax) {
    return Error{ErrorCode::kUrlInvalid, "the URL is longer than 2,048 bytes"};
  }
  if (url.secure() || http::isLoopback(url.host)) return {};
  return Error{ErrorCode::kUrlInvalid,
               "events go out over https, or over http on this machine: " + base::visible(text)};
}

/// The kinds of {"events": […]}, with spaces between.
Result<std::string> kindsIn(const Value& body) {
  std::string out;
  const Value* const list = body.find("events");
  if (!list) return out;
  if (!list->isArray()) return Error{ErrorCode::kInvalidArgument, "\"events\" must be a list"};
  const auto kinds = eventKinds();
  for (const Value& each : list->asArray()) {
    const std::string kind = each.isString() ? each.asString() : "";
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
      const auto near = base::nearest(kind, kinds);
      return Error{ErrorCode::kInvalidArgument, "there is no event " + base::visible(kind) +
                                                    (near ? "; did you mean " + *near + "?" : "")};
    }
    out += (out.empty() ? "" : " ") + kind;
  }
  return out;
}

void setInstant(Value& out, std::string_view name, std::int64_t atMs) {
  if (atMs != 0) out.set(name, base::formatInstant(atMs));
}

std::string newId(base::Random& random) {
  std::array<std::uint8_t, kIdBytes> bytes{};
  random.fill(bytes);
  return base::toHex(bytes);
}

Status test(Mailbox& mailbox, EndpointRow row, const EventSource& source) {
  if (row.state != EndpointRow::State::kActive) {
    return Error{ErrorCode::kRelayEndpoint,
                 "the endpoint is " + std::string(kStates.at(static_cast<std::size_t>(row.state))),
                 {"belay-relay hooks resume " + row.id}};
  }
  row.pausedUntilMs = 0;
  BELAY_TRY(mailbox.saveEndpoint(row));
  mailbox::EventRow event = makeEvent(source, kRelayTest, "", {});
  // A test waits for no other one.
  event.subject = event.id;
  event.endpoint = row.id;
  return mailbox.addEvent(event, source.most);
}

Status resume(Mailbox& mailbox, EndpointRow row) {
  row.state = EndpointRow::State::kActive;
  row.failures = row.failingSinceMs = row.pausedUntilMs = 0;
  BELAY_TRY(mailbox.saveEndpoint(row));
  return mailbox.reviveEvents(row.id);
}

}  // namespace

Result<Value> listEndpoints(Mailbox& mailbox) {
  BELAY_ASSIGN(const std::vector<EndpointRow> rows, mailbox.endpoints());
  json::Array hooks;
  for (const EndpointRow& row : rows) {
    Value each;
    const std::size_t mark = std::min(row.url.find('?'), row.url.size());
    each.set("hook", row.id).set("url", row.url.substr(0, mark)).set("label", row.label);
    each.set("events", row.kinds.empty() ? "all" : row.kinds);
    each.set("state", kStates.at(static_cast<std::size_t>(row.state)));
    each.set("waiting", row.held - row.dead).set("dead", row.dead).set("missed", row.missed);
    each.set("failures", row.failures).set("last_outcome", row.lastOutcome);
    each.set("last_ms", row.lastMs);
    setInstant(each, "added_at", row.createdMs);
    setInstant(each, "last_at", row.lastMs);
    setInstant(each, "failing_since", row.failingSinceMs);
    setInstant(each, "paused_until", row.pausedUntilMs);
    if (!row.oldSecret.empty()) setInstant(each, "old_secret_until", row.oldUntilMs);
    hooks.push_back(std::move(each));
  }
  Value out;
  out.set("hooks", std::move(hooks));
  return out;
}

Result<Value> addEndpoint(Mailbox& mailbox, const Value& body, base::Random& random,
                          std::int64_t nowMs) {
  BELAY_TRY(wire::checkMembers(body, "url label events secret"));
  EndpointRow row;
  BELAY_ASSIGN(row.url, wire::textMember(body, "url", true));
  BELAY_TRY(checkUrl(row.url));
  BELAY_ASSIGN(row.label, wire::textMember(body, "label"));
  if (row.label.size() > wire::kLabelBytesMax) {
    return Error{ErrorCode::kInvalidArgument, "a label has at most 128 bytes"};
  }
  BELAY_ASSIGN(row.kinds, kindsIn(body));
  BELAY_ASSIGN(row.secret, wire::textMember(body, "secret"));
  const bool given = !row.secret.empty();
  if (!given) row.secret = crypto::makeWebhookSecret(random);
  if (auto key = crypto::webhookKey(row.secret)) {
    crypto::wipe(*key);
  } else {
    return Error{ErrorCode::kInvalidArgument,
                 "a secret must be whsec_ and 24 to 64 bytes in base64"};
  }
  row.id = newId(random);
  row.createdMs = nowMs;
  BELAY_TRY(mailbox.addEndpoint(row, kEndpointsMax));
  Value out;
  out.set("hook", row.id);
  if (!given) out.set("secret", row.secret);
  return out;
}

Result<Value> changeEndpoint(Mailbox& mailbox, const std::string& id, const Value& body,
                             const EventSource& source) {
  BELAY_TRY(wire::checkMembers(body, "do"));
  BELAY_ASSIGN(EndpointRow row, find(mailbox, id));
  const std::string what = body.text("do");
  Value out;
  out.set("hook", id).set("done", what).set("at_ms", source.nowMs);
  if (what == "test") {
    BELAY_TRY(test(mailbox, std::move(row), source));
  } else if (what == "resume") {
    BELAY_TRY(resume(mailbox, std::move(row)));
  } else if (what == "rotate") {
    row.oldSecret = std::move(row.secret);
    row.oldUntilMs = source.nowMs + kRotationMs;
    row.secret = crypto::makeWebhookSecret(source.random);
    BELAY_TRY(mailbox.saveEndpoint(row));
    out.set("secret", row.secret);
    setInstant(out, "old_secret_until", row.oldUntilMs);
  } else {
    return Error{ErrorCode::kInvalidArgument, "\"do\" must be test, resume or rotate"};
  }
  return out;
}

Result<Value> removeEndpoint(Mailbox& mailbox, const std::string& id) {
  BELAY_ASSIGN(const bool removed, mailbox.removeEndpoint(id));
  if (!removed) return notThere(id);
  Value out;
  out.set("hook", id).set("removed", true);
  return out;
}

Status judgeEndpoints(const Value& list) {
  const Value* const hooks = list.find("hooks");
  if (!hooks || !hooks->isArray()) return {};
  for (const Value& each : hooks->asArray()) {
    std::string wrong;
    if (each.text("state") != "active") {
      wrong = "is " + each.text("state");
    } else if (each.integer("dead") > 0) {
      wrong = "has " + std::to_string(each.integer("dead")) + " events that were given up";
    } else if (each.integer("missed") > 0) {
      wrong = "has missed " + std::to_string(each.integer("missed")) + " events";
    } else if (each.integer("failures") >= kFailuresShown) {
      wrong = "has failed " + std::to_string(each.integer("failures")) + " times in a row";
    }
    if (wrong.empty()) continue;
    const std::string id = each.text("hook");
    return Error{
        ErrorCode::kRelayEndpoint,
        "endpoint " + id + " " + wrong + "; last: " + each.text("last_outcome"),
        {"belay-relay hooks", "belay-relay hooks test " + id, "belay-relay hooks resume " + id}};
  }
  return {};
}

}  // namespace belay::service
