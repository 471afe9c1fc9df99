#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/Result.h"

namespace belay::service {

/// All options of a relay. Every field has its default here, its words in config/relay.yaml, and
/// its row in the table of Settings.cpp.
struct Settings {
  std::string url;  ///< As hosts and the world know it; "https://relay.example.org".
  std::string stateFolder = "/var/lib/belay-relay";
  std::string socket = "/run/belay-relay/relay.sock";

  std::string address = "0.0.0.0:8443";
  std::int64_t connectionsMax = 20'000;
  std::chrono::milliseconds drain{10'000};

  std::vector<std::string> trustedProxies;  ///< Addresses and blocks of balancers.

  std::string tlsMode = "on";  ///< "on", "off", "off-beyond-loopback".
  std::string certificate;     ///< PEM, the chain.
  std::string key;             ///< PEM.

  std::int64_t messagesMax = 100'000;
  std::uint64_t bytesMax = 64u << 20;
  std::int64_t callbacksMax = 10'000;
  std::int64_t approvalsMax = 1'000;
  std::int64_t startsMax = 10'000;
  std::uint64_t artifactBytesMax = 256u << 20;
  std::int64_t requestsMax = 4'096;
  std::chrono::milliseconds pollMax{60'000};

  std::chrono::milliseconds eventTimeout{15'000};
  std::chrono::milliseconds eventRetryFor{48 * 3'600'000};
  std::int64_t eventQueue = 10'000;
  std::string eventCaFile;
  std::string eventProxy;
  std::string eventNoProxy;

  std::int64_t ratePublic = 600;
  std::int64_t rateEnrol = 300;
  std::int64_t rateSession = 6'000;
  std::int64_t rateHost = 1'200;
  std::int64_t rateRelease = 120;
  std::int64_t rateApprover = 1200;
  std::int64_t rateStarter = 600;
  std::int64_t rateFleet = 600;
};

/// Reads YAML. Errors: kSettingsInvalid with file, line and the nearest right key.
base::Result<Settings> parseSettings(std::string_view text, const std::string& source);
/// Text of config/relay.yaml: every option with its words, its default commented out.
std::string defaultSettingsText();

}  // namespace belay::service
