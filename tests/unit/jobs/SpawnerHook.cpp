// Lets this test program be the spawner of its own tests, as `belay spawner` is for the daemon. It
// runs before main(), so that the spawner has what the real one has: one thread, and nothing set
// up.

#include <unistd.h>

#include <cstring>

#include "agent/jobs/Spawner.h"

namespace {

__attribute__((constructor)) void becomeSpawner(int argc, char** argv, char**) {
  if (argc == 2 && std::strcmp(argv[1], "spawner-of-the-test") == 0) {
    ::_exit(belay::jobs::runSpawner(belay::jobs::kSpawnerSocketFd));
  }
}

}  // namespace
