#include "agent/link/RelayTransport.h"

#include <utility>

namespace belay::link {

namespace {

http::ClientSettings adapted(http::ClientSettings settings, bool smallRecords,
                             std::shared_ptr<tls::CertificateAlarm> dates) {
  settings.smallRecords = smallRecords;
  const bool known = !settings.caFile.empty() || !settings.pins.empty();
  if (known) settings.dates = std::move(dates);
  return settings;
}

}  // namespace

RelayTransport::RelayTransport(http::ClientSettings settings, const base::Clock& clock,
                               http::Resolver& resolver, log::Log& log)
    : dates_(std::make_shared<tls::CertificateAlarm>([&log](const std::string& text) {
        if (!text.empty()) log.warning("link.certificate_dates", {{"alarm", text}});
      })),
      small_(adapted(settings, true, dates_), clock, resolver),
      plain_(adapted(settings, false, dates_), clock, resolver) {}

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
