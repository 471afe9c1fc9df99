#include "agent/cli/PosixWorld.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "agent/api/Accounts.h"
#include "agent/cli/SocketTransport.h"
#include "common/base/Files.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

void writeOrEnd(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR) continue;
    // The reader has seen enough, or the disk behind it is full: there is nobody left to tell.
    std::_Exit(errno == EPIPE ? 0 : 1);
  }
}

/// Turns the echo of a terminal off, and back on.
class HiddenTyping {
 public:
  explicit HiddenTyping(int fd) : fd_(fd) {
    active_ = ::tcgetattr(fd_, &before_) == 0;
    if (!active_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    active_ = ::tcsetattr(fd_, TCSAFLUSH, &hidden) == 0;
  }
  ~HiddenTyping() {
    if (active_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  HiddenTyping(const HiddenTyping&) = delete;
  HiddenTyping& operator=(const HiddenTyping&) = delete;
  bool active() const { return active_; }

 private:
  const int fd_;
  termios before_{};
  bool active_ = false;
};

std::string workingFolder() {
  std::array<char, 4096> buffer{};
  return ::getcwd(buffer.data(), buffer.size()) ? std::string(buffer.data()) : std::string();
}

std::string homeOfUser() {
  api::AccountFiles files;
  return files.current().homeOf(::geteuid());
}

/// Of the terminal that output or errors go to; `usual` when it does not say.
std::size_t sizeOf(unsigned short winsize::*side, std::size_t usual) {
  winsize size{};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.*side != 0) return size.*side;
  }
  return usual;
}

}  // namespace

void PosixConsole::out(std::string_view text) { writeOrEnd(STDOUT_FILENO, text); }
void PosixConsole::err(std::string_view text) { writeOrEnd(STDERR_FILENO, text); }

Result<std::string> PosixConsole::readInput(std::size_t bytesMax) {
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::errnoError(errno, "read standard input");
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > bytesMax) {
      return Error{ErrorCode::kLimit,
                   "standard input has more than " + std::to_string(bytesMax) + " bytes"};
    }
  }
}

Result<std::string> PosixConsole::readHidden(std::string_view prompt) {
  const base::UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (!terminal.valid()) {
    return Error{ErrorCode::kUsage,
                 "there is no terminal to ask on: give the value on standard input"};
  }
  const HiddenTyping hidden(terminal.get());
  if (!hidden.active()) return Error{ErrorCode::kIo, "the terminal does not hide what is typed"};
  BELAY_TRY(base::writeAll(terminal.get(), prompt, "the terminal"));
  std::string line;
  for (char c = 0;;) {
    const ssize_t count = ::read(terminal.get(), &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || c == '\n') break;
    line += c;
  }
  BELAY_TRY(base::writeAll(terminal.get(), "\n", "the terminal"));
  return line;
}

bool PosixConsole::inputIsTerminal() const { return ::isatty(STDIN_FILENO) == 1; }
bool PosixConsole::outIsTerminal() const { return ::isatty(STDOUT_FILENO) == 1; }
bool PosixConsole::errIsTerminal() const { return ::isatty(STDERR_FILENO) == 1; }

std::size_t PosixConsole::columns() const { return sizeOf(&winsize::ws_col, 80); }

std::size_t PosixConsole::rows() const { return sizeOf(&winsize::ws_row, 24); }

PosixWorld::PosixWorld(std::function<base::Status(const DaemonOptions&)> runDaemon)
    : world_{console_,
             clock_,
             random_,
             [](const std::string& name) -> std::optional<std::string> {
               const char* value =
                   ::getenv(name.c_str());  // style: the one place, beside main.cpp.
               return value ? std::optional<std::string>(value) : std::nullopt;
             },
             ::geteuid(),
             homeOfUser(),
             workingFolder(),
             [this](const std::string& socket) { return makeSocketTransport(socket, clock_); },
             std::move(runDaemon),
             [](std::chrono::milliseconds length) { std::this_thread::sleep_for(length); }} {}

}  // namespace belay::cli
