#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/Clock.h"
#include "common/base/Random.h"
#include "common/http/RouteTable.h"
#include "common/json/Value.h"
#include "common/log/Log.h"
#include "common/statement/SignedStatement.h"
#include "relay/service/Credentials.h"
#include "relay/service/Events.h"
#include "relay/service/Metrics.h"
#include "relay/service/Nonces.h"
#include "relay/service/Rates.h"
#include "relay/service/ReconnectKeys.h"
#include "relay/service/Settings.h"
#include "relay/service/Store.h"

namespace belay::service {

/// What all routes work with.
///
/// Threads: the server's, unless a member says otherwise.
struct Context {
  const Settings& settings;
  const base::Clock& clock;
  base::Random& random;
  log::Log& log;
  Store& store;              ///< Any.
  Credentials& credentials;  ///< Any.
  Metrics& metrics;          ///< Any.
  Nonces& nonces;            ///< Any.
  const ReconnectKeys& reconnectKeys;
  Rates& rates;

  /// Of events that come out of a request.
  EventSource events() const { return {settings.url, random, clock.wallMs(), settings.eventQueue}; }
};

// Authentication classes. What is none of them is refused.
inline constexpr std::string_view kOpenClass =
    "open";  ///< Anybody; what stands in the path decides.
inline constexpr std::string_view kEnrolClass = "enrol";      ///< A token of role host.
inline constexpr std::string_view kClaimClass = "statement";  ///< A statement in the body.
inline constexpr std::string_view kSessionClass = "session";  ///< The host of an open session.
inline constexpr std::string_view kReleaseClass = "release";  ///< A token of role release.
inline constexpr std::string_view kApproverClass =
    "approver";                                               ///< A token of role approver or bot.
inline constexpr std::string_view kStarterClass = "starter";  ///< A token of role starter.
inline constexpr std::string_view kFleetClass =
    "fleet";  ///< A token of role operator or starter, or below.
inline constexpr std::string_view kMetricsClass = "metrics";    ///< A token of that role, or below.
inline constexpr std::string_view kOperatorClass = "operator";  ///< Root and the relay's own user,
                                                                ///< on its Unix socket.

/// Whose requests are counted together, and against which setting.
enum class Rate { kPublic, kEnrol, kSession, kHost, kRelease, kApprover, kStarter, kFleet, kNone };

using RouteHandler = void (*)(Context&, http::ServerRequest&&, http::Responder);

/// One row: everything that a relay answers.
struct RouteRow {
  std::string_view method;
  std::string_view pattern;
  std::string_view auth;
  std::size_t bodyBytesMax;
  std::string_view contentType;  ///< Of the body; empty: any.
  Rate rate;
  std::string_view summary;
  RouteHandler handler;
};
std::span<const RouteRow> routeRows();

/// The session that the authorizer has seen; it may have ended since.
base::Result<Session> sessionOf(const Context& context, const http::ServerRequest& request);
/// A number of the query, up to `most`; 0 when it is not there. Errors: kInvalidArgument.
base::Result<std::int64_t> queryNumber(const http::ServerRequest& request, std::string_view name,
                                       std::int64_t most);

/// The statement of {"statement": …}, which must be of the type `typ`; nobody verifies it here.
/// `others`: what is said of those of another type. Errors: kInvalidArgument, kStatement….
base::Result<statement::SignedStatement> statementIn(const http::ServerRequest& request,
                                                     std::string_view typ, const char* others);

/// Of each room of a host's mailbox.
inline mailbox::Quota quotaOf(const Settings& settings) {
  return {settings.messagesMax, static_cast<std::int64_t>(settings.bytesMax)};
}

/// A digest of a body. Errors: kInvalidArgument.
base::Result<std::string> digestMember(const json::Value& body, std::string_view name,
                                       bool required);

/// The table with its authorizer.
std::unique_ptr<http::RouteTable> makeRouteTable(Context& context);

/// The text behind "Bearer " in Authorization; empty when there is none.
std::string bearerOf(const http::ServerRequest& request);

/// OpenAPI 3.1, made from the rows.
std::string openApi(const std::string& url);

// The handlers, by what they are about. Each answers once, now or later.

void enrolHost(Context& context, http::ServerRequest&& request, http::Responder responder);
void openSession(Context& context, http::ServerRequest&& request, http::Responder responder);
void pollMessages(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeMessages(Context& context, http::ServerRequest&& request, http::Responder responder);

void answerBlob(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeBlob(Context& context, http::ServerRequest&& request, http::Responder responder);

void takeCallback(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeWebhook(Context& context, http::ServerRequest&& request, http::Responder responder);

void takePin(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeRoster(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeCard(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeRelease(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerApprovals(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerApproval(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerArtifact(Context& context, http::ServerRequest&& request, http::Responder responder);
void takeDecision(Context& context, http::ServerRequest&& request, http::Responder responder);
// Messages of hosts about approvals. Errors: refusals, or of the store.
base::Status openApproval(Context& context, mailbox::Mailbox& mailbox, const std::string& host,
                          const json::Value& body);
base::Status takeReceipt(Context& context, mailbox::Mailbox& mailbox, const std::string& host,
                         const json::Value& body);

/// All pins and releases that this relay has, for a host that is new.
base::Status sendReleases(mailbox::Mailbox& mailbox, const std::string& host, std::int64_t nowMs);

void takeStart(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerStart(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerHost(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerFlows(Context& context, http::ServerRequest&& request, http::Responder responder);
// Messages of hosts about starts and flows. Errors: refusals, or of the store.
base::Status takeStartReceipt(mailbox::Mailbox& mailbox, const std::string& host,
                              const json::Value& body);
base::Status takeOffer(Context& context, mailbox::Mailbox& mailbox, const std::string& host,
                       const json::Value& body);

void answerHosts(Context& context, http::ServerRequest&& request, http::Responder responder);
void deleteHost(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerTokens(Context& context, http::ServerRequest&& request, http::Responder responder);
void newToken(Context& context, http::ServerRequest&& request, http::Responder responder);
void deleteToken(Context& context, http::ServerRequest&& request, http::Responder responder);

void answerEndpoints(Context& context, http::ServerRequest&& request, http::Responder responder);
void newEndpoint(Context& context, http::ServerRequest&& request, http::Responder responder);
void changeEndpoint(Context& context, http::ServerRequest&& request, http::Responder responder);
void deleteEndpoint(Context& context, http::ServerRequest&& request, http::Responder responder);

void answerHealth(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerReady(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerMetrics(Context& context, http::ServerRequest&& request, http::Responder responder);
void answerOpenApi(Context& context, http::ServerRequest&& request, http::Responder responder);

}  // namespace belay::service
