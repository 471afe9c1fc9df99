#pragma once

#include <vector>

#include "agent/api/Backend.h"
#include "common/http/RouteTable.h"

namespace belay::api {

// Authentication classes of routes. Anything else is refused.
inline constexpr std::string_view kReaderClass = "reader";  ///< Readers and operators.
inline constexpr std::string_view kOperatorClass = "operator";
inline constexpr std::string_view kSignedClass = "signed";  ///< Whoever has the signed URL.
inline constexpr std::string_view kCallbackClass = "callback";  ///< Whoever has the wait's token.

struct RouteInfo {
  std::string_view method, pattern, auth;
};
/// The table without its handlers, for the page that shows it.
std::vector<RouteInfo> describeRoutes();

/// Every route of the API with the class of its callers: the one table.
std::vector<http::Route> makeRoutes(Backend& backend, Access& access);

// The handlers, by what they are about. Each answers its exchange once, now or later.

void startRun(Backend& backend, const ExchangePtr& exchange);
void controlRun(Backend& backend, const ExchangePtr& exchange, runtime::Verb verb);
void retryRun(Backend& backend, const ExchangePtr& exchange);
void replayRun(Backend& backend, const ExchangePtr& exchange);
void resolveRun(Backend& backend, const ExchangePtr& exchange);
/// Answers when the run is no longer in the status `while`, or without it when it has ended; or
/// with meta.timed_out after `for`.
void awaitRun(Backend& backend, const ExchangePtr& exchange);
/// The run's events as NDJSON, from `after` on, until it has ended.
void followRun(Backend& backend, const ExchangePtr& exchange);
/// The logs of the run's jobs as NDJSON; with follow=true until the run has ended.
void streamLogs(Backend& backend, const ExchangePtr& exchange);

void putFlow(Backend& backend, const ExchangePtr& exchange);
void bindFlow(Backend& backend, const ExchangePtr& exchange);
/// What the draft and the live release require, what it is bound to, and what is wrong with that.
void listBindings(Backend& backend, const ExchangePtr& exchange);

void releaseFlow(Backend& backend, const ExchangePtr& exchange);
void promoteFlow(Backend& backend, const ExchangePtr& exchange);
void rollBackFlow(Backend& backend, const ExchangePtr& exchange);
void archiveFlow(Backend& backend, const ExchangePtr& exchange);
void importFlow(Backend& backend, const ExchangePtr& exchange);

/// `pause`, or resume.
void pauseSchedule(Backend& backend, const ExchangePtr& exchange, bool pause);
/// A root document, a roster, or both.
void installTrust(Backend& backend, const ExchangePtr& exchange);
void applyPin(Backend& backend, const ExchangePtr& exchange);

/// Ends a quarantine; root of the host only.
void releaseQuarantine(Backend& backend, const ExchangePtr& exchange);
/// Gives the host a new key; root of the host only.
void rekeyHost(Backend& backend, const ExchangePtr& exchange);

/// How the link to the relay stands at this moment.
void describeLink(Backend& backend, const ExchangePtr& exchange);
/// With a relay, by a one-time token.
void enrolHost(Backend& backend, const ExchangePtr& exchange);
void applyDecision(Backend& backend, const ExchangePtr& exchange);
void showRequest(Backend& backend, const ExchangePtr& exchange);
void showHostKey(Backend& backend, const ExchangePtr& exchange);
/// A start that a starter has signed, as it came.
void applyStart(Backend& backend, const ExchangePtr& exchange);
/// Which flows this host offers, signed.
void showOffer(Backend& backend, const ExchangePtr& exchange);

void decideWait(Backend& backend, const ExchangePtr& exchange, bool approve);
void answerCallback(Backend& backend, const ExchangePtr& exchange);
void emitEvent(Backend& backend, const ExchangePtr& exchange);
void changeTask(Backend& backend, const ExchangePtr& exchange);
/// Body and header fields of the request are those of the delivery, verbatim.
void deliverWebhook(Backend& backend, const ExchangePtr& exchange);

void changeKv(Backend& backend, const ExchangePtr& exchange);
void listSecrets(Backend& backend, const ExchangePtr& exchange);
void setSecret(Backend& backend, const ExchangePtr& exchange);
void removeSecret(Backend& backend, const ExchangePtr& exchange);
/// The connections and flows that name it.
void listSecretUsages(Backend& backend, const ExchangePtr& exchange);

void listConnections(Backend& backend, const ExchangePtr& exchange);
void putConnection(Backend& backend, const ExchangePtr& exchange);
void removeConnection(Backend& backend, const ExchangePtr& exchange);
/// The flows that are bound to it, or name it.
void listConnectionUsages(Backend& backend, const ExchangePtr& exchange);
/// Whether the system behind it is there and accepts its credentials.
void testConnection(Backend& backend, const ExchangePtr& exchange);
/// Keys of an ssh server that somebody has compared.
void pinHostKeys(Backend& backend, const ExchangePtr& exchange);

void streamResource(Backend& backend, const ExchangePtr& exchange);
/// A URL with which whoever reaches the socket reads this one content, for a time.
void signResourceUrl(Backend& backend, const ExchangePtr& exchange);
void openResourceUrl(Backend& backend, const ExchangePtr& exchange);
/// Refused while a run that has not ended has it.
void deleteResource(Backend& backend, const ExchangePtr& exchange);

void verifyJournal(Backend& backend, const ExchangePtr& exchange);
void backupJournal(Backend& backend, const ExchangePtr& exchange);
void pruneJournal(Backend& backend, const ExchangePtr& exchange);
void describeDaemon(Backend& backend, const ExchangePtr& exchange);

}  // namespace belay::api
