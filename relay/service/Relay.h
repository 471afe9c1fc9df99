#pragma once

#include <functional>
#include <memory>

#include "common/base/Clock.h"
#include "common/base/Random.h"
#include "common/base/Result.h"
#include "common/log/Log.h"
#include "relay/service/Settings.h"

namespace belay::service {

/// Where a relay's store is.
std::string storePath(const Settings& settings);

/// A relay that runs: the store, its thread, and the server.
///
/// Threads:   create(), run() and the destructor the owner's, which becomes the server's; stop()
///            and reload() any. Inside "store".
/// Ownership: clock, random and log must outlive it.
/// Errors:    create(): of the settings, the store, the certificate and the sockets.
class Relay {
 public:
  /// Listens on return.
  static base::Result<std::unique_ptr<Relay>> create(const Settings& settings,
                                                     const base::Clock& clock, base::Random& random,
                                                     log::Log& log);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Serves until stop(), and drains. Errors: what ended the store; a restart recovers.
  base::Status run();
  /// Takes nothing new, answers what is under way, and makes run() return. Waits for that, as long
  /// as `listen.drain` says.
  void stop();
  /// Reads certificate and key again, for connections from now on.
  void reload();

 private:
  class Implementation;
  explicit Relay(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

/// Reads certificate and key. Errors: kTlsCertificate, of the files.
base::Status checkCertificate(const Settings& settings);

}  // namespace belay::service
