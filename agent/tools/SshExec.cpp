#include "agent/tools/SshExec.h"

#include <libssh/callbacks.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/tools/RemoteCommand.h"
#include "common/base/Files.h"
#include "common/base/UniqueFd.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

using SshEvent = std::unique_ptr<ssh_event_struct, base::FreeWith<&ssh_event_free>>;

constexpr std::size_t kPieceBytes = 32 * 1024;
constexpr int kQuietMs = 2'000;  // Of what still holds its output when the command has ended.
constexpr std::size_t kHeadBytesMax = 64;

/// One command on its channel, until it has ended and its output is passed on.
class Exec {
 public:
  Exec(ssh_session session, const SshCommand& command, int stopFd, Effect& effect)
      : session_(session), command_(command), stopFd_(stopFd), effect_(effect) {}

  Result<SshExit> run() {
    if (!command_.inputFile.empty()) {
      BELAY_ASSIGN(file_, base::openForReading(command_.inputFile));
    }
    channel_.reset(ssh_channel_new(session_));
    if (!channel_ || ssh_channel_open_session(channel_.get()) != SSH_OK)
      return sshError(session_, "open a channel");
    if (command_.terminal &&
        ssh_channel_request_pty_size(channel_.get(), "xterm", 80, 24) != SSH_OK)
      return sshError(session_, "ask for a terminal");
    listen();
    effect_ = Effect::kUnknown;
    if (ssh_channel_request_exec(channel_.get(), command_.line.c_str()) != SSH_OK) {
      Error error = sshError(session_, "start the command");
      if (error.code != ErrorCode::kConnect) effect_ = Effect::kNone;  // Refused.
      return error;
    }
    BELAY_TRY(carry());
    return judge();
  }

