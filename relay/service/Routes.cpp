#include "relay/service/Routes.h"

#include <unistd.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "common/wire/Body.h"
#include "common/wire/Protocol.h"
#include "relay/service/Administration.h"
#include "relay/service/Forwarded.h"
#include "relay/service/Responses.h"

namespace belay::service {

using base::Error;
using base::ErrorCode;

namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::size_t kBlobPart = wire::kBlobPartBytesMax;
constexpr std::string_view kSealedType = "application/jose+json";
constexpr std::size_t kDelivery = wire::kDeliveryBytesMax;
constexpr std::size_t kSmall = 16u << 10;
constexpr std::size_t kStatementBytes = 512u << 10;
constexpr std::size_t kReleaseBytes = 512u << 10;
// A batch, and what it is wrapped into.
constexpr std::size_t kBatchBytes = wire::kBatchBytesMax + wire::kMessageBytesMax;

// Whatever is not here is not there.
// clang-format off
constexpr RouteRow kRows[] = {
    {"POST", "/v1/enrol", kEnrolClass, kSmall, kJson, Rate::kEnrol, "Enrol a host with a one-time token", &enrolHost},
    {"POST", "/v1/session", kClaimClass, kSmall, kJson, Rate::kSession, "Get a nonce, or a session for it, signed", &openSession},
    {"POST", "/v1/poll", kSessionClass, kSmall, kJson, Rate::kHost, "Acknowledge messages and wait for more", &pollMessages},
    {"POST", "/v1/messages", kSessionClass, kBatchBytes, kJson, Rate::kHost, "Hand in messages of a host", &takeMessages},
    {"GET", "/v1/blobs/{name}", kSessionClass, 0, "", Rate::kHost, "Ask how much of an artifact is here", &answerBlob},
    {"PUT", "/v1/blobs/{name}", kSessionClass, kBlobPart, kSealedType, Rate::kHost, "Hand in a part of an artifact", &takeBlob},
    {"POST", "/c/{route}", kOpenClass, kDelivery, "", Rate::kPublic, "Answer a callback", &takeCallback},
    {"POST", "/h/{host}/{hook}", kOpenClass, kDelivery, "", Rate::kPublic, "Deliver to a webhook of a host", &takeWebhook},
    {"POST", "/v1/pins", kReleaseClass, kStatementBytes, kJson, Rate::kRelease, "Forward a signed pin to all hosts", &takePin},
    {"POST", "/v1/rosters", kReleaseClass, kReleaseBytes * 2, kJson, Rate::kRelease, "Forward a signed roster to all hosts", &takeRoster},
    {"POST", "/v1/cards", kReleaseClass, kSmall, kJson, Rate::kRelease, "Keep the card of a host for approvers", &takeCard},
    {"PUT", "/v1/releases/{digest}", kReleaseClass, kReleaseBytes, kBytes, Rate::kRelease, "Keep a release for its pins", &takeRelease},
    {"GET", "/v1/approvals", kApproverClass, 0, "", Rate::kApprover, "List requests, or wait for a change", &answerApprovals},
    {"GET", "/v1/approvals/{request}", kApproverClass, 0, "", Rate::kApprover, "Show a request and the receipts about it", &answerApproval},
    {"GET", "/v1/approvals/{request}/blobs/{name}", kApproverClass, 0, "", Rate::kApprover, "Fetch a part of an artifact", &answerArtifact},
    {"POST", "/v1/approvals/{request}/decision", kApproverClass, kStatementBytes, kJson, Rate::kApprover, "Decide about it", &takeDecision},
    {"POST", "/v1/starts", kStarterClass, kStatementBytes, kJson, Rate::kStarter, "Hand in a start for a host", &takeStart},
    {"GET", "/v1/starts/{start}", kStarterClass, 0, "", Rate::kStarter, "Show what became of a start", &answerStart},
    {"GET", "/v1/flows", kFleetClass, 0, "", Rate::kFleet, "List which host offers which flow", &answerFlows},
    {"GET", "/v1/hosts", kFleetClass, 0, "", Rate::kFleet, "List hosts", &answerHosts},
    {"GET", "/v1/hosts/{host}", kFleetClass, 0, "", Rate::kFleet, "Show the key, the card and the offer of a host", &answerHost},
    {"DELETE", "/v1/hosts/{host}", kOperatorClass, 0, "", Rate::kNone, "Remove a host and all that waits for it", &deleteHost},
    {"GET", "/v1/tokens", kOperatorClass, 0, "", Rate::kNone, "List tokens", &answerTokens},
    {"POST", "/v1/tokens", kOperatorClass, kSmall, kJson, Rate::kNone, "Make a token", &newToken},
    {"DELETE", "/v1/tokens/{token}", kOperatorClass, 0, "", Rate::kNone, "Remove a token", &deleteToken},
    {"GET", "/v1/hooks", kOperatorClass, 0, "", Rate::kNone, "List endpoints of events", &answerEndpoints},
    {"POST", "/v1/hooks", kOperatorClass, kSmall, kJson, Rate::kNone, "Add an endpoint", &newEndpoint},
    {"POST", "/v1/hooks/{hook}", kOperatorClass, kSmall, kJson, Rate::kNone, "Test, resume or rotate an endpoint", &changeEndpoint},
    {"DELETE", "/v1/hooks/{hook}", kOperatorClass, 0, "", Rate::kNone, "Remove an endpoint", &deleteEndpoint},
    {"GET", "/healthz", kOpenClass, 0, "", Rate::kPublic, "The process answers", &answerHealth},
    {"GET", "/readyz", kOpenClass, 0, "", Rate::kPublic, "The store answers", &answerReady},
    {"GET", "/metrics", kMetricsClass, 0, "", Rate::kRelease, "Counters for Prometheus", &answerMetrics},
    {"GET", "/openapi.json", kOpenClass, 0, "", Rate::kPublic, "This table", &answerOpenApi},
};
// clang-format on

struct RateRow {
  Rate rate;
  std::string_view name;  ///< Of the setting, behind "rates.".
  std::int64_t Settings::*perMinute;
  /// Who is counted: the credential once it is right, or the address before that is looked at.
  enum class By { kAddress, kCredential } by;
};
constexpr std::array<RateRow, static_cast<std::size_t>(Rate::kNone)> kRates{{
    {Rate::kPublic, "public", &Settings::ratePublic, RateRow::By::kAddress},
    {Rate::kEnrol, "enrol", &Settings::rateEnrol, RateRow::By::kAddress},
    {Rate::kSession, "session", &Settings::rateSession, RateRow::By::kAddress},
    {Rate::kHost, "host", &Settings::rateHost, RateRow::By::kCredential},
    {Rate::kRelease, "release", &Settings::rateRelease, RateRow::By::kCredential},
    {Rate::kApprover, "approver", &Settings::rateApprover, RateRow::By::kCredential},
    {Rate::kStarter, "starter", &Settings::rateStarter, RateRow::By::kCredential},
    {Rate::kFleet, "fleet", &Settings::rateFleet, RateRow::By::kCredential},
}};

constexpr bool rowsFollowTheEnum() {
  for (std::size_t i = 0; i < kRates.size(); ++i) {
    if (static_cast<std::size_t>(kRates[i].rate) != i) return false;
  }
  return true;
}
static_assert(rowsFollowTheEnum(), "kRates must list every Rate but kNone, in enum order");

bool isCounted(Rate rate, RateRow::By by) {
  return rate != Rate::kNone && kRates[static_cast<std::size_t>(rate)].by == by;
}

/// Decides from the head of a request alone.
class Authorizer {
 public:
  explicit Authorizer(Context& context) : context_(context), forwarded_(context.settings) {}

