#include "agent/link/RelayTransport.h"

namespace belay::link {

namespace {

http::ClientSettings withSmallRecords(http::ClientSettings settings) {
  settings.smallRecords = true;
  return settings;
}

}  // namespace

RelayTransport::RelayTransport(const http::ClientSettings& settings, const base::Clock& clock,
                               http::Resolver& resolver)
    : small_(withSmallRecords(settings), clock, resolver), plain_(settings, clock, resolver) {}

http::ClientOutcome RelayTransport::send(const http::ClientRequest& request) {
  if (refused_.load()) return plain_.send(request);
  http::ClientOutcome outcome = small_.send(request);
  const bool refused = !outcome.ok() && !outcome.failure().sent &&
                       outcome.failure().error.code == base::ErrorCode::kTls;
  if (!refused) return outcome;
  http::ClientOutcome second = plain_.send(request);
  // Only where it helps: a relay that is down refuses everybody.
  if (second.ok()) refused_.store(true);
  return second;
}

}  // namespace belay::link
