#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include <thread>

#include "common/base/UniqueFd.h"
#include "relay/console/Command.h"
#include "relay/service/Relay.h"

namespace belay::console {

using base::Result;
using base::Status;
using wire::Envelope;

namespace {

/// Waits for signals in a thread of its own, until SIGTERM or SIGINT, or the relay has ended.
class Signals {
 public:
  /// Before the first thread, so that none but the one below sees them.
  static void block() {
    const sigset_t set = all();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }

  explicit Signals(service::Relay& relay) : thread_([&relay] { watch(relay); }) {}
  ~Signals() {
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static sigset_t all() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) ::sigaddset(&set, signal);
    return set;
  }

  static void watch(service::Relay& relay) {
    ::pthread_setname_np(::pthread_self(), "signals");
    const sigset_t set = all();
    for (int signal = 0; ::sigwait(&set, &signal) == 0;) {
      if (signal == SIGUSR1) return;
      if (signal == SIGHUP)
        relay.reload();
      else
        relay.stop();
    }
  }

  std::thread thread_;
};

Result<Envelope> serve(Invocation& invocation) {
  ::umask(077);
  base::raiseDescriptorLimit();  // each host has a connection
  BELAY_ASSIGN(const service::Settings settings, readSettings(invocation));
  World& world = invocation.world;
  Signals::block();
  BELAY_ASSIGN(const auto relay,
               service::Relay::create(settings, world.clock, world.random, world.log));
  const Signals signals(*relay);
  const Status served = relay->run();
  if (!served) return served.error();
  return Envelope{};
}

}  // namespace

const Command kServeCommand{
    "serve",
    "",
    "run the relay in the foreground",
    "It logs to standard error, reads its certificate again on SIGHUP, and drains on SIGTERM.",
    {},
    &serve,
    nullptr};

}  // namespace belay::console
