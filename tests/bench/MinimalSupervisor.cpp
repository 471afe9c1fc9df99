// The yardstick of JobsBench: the least that a supervisor of its own could do. It starts /bin/true,
// waits for it and syncs one record. Linked statically, without the C++ library's start-up cost.

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  char program[] = "/bin/true";
  char* arguments[] = {program, nullptr};
  char* environment[] = {nullptr};
  pid_t pid = -1;
  int status = 0;
  if (posix_spawn(&pid, program, nullptr, nullptr, arguments, environment) != 0) return 1;
  if (waitpid(pid, &status, 0) != pid) return 1;
  const int fd = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  char text[64];
  const int length = snprintf(text, sizeof text, "{\"status\":%d}\n", status);
  if (fd < 0 || write(fd, text, static_cast<size_t>(length)) != length) return 1;
  return fsync(fd) == 0 ? 0 : 1;
}
