#include "relay/service/Events.h"

#include <array>
#include <utility>

#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::service {

using base::Result;
using json::Value;
using mailbox::Mailbox;

namespace {

constexpr std::array<std::string_view, 6> kKinds{kRequestCreated,   kRequestClosed,
                                                 kRequestReceipt,   kHostConnected,
                                                 kHostDisconnected, kHostRemoved};
constexpr std::size_t kIdBytes = 18;

}  // namespace

std::span<const std::string_view> eventKinds() { return kKinds; }

mailbox::EventRow makeEvent(const EventSource& source, std::string_view kind, std::string subject,
                            Value data) {
  mailbox::EventRow row;
  row.id = "msg_" + base::makeToken(source.random, kIdBytes);
  row.kind = kind;
  row.subject = std::move(subject);
  row.atMs = source.nowMs;
  data.set("relay", source.relay);
  Value body;
  body.set("type", kind).set("timestamp", base::formatInstant(source.nowMs));
  body.set("data", std::move(data));
  row.body = json::print(body);
  return row;
}

Result<bool> tellOfHost(Mailbox& mailbox, const EventSource& source, std::string_view kind,
                        const std::string& host) {
  BELAY_ASSIGN(const bool wanted, mailbox.wantsEvent(kind));
  if (!wanted) return false;
  BELAY_ASSIGN(const std::optional<mailbox::HostRow> row, mailbox.host(host));
  Value data;
  data.set("host", host).set("label", row ? row->label : "");
  BELAY_TRY(mailbox.addEvent(makeEvent(source, kind, host, std::move(data)), source.most));
  return true;
}

Result<bool> tellOfPresence(Mailbox& mailbox, const EventSource& source, const std::string& host,
                            bool connected, std::int64_t seenMs) {
  BELAY_ASSIGN(const std::optional<mailbox::HostRow> row, mailbox.host(host));
  if (!row || row->connected == connected) return false;
  BELAY_TRY(mailbox.setConnected(host, connected, seenMs));
  return tellOfHost(mailbox, source, connected ? kHostConnected : kHostDisconnected, host);
}

Result<bool> tellOfRequest(Mailbox& mailbox, const EventSource& source, std::string_view kind,
                           const std::string& request, const std::string& decision) {
  BELAY_ASSIGN(const bool wanted, mailbox.wantsEvent(kind));
  if (!wanted) return false;
  BELAY_ASSIGN(const std::optional<mailbox::ApprovalRow> row, mailbox.approval(request));
  if (!row) return false;
  BELAY_ASSIGN(const std::optional<mailbox::HostRow> host, mailbox.host(row->host));
  Value data;
  data.set("request", request).set("host", row->host).set("label", host ? host->label : "");
  data.set("expires", base::formatInstant(row->expiresMs)).set("closed", row->closed);
  data.set("summary", row->summary);
  if (kind == kRequestClosed) data.set("reason", row->expired ? "expired" : "host");
  if (!decision.empty()) data.set("decision", decision);
  BELAY_TRY(mailbox.addEvent(makeEvent(source, kind, request, std::move(data)), source.most));
  return true;
}

}  // namespace belay::service