 private:
  void listen() {
    ssh_callbacks_init(&callbacks_);
    callbacks_.userdata = this;
    callbacks_.channel_data_function = [](ssh_session, ssh_channel, void* data,
                                          std::uint32_t length, int isErr, void* self) {
      static_cast<Exec*>(self)->takeOutput({static_cast<const char*>(data), length}, isErr != 0);
      return static_cast<int>(length);
    };
    callbacks_.channel_exit_status_function = [](ssh_session, ssh_channel, int code, void* self) {
      static_cast<Exec*>(self)->exit_.code = code;
    };
    callbacks_.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* name, int,
                                                 const char*, const char*, void* self) {
      static_cast<Exec*>(self)->exit_.signal = name;
    };
    ssh_set_channel_callbacks(channel_.get(), &callbacks_);
  }

  void takeOutput(std::string_view bytes, bool isErr) noexcept {
    heard_ = true;
    if (command_.detach && !isErr && exit_.output.size() < kHeadBytesMax)
      exit_.output += bytes.substr(0, kHeadBytesMax - exit_.output.size());
    if (!outputError_.ok()) return;
    outputError_ = base::writeAll(isErr ? 2 : 1, bytes, "output");
  }

  bool ended() const { return exit_.code.has_value() || !exit_.signal.empty(); }

  Status carry() {
    const SshEvent event(ssh_event_new());
    if (!event || ssh_event_add_session(event.get(), session_) != SSH_OK)
      return Error{ErrorCode::kLimit, "no memory to wait for the server"};
    ssh_event_add_fd(
        event.get(), stopFd_, POLLIN,
        [](socket_t fd, int, void* self) {
          std::uint64_t count = 0;
          static_cast<void>(!::read(fd, &count, sizeof count));
          static_cast<Exec*>(self)->stop();
          return 0;
        },
        this);
    const Status carried = loop(event.get());
    ssh_event_remove_fd(event.get(), stopFd_);
    ssh_event_remove_session(event.get(), session_);
    return carried;
  }

  Status loop(ssh_event event) {
    while (!ssh_channel_is_closed(channel_.get()) && ssh_is_connected(session_)) {
      BELAY_TRY(giveInput());
      if (ended() && ssh_channel_is_eof(channel_.get())) break;
      heard_ = false;
      const bool quiet = ended();
      const bool more = !inputDone_ && ssh_channel_window_size(channel_.get()) > 0;
      if (ssh_event_dopoll(event, more ? 0 : quiet ? kQuietMs : -1) == SSH_ERROR) break;
      BELAY_TRY(outputError_);
      if (stopped_ && !helper_ && !command_.mark.empty()) endByMark();
      // What it left behind may hold its output open for ever; but how it ended may be said before
      // the last of its output, which is waited for.
      if (quiet && !heard_ && !more) break;
    }
    return {};
  }

  void stop() {
    stopped_ = true;
    static_cast<void>(ssh_channel_request_send_signal(channel_.get(), "TERM"));
  }

  /// Not every server passes signals on (OpenSSH does not to root's commands): the processes of the
  /// command are found by their environment, where the other machine shows that.
  void endByMark() {
    helper_.reset(ssh_channel_new(session_));
    const std::string find = "for p in /proc/[0-9]*;do grep -qsF " + quoteWord(command_.mark) +
                             " $p/environ&&kill -TERM ${p#/proc/};done";
    if (!helper_ || ssh_channel_open_session(helper_.get()) != SSH_OK) return;
    static_cast<void>(
        ssh_channel_request_exec(helper_.get(), ("exec /bin/sh -c " + quoteWord(find)).c_str()));
  }

  Status giveInput() {
    while (!inputDone_) {
      const std::uint32_t window = ssh_channel_window_size(channel_.get());
      if (window == 0) return {};
      if (pending_.empty()) BELAY_TRY(nextInput());
      if (pending_.empty()) {
        inputDone_ = true;
        // A terminal has no end of input but the one that is typed.
        if (command_.terminal)
          static_cast<void>(ssh_channel_write(channel_.get(), "\x04", 1));
        else
          static_cast<void>(ssh_channel_send_eof(channel_.get()));
        return {};
      }
      const auto piece = static_cast<std::uint32_t>(
          std::min<std::size_t>({pending_.size(), window, kPieceBytes}));
      const int written = ssh_channel_write(channel_.get(), pending_.data(), piece);
      if (written <= 0) {  // It does not read any more: what it makes of that is its business.
        inputDone_ = true;
        return {};
      }
      pending_.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Status nextInput() {
    if (!headGiven_) {
      headGiven_ = true;
      pending_ = command_.input;
      if (!pending_.empty()) return {};
    }
    if (!file_.valid()) return {};
    const ssize_t count = ::read(file_.get(), buffer_.data(), buffer_.size());
    if (count < 0) return base::errnoError(errno, "read the input");
    pending_ = {buffer_.data(), static_cast<std::size_t>(count)};
    return {};
  }

  Result<SshExit> judge() {
    if (ended()) {
      effect_ = Effect::kDone;
      return std::move(exit_);
    }
    if (stopped_)
      return Error{ErrorCode::kCancelled, "the command was asked to end, and did not say that it has"};
    if (!ssh_is_connected(session_) || !ssh_channel_is_closed(channel_.get()))
      return Error{ErrorCode::kConnect,
                   "the connection broke before the command had ended; it may still run there"};
    return Error{ErrorCode::kSshProtocol, "the server closed without saying how the command ended"};
  }

  const ssh_session session_;
  const SshCommand& command_;
  const int stopFd_;
  Effect& effect_;
  SshChannel channel_;
  SshChannel helper_;
  ssh_channel_callbacks_struct callbacks_{};
  SshExit exit_;
  base::UniqueFd file_;
  std::array<char, kPieceBytes> buffer_{};
  std::string_view pending_;
  bool headGiven_ = false;
  bool inputDone_ = false;
  bool heard_ = false;
  bool stopped_ = false;
  Status outputError_;
};

}  // namespace

Result<SshExit> execSsh(ssh_session session, const SshCommand& command, int stopFd,
                        Effect& effect) {
  return Exec(session, command, stopFd, effect).run();
}

}  // namespace belay::tools
