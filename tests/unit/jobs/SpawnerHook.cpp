// Lets this test program be the spawner of its own tests, as `belay spawner` is for the daemon. It
// runs before main(), so that the spawner has what the real one has: one thread, and nothing set
// up. A third argument names a file into which it and its supervisors note what they sync.

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "agent/jobs/CallMessage.h"
#include "agent/jobs/Spawner.h"
#include "agent/jobs/SpawnerLink.h"
#include "agent/jobs/SpawnerNursery.h"

namespace {

const char* syncNotes = nullptr;

void noteSync(int fd) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  if (::readlink(link.c_str(), path.data(), path.size() - 1) <= 0) return;
  const std::string line = "sync " + std::string(path.data()) + "\n";
  const int notes = ::open(syncNotes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (notes < 0) return;
  static_cast<void>(::write(notes, line.data(), line.size()) == 0);
  ::close(notes);
}

/// What `belay job` does: progress TEXT, attach NAME FILE, result JSON; the code of its error on
/// standard error.
int callBack(int argc, char** argv) {
  using namespace belay;
  const std::string kind = argc > 2 ? argv[2] : "";
  const std::string text = argc > 3 ? argv[3] : "";
  base::Status called;
  if (kind == "progress") {
    called = jobs::callSupervisor(4, jobs::CallKind::kProgress, text, -1);
  } else if (kind == "attach") {
    const base::UniqueFd file(::open(argv[4], O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    called = jobs::callSupervisor(4, jobs::CallKind::kAttach, text, file.get());
  } else {
    const auto memory = jobs::sealedMemory(text);
    called = jobs::callSupervisor(4, jobs::CallKind::kResult, "", memory->get());
  }
  if (called.ok()) return 0;
  const std::string line = std::string(base::errorText(called.error().code)) + "\n";
  return ::write(2, line.data(), line.size()) > 0 ? 1 : 2;
}

__attribute__((constructor)) void becomeSpawner(int argc, char** argv, char**) {
  if (argc == 2 && std::strcmp(argv[1], "nursery-of-the-test") == 0)
    ::_exit(belay::jobs::runNursery(belay::jobs::kSpawnerSocketFd));
  if (argc > 2 && std::strcmp(argv[1], "call-of-the-test") == 0) ::_exit(callBack(argc, argv));
  if (argc < 2 || std::strcmp(argv[1], "spawner-of-the-test") != 0) return;
  if (argc == 3) syncNotes = argv[2];
  ::_exit(belay::jobs::runSpawner(belay::jobs::kSpawnerSocketFd));
}

}  // namespace

extern "C" int fsync(int fd) {
  if (syncNotes != nullptr) noteSync(fd);
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
