#include "relay/service/Settings.h"

#include <algorithm>
#include <array>

#include "common/base/Text.h"
#include "common/http/ProxySettings.h"
#include "common/http/Url.h"
#include "common/options/OptionExample.h"
#include "common/options/OptionReader.h"
#include "relay/service/Forwarded.h"

namespace belay::service {

using base::Result;

namespace {

constexpr const char* kIntro =
    "# Settings of belay-relay. Default values are shown; uncomment to change.\n"
    "# Check with `belay-relay doctor`.\n"
    "# Sizes: 512, 64 KiB, 16 MiB. Durations: 250ms, 30s, 10m, 2h, 1h30m, 7d.\n";

template <typename SettingsType, typename Visitor>
void visitEvents(SettingsType& s, Visitor& v) {
  using namespace std::chrono_literals;
  v.section(
      "events",
      "Endpoints outside that are told of requests, receipts and hosts: `belay-relay hooks`.");
  v.duration("events.timeout", s.eventTimeout, 1s, 2min, "Longest wait for an answer.");
  v.duration("events.retry_for", s.eventRetryFor, 1s, 30 * 24h,
             "So long what is not taken is tried again, with pauses that grow to an hour.");
  v.number("events.queue", s.eventQueue, 10, 1'000'000,
           "Events that wait for one endpoint. What is more is counted as missed.");
  v.text("events.ca_file", s.eventCaFile,
         "Certificates (PEM) to believe instead of those of the system.");
  v.text("events.proxy", s.eventProxy,
         "HTTP proxy on the way to them, with Basic credentials: http://user:password@proxy:3128.");
  v.text("events.no_proxy", s.eventNoProxy,
         "What is reached without it: names, addresses and blocks, with commas between.");
}

template <typename SettingsType, typename Visitor>
void visitRates(SettingsType& s, Visitor& v) {
  v.section("rates",
            "Requests a minute, with bursts of a third of that. One address counts as one, also "
            "where many\n"
            "senders are behind it.");
  v.number("rates.public", s.ratePublic, 1, 1'000'000,
           "From one address, to callbacks, webhooks and what anybody may read.");
  v.number("rates.enrol", s.rateEnrol, 1, 1'000'000, "From one address, to enrol hosts.");
  v.number("rates.session", s.rateSession, 1, 1'000'000,
           "From one address, to begin sessions; each takes two requests.");
  v.number("rates.host", s.rateHost, 10, 1'000'000, "Of one host in a session.");
  v.number("rates.release", s.rateRelease, 1, 1'000'000,
           "Of one token of role release or metrics.");
  v.number("rates.approver", s.rateApprover, 1, 1'000'000, "Of one token of role approver or bot.");
  v.number("rates.starter", s.rateStarter, 1, 1'000'000,
           "Of one token of role starter, to hand in starts and ask about them.");
  v.number("rates.fleet", s.rateFleet, 1, 1'000'000,
           "Of one token of role operator or starter, to look at hosts and flows.");
}

/// The one list that parser and shipped example share.
template <typename SettingsType, typename Visitor>
void visitOptions(SettingsType& s, Visitor& v) {
  using namespace std::chrono_literals;
  v.section("relay", "What this relay is called, and where it keeps its state.");
  v.text("relay.url", s.url,
         "Base URL by which hosts and the world reach it, for example https://relay.example.org; "
         "no path.\n"
         "Hosts name it in what they sign. It must be set.");
  v.text("relay.state", s.stateFolder, "Folder of the store (relay.db), for this relay alone.");
  v.text("relay.socket", s.socket,
         "Unix socket for `belay-relay hosts` and `tokens`: only root and the relay's own user.");

  v.section("listen", "Where it listens.");
  v.text("listen.address", s.address,
         "IPv4 or IPv6 address with its port: 0.0.0.0:8443, [::]:443.");
  v.number("listen.connections_max", s.connectionsMax, 16, 1'000'000,
           "Connections at a time; one more is closed. Each parked host has one.");
  v.duration("listen.drain", s.drain, 0ms, 10min, "How long SIGTERM waits for requests in flight.");

  v.list("listen.trusted_proxies", s.trustedProxies,
         "Addresses and blocks of the load balancers in front of it. From these, and from nobody "
         "else, X-Forwarded-For\n"
         "says who asks.");

  v.section("tls", "Certificate and key.");
  v.text("tls.mode", s.tlsMode,
         "on; off, where a balancer on this machine speaks TLS for it (listen.address must be a "
         "loopback address); or\n"
         "off-beyond-loopback, where the balancer is elsewhere: then all secrets travel in the "
         "clear between the two,\n"
         "and only listen.trusted_proxies are answered.");
  v.text("tls.certificate", s.certificate,
         "Certificate chain as PEM, the relay's own first. Read again on SIGHUP.");
  v.text("tls.key", s.key, "Its private key as PEM.");

  v.section("limits",
            "Bounds. What is over one of them is refused with 429 or 503, never dropped.");
  v.number("limits.messages_per_host", s.messagesMax, 10, 10'000'000,
           "Webhooks that wait for one host. As many callbacks have room beside them, and as much\n"
           "that is signed: decisions and starts.");
  v.bytes("limits.bytes_per_host", s.bytesMax, 4u << 20, 1ull << 40,
          "The bytes of each of the three.");
  v.number("limits.callbacks_per_host", s.callbacksMax, 1, 1'000'000,
           "Callbacks that one host has open.");
  v.number("limits.approvals_per_host", s.approvalsMax, 1, 100'000,
           "Approvals that one host has open.");
  v.number("limits.starts_per_host", s.startsMax, 1, 1'000'000,
           "Starts for one host that are kept, until a day after their end.");
  v.bytes("limits.artifact_bytes_per_host", s.artifactBytesMax, 0, 1ull << 40,
          "Sealed artifacts of the approvals that one host has open.");
  v.number("limits.requests_in_flight", s.requestsMax, 16, 1'000'000,
           "Requests that wait for the store.");
  v.duration("limits.poll", s.pollMax, 5s, 5min, "Longest wait of a poll.");

  visitEvents(s, v);

  visitRates(s, v);
}

}  // namespace

Result<Settings> parseSettings(std::string_view text, const std::string& source) {
  BELAY_ASSIGN(const yaml::Document document, options::parseOptionsFile(text, source));
  Settings settings;
  options::OptionReader reader(document, source, "config/relay.yaml lists all options");
  visitOptions(settings, reader);
  reader.mustBeAbsolute("relay.state", settings.stateFolder);
  reader.mustBeAbsolute("relay.socket", settings.socket);
  reader.mustBeAbsolute("tls.certificate", settings.certificate);
  reader.mustBeAbsolute("tls.key", settings.key);
  constexpr std::array<std::string_view, 3> kModes{"on", "off", "off-beyond-loopback"};
  if (std::find(kModes.begin(), kModes.end(), settings.tlsMode) == kModes.end()) {
    reader.wrong("tls.mode", "must be on, off or off-beyond-loopback");
  }
  for (const std::string& each : settings.trustedProxies) {
    if (isAddressBlock(each)) continue;
    reader.wrong("listen.trusted_proxies",
                 "takes addresses and blocks, as 10.0.0.0/8; not " + base::visible(each));
  }
  if (const auto plain = checkPlain(settings); !plain) {
    reader.wrong("tls.mode", plain.error().message);
  }
  reader.mustBeAbsolute("events.ca_file", settings.eventCaFile);
  if (!settings.eventProxy.empty()) {
    if (const auto proxy = http::parseProxy(settings.eventProxy); !proxy) {
      reader.wrong("events.proxy", proxy.error().message);
    }
  }
  if (settings.url.empty()) {
    reader.wrong("relay.url", "must be set, for example https://relay.example.org");
  } else if (const auto url = http::parseUrl(settings.url); !url || !url->secure()) {
    reader.wrong("relay.url", "must be an https URL");
  } else if (url->target != "/") {
    reader.wrong("relay.url", "must have no path");
  } else {
    // One spelling: it is compared byte by byte.
    settings.url = "https://" + url->authority();
  }
  BELAY_TRY(reader.finish());
  return settings;
}

std::string defaultSettingsText() {
  const Settings defaults;
  options::OptionExample example(kIntro);
  visitOptions(defaults, example);
  return example.take();
}

}  // namespace belay::service
