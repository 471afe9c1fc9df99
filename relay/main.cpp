// The composition root of the relay.

#include <malloc.h>
#include <nss.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include "common/base/StandardDescriptors.h"
#include "common/log/StderrLog.h"
#include "relay/console/Command.h"

namespace {

/// A static program must not load the host's NSS modules, which are made for another C library.
void useOwnNameServices() { __nss_configure_lookup("hosts", "files dns"); }

/// Buffers of handshakes are of this size and short-lived: each gets pages of its own, so that they
/// go back to the system, and leave no holes between what stays.
void giveBuffersBack() { static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 16 << 10)); }

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  belay::base::fillStandardDescriptors();
  useOwnNameServices();
  giveBuffersBack();
  const belay::base::PosixClock clock;
  belay::base::OsRandom random;
  belay::log::StderrLog log(clock, &environment);
  belay::console::World world{clock, random, log, &environment,
                                [](auto pause) { std::this_thread::sleep_for(pause); }};
  return belay::console::main(argc, argv, world);
}