  std::optional<Error> operator()(std::string_view auth, const http::ServerRequest& request) {
    context_.metrics.add(Counter::kRequests);
    auto refused =
        request.peer.credentials ? local(auth, *request.peer.credentials) : remote(auth, request);
    if (refused) context_.metrics.add(Counter::kRefused);
    return refused;
  }

 private:
  /// On the Unix socket the kernel says who asks, and nobody else has a reason to be there.
  std::optional<Error> local(std::string_view auth, const http::PeerCredentials& peer) const {
    const bool mayAsk = auth == kOperatorClass || auth == kFleetClass || auth == kMetricsClass ||
                        auth == kOpenClass || auth == http::RouteTable::kNoRoute;
    if (mayAsk && (peer.uid == 0 || peer.uid == ::geteuid())) return std::nullopt;
    return Error{ErrorCode::kPermission, "this is for root and the relay's own user only"};
  }

  std::optional<Error> remote(std::string_view auth, const http::ServerRequest& request) {
    if (const auto admitted = forwarded_.admit(request); !admitted) return admitted.error();
    const bool unknown = auth == http::RouteTable::kNoRoute;
    const Rate rate = unknown ? Rate::kPublic : kRows[request.route].rate;
    const std::string address = forwarded_.clientOf(request);
    if (isCounted(rate, RateRow::By::kAddress)) {
      if (auto slow = count(rate, address)) return slow;
    }
    std::string who;
    auto refused = unknown ? std::nullopt : checkCredential(auth, request, who);
    if (!refused && isCounted(rate, RateRow::By::kCredential)) return count(rate, who);
    if (!refused || rate == Rate::kPublic || rate == Rate::kEnrol) return refused;
    // Whoever guesses is counted by address.
    auto slow = count(Rate::kPublic, address);
    return slow ? slow : refused;
  }

