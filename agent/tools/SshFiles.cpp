#include "agent/tools/SshFiles.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <vector>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"
#include "common/base/Units.h"

namespace belay::tools {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

using File = std::unique_ptr<sftp_file_struct, base::FreeWith<&sftp_close>>;
using Attributes = std::unique_ptr<sftp_attributes_struct, base::FreeWith<&sftp_attributes_free>>;

constexpr std::size_t kPieceBytes = 32 * 1024;
constexpr std::size_t kAhead = 16;  // Requests under way, so that a far server is not slow.

constexpr std::array<std::pair<int, std::string_view>, 8> kReasons{
    {{SSH_FX_NO_SUCH_FILE, "there is no such file"},
     {SSH_FX_NO_SUCH_PATH, "there is no such folder"},
     {SSH_FX_PERMISSION_DENIED, "permission denied"},
     {SSH_FX_FILE_ALREADY_EXISTS, "it exists already"},
     {SSH_FX_WRITE_PROTECT, "it is write-protected"},
     {SSH_FX_NO_MEDIA, "no medium"},
     {SSH_FX_OP_UNSUPPORTED, "the server cannot do that"},
     {SSH_FX_FAILURE, "the server failed, or its disk is full"}}};

/// A file that is sent in pieces, several of which are under way.
class Sending {
 public:
  explicit Sending(sftp_file file) : file_(file) {}
  ~Sending() {
    for (sftp_aio each : ahead_) sftp_aio_free(each);
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  bool push(std::string_view piece) {
    while (!piece.empty()) {
      if (ahead_.size() >= kAhead && !takeOne()) return false;
      sftp_aio aio = nullptr;
      const ssize_t sent = sftp_aio_begin_write(file_, piece.data(), piece.size(), &aio);
      if (sent <= 0) return false;
      ahead_.push_back(aio);
      piece.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool finish() {
    while (!ahead_.empty()) {
      if (!takeOne()) return false;
    }
    return true;
  }

 private:
  bool takeOne() {
    sftp_aio aio = ahead_.front();
    ahead_.pop_front();
    return sftp_aio_wait_write(&aio) >= 0;
  }

  sftp_file file_;
  std::deque<sftp_aio> ahead_;
};

/// The same the other way round.
class Receiving {
 public:
  explicit Receiving(sftp_file file) : file_(file) {}
  ~Receiving() {
    for (sftp_aio each : ahead_) sftp_aio_free(each);
  }
  Receiving(const Receiving&) = delete;
  Receiving& operator=(const Receiving&) = delete;

  /// The next piece; empty at the end; nothing when it failed.
  std::optional<std::string_view> next() {
    while (ahead_.size() < kAhead) {
      sftp_aio aio = nullptr;
      if (sftp_aio_begin_read(file_, kPieceBytes, &aio) <= 0) return std::nullopt;
      ahead_.push_back(aio);
    }
    sftp_aio aio = ahead_.front();
    ahead_.pop_front();
    const ssize_t count = sftp_aio_wait_read(&aio, buffer_.data(), buffer_.size());
    if (count < 0) return std::nullopt;
    return std::string_view(buffer_.data(), static_cast<std::size_t>(count));
  }

 private:
  sftp_file file_;
  std::deque<sftp_aio> ahead_;
  std::array<char, kPieceBytes> buffer_{};
};

}  // namespace

Result<SshFiles> SshFiles::open(ssh_session session) {
  Sftp sftp(sftp_new(session));
  if (!sftp || sftp_init(sftp.get()) != SSH_OK) {
    Error error = sshError(session, "start SFTP");
    if (error.code == ErrorCode::kSshProtocol) error.code = ErrorCode::kSftp;
    return error;
  }
  return SshFiles(session, std::move(sftp));
}

Error SshFiles::failed(const std::string& what) const {
  if (!ssh_is_connected(session_)) return sshError(session_, what);
  const int reason = sftp_get_error(sftp_.get());
  if (reason == SSH_FX_CONNECTION_LOST || reason == SSH_FX_NO_CONNECTION || reason == SSH_FX_EOF)
    return Error{ErrorCode::kConnect, what + ": the connection broke"};
  for (const auto& [code, words] : kReasons) {
    if (code == reason) return Error{ErrorCode::kSftp, what + ": " + std::string(words)};
  }
  return Error{ErrorCode::kSftp, what + ": SFTP status " + std::to_string(reason)};
}

Status SshFiles::send(int local, sftp_file file, const std::string& to) {
  Sending sending(file);
  std::array<char, kPieceBytes> buffer;
  for (;;) {
    const ssize_t count = ::read(local, buffer.data(), buffer.size());
    if (count < 0) return base::errnoError(errno, "read what is to be put to " + to);
    if (count == 0) break;
    if (!sending.push({buffer.data(), static_cast<std::size_t>(count)}))
      return failed("put " + to);
  }
  if (!sending.finish()) return failed("put " + to);
  return {};
}

Status SshFiles::put(const std::string& local, const std::string& to, unsigned mode,
                     const std::string& mark) {
  BELAY_ASSIGN(const base::UniqueFd source, base::openForReading(local));
  const std::string partial = to + ".belay-" + mark;
  // What an attempt before this one left.
  static_cast<void>(sftp_unlink(sftp_.get(), partial.c_str()));
  File file(sftp_open(sftp_.get(), partial.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (!file) return failed("put " + to);
  Status done = send(source.get(), file.get(), to);
  if (done.ok()) {
    // Not all servers can; then it is in their memory, as with any copy.
    static_cast<void>(sftp_fsync(file.get()));
    if (sftp_close(file.release()) != SSH_OK) done = failed("close " + to);
  }
  if (done.ok() && sftp_chmod(sftp_.get(), partial.c_str(), mode) != SSH_OK)
    done = failed("set the mode of " + to);
  if (done.ok() && sftp_rename(sftp_.get(), partial.c_str(), to.c_str()) != SSH_OK)
    done = failed("give " + to + " its name");
  if (!done.ok()) static_cast<void>(sftp_unlink(sftp_.get(), partial.c_str()));
  return done;
}

Result<std::uint64_t> SshFiles::get(const std::string& from, const std::string& local,
                                    std::uint64_t bytesMax) {
  // Looked at first: to open a FIFO would wait for ever.
  const Attributes info(sftp_stat(sftp_.get(), from.c_str()));
  if (!info) return failed("get " + from);
  if (!S_ISREG(info->permissions))
    return Error{ErrorCode::kSftp, "get " + from + ": it is no regular file"};
  const auto tooLarge = [&] {
    return Error{ErrorCode::kLimit,
                 "get " + from + ": it has more than " + base::formatBytes(bytesMax),
                 {"set max of the file in get"}};
  };
  if (info->size > bytesMax) return tooLarge();
  const File file(sftp_open(sftp_.get(), from.c_str(), O_RDONLY, 0));
  if (!file) return failed("get " + from);
  const base::UniqueFd out(
      ::open(local.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.valid()) return base::errnoError(errno, "create " + local);
  Receiving receiving(file.get());
  std::uint64_t size = 0;
  for (;;) {
    const auto piece = receiving.next();
    if (!piece) return failed("get " + from);
    if (piece->empty()) return size;
    size += piece->size();
    if (size > bytesMax) return tooLarge();
    BELAY_TRY(base::writeAll(out.get(), *piece, local));
  }
}

}  // namespace belay::tools
