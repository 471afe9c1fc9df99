#include "relay/service/Administration.h"

#include <algorithm>
#include <array>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/wire/Body.h"
#include "common/wire/CallbackProof.h"
#include "common/wire/Protocol.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kShownDigits = 12;
constexpr std::int64_t kMsOfSecond = 1'000;
constexpr std::int64_t kHostTokenSeconds = 24 * 3'600;
constexpr std::int64_t kTokenSecondsMax = 10LL * 366 * 24 * 3'600;
constexpr std::array<std::string_view, 7> kRoles{"host",    "release",  "approver", "bot",
                                                 "starter", "operator", "metrics"};

}  // namespace

Result<Value> listHosts(mailbox::Mailbox& mailbox) {
  BELAY_ASSIGN(const std::vector<mailbox::HostRow> rows, mailbox.hosts());
  json::Array hosts;
  for (const mailbox::HostRow& row : rows) {
    Value host;
    host.set("host", row.id).set("label", row.label);
    host.set("enrolled_at", base::formatInstant(row.createdMs));
    if (row.seenMs != 0) host.set("seen_at", base::formatInstant(row.seenMs));
    host.set("connected", row.connected);
    host.set("queued", row.queued).set("queued_bytes", row.queuedBytes);
    hosts.push_back(std::move(host));
  }
  Value out;
  out.set("hosts", std::move(hosts));
  return out;
}

Result<Value> removeHost(mailbox::Mailbox& mailbox, const std::string& id,
                         const EventSource& source) {
  // Before it goes: its label goes with it.
  BELAY_ASSIGN(const std::optional<mailbox::HostRow> row, mailbox.host(id));
  if (row) BELAY_TRY(tellOfHost(mailbox, source, kHostRemoved, id));
  BELAY_ASSIGN(const bool removed, mailbox.removeHost(id));
  if (!removed) {
    return Error{
        ErrorCode::kRelayHost, "there is no host " + base::visible(id), {"belay-relay hosts"}};
  }
  Value out;
  out.set("host", id).set("removed", true);
  return out;
}

Result<Value> listTokens(mailbox::Mailbox& mailbox, std::int64_t nowMs) {
  BELAY_ASSIGN(const std::vector<mailbox::TokenRow> rows, mailbox.tokens());
  json::Array tokens;
  for (const mailbox::TokenRow& row : rows) {
    Value token;
    token.set("token", row.digest.substr(0, kShownDigits)).set("role", row.role);
    token.set("label", row.label).set("expires_at", base::formatInstant(row.expiresMs));
    token.set("expired", row.expiresMs <= nowMs);
    if (!row.host.empty()) token.set("host", row.host);
    tokens.push_back(std::move(token));
  }
  Value out;
  out.set("tokens", std::move(tokens));
  return out;
}

Result<Value> removeToken(mailbox::Mailbox& mailbox, const std::string& prefix) {
  BELAY_ASSIGN(const bool removed, mailbox.removeToken(prefix));
  if (!removed) {
    return Error{
        ErrorCode::kNotFound, "there is no token " + base::visible(prefix), {"belay-relay tokens"}};
  }
  Value out;
  out.set("token", prefix).set("removed", true);
  return out;
}

std::string newTokenCommand(std::string_view role) {
  return "belay-relay tokens new --role " + std::string(role) +
         (role == "host" ? "" : " --expires 30d");
}

Result<NewToken> makeToken(const Value& body, base::Random& random, std::int64_t nowMs) {
  BELAY_TRY(wire::checkMembers(body, "role label expires_s"));
  NewToken out;
  BELAY_ASSIGN(out.row.role, wire::textMember(body, "role", true));
  if (std::find(kRoles.begin(), kRoles.end(), out.row.role) == kRoles.end()) {
    return Error{ErrorCode::kInvalidArgument,
                 "a token has the role host, release, approver, bot, starter, operator or metrics"};
  }
  BELAY_ASSIGN(out.row.label, wire::textMember(body, "label"));
  if (out.row.label.size() > wire::kLabelBytesMax) {
    return Error{ErrorCode::kInvalidArgument, "a label has at most 128 bytes"};
  }
  BELAY_ASSIGN(const std::int64_t seconds,
               wire::numberMember(body, "expires_s", 1, kTokenSecondsMax,
                                  out.row.role == "host" ? kHostTokenSeconds : 0));
  if (seconds == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "a token of role " + out.row.role + " needs a time at which it expires: --expires",
                 {newTokenCommand(out.row.role)}};
  }
  out.row.createdMs = nowMs;
  out.row.expiresMs = nowMs + seconds * kMsOfSecond;
  out.secret = base::makeToken(random);
  out.row.digest = wire::digestOf(out.secret);
  return out;
}

Value toJson(const NewToken& token) {
  Value out;
  out.set("token", token.row.digest.substr(0, kShownDigits)).set("role", token.row.role);
  out.set("secret", token.secret).set("expires_at", base::formatInstant(token.row.expiresMs));
  return out;
}

}  // namespace belay::service