  /// Sets `who` to what is counted for a credential that is right.
  std::optional<Error> checkCredential(std::string_view auth, const http::ServerRequest& request,
                                       std::string& who) const {
    if (auth == kOpenClass || auth == kClaimClass) return std::nullopt;
    if (auth == kSessionClass) return checkSession(request, who);
    if (auth == kEnrolClass) return checkRole(request, "host", who);
    if (auth == kReleaseClass || auth == kMetricsClass) return checkRole(request, auth, who);
    if (auth == kApproverClass) return checkRole(request, auth, who, "bot");
    if (auth == kStarterClass) return checkRole(request, auth, who);
    if (auth == kFleetClass) return checkRole(request, "operator", who, "starter");
    return Error{ErrorCode::kPermission, "this is answered on the relay's Unix socket only"};
  }

  std::optional<Error> checkSession(const http::ServerRequest& request, std::string& who) const {
    bool fenced = false;
    const auto session = context_.credentials.sessionOf(bearerOf(request), fenced);
    if (session) {
      who = session->host;
      return std::nullopt;
    }
    if (fenced) {
      return Error{ErrorCode::kRelayFenced, "a newer session of this host has taken over"};
    }
    return Error{ErrorCode::kRelayCredential, "this is no session of a host"};
  }

  /// `also`: another role that will do.
  std::optional<Error> checkRole(const http::ServerRequest& request, std::string_view wanted,
                                 std::string& who, std::string_view also = {}) const {
    who = bearerOf(request);
    const std::string role = context_.credentials.roleOf(who, context_.clock.wallMs());
    if (role == wanted || (!role.empty() && role == also)) return std::nullopt;
    if (!role.empty()) {
      return Error{ErrorCode::kRelayRole,
                   "a token of role " + std::string(wanted) +
                       " is wanted, this one is of role " + role,
                   {newTokenCommand(wanted)}};
    }
    return Error{ErrorCode::kRelayCredential,
                 "a token of role " + std::string(wanted) + " is wanted in Authorization",
                 {newTokenCommand(wanted)}};
  }

  std::optional<Error> count(Rate rate, const std::string& who) {
    const RateRow& row = kRates[static_cast<std::size_t>(rate)];
    const std::int64_t perMinute = context_.settings.*row.perMinute;
    const std::string key = std::string(row.name) + " " + who;
    if (context_.rates.take(key, perMinute, context_.clock.sinceBoot())) return std::nullopt;
    context_.metrics.add(Counter::kRateLimited);
    return Error{ErrorCode::kRateLimited, "more than " + std::to_string(perMinute) +
                                              " requests a minute (rates." + std::string(row.name) +
                                              ")"};
  }

  Context& context_;
  Forwarded forwarded_;
};

}  // namespace

std::span<const RouteRow> routeRows() { return kRows; }

base::Result<statement::SignedStatement> statementIn(const http::ServerRequest& request,
                                                     std::string_view typ, const char* others) {
  BELAY_ASSIGN(const json::Value body, wire::parseBody(request.body));
  BELAY_TRY(wire::checkMembers(body, "statement"));
  BELAY_ASSIGN(const std::string lines, wire::textMember(body, "statement", true));
  BELAY_ASSIGN(statement::SignedStatement statement, statement::SignedStatement::parse(lines));
  if (statement.typ() != typ) return Error{ErrorCode::kStatementKind, others};
  return statement;
}

std::string bearerOf(const http::ServerRequest& request) {
  if (request.headers.count("Authorization") != 1) return {};
  const std::string* const header = request.headers.find("Authorization");
  return header->starts_with(kBearer) ? header->substr(kBearer.size()) : std::string();
}

std::unique_ptr<http::RouteTable> makeRouteTable(Context& context) {
  std::vector<http::Route> routes;
  for (const RouteRow& row : kRows) {
    routes.push_back({row.method, row.pattern, row.auth, row.bodyBytesMax, row.contentType,
                      [&context, &row](http::ServerRequest&& request, http::Responder responder) {
                        row.handler(context, std::move(request), std::move(responder));
                      }});
  }
  return std::make_unique<http::RouteTable>(
      std::move(routes), Authorizer(context),
      [](int status, const Error& error) { return errorResponse(status, error); });
}

}  // namespace belay::service
