#include <signal.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "agent/steps/SqliteStatement.h"
#include "agent/tools/Confine.h"
#include "common/base/Files.h"
#include "common/json/Json.h"

// The process of one statement: what a damaged file or a greedy statement does ends with it.

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr int kResultFd = 3;
constexpr std::size_t kRequestBytesMax = 32u << 20;

Result<std::string> readAll(int fd) {
  std::string out;
  std::array<char, 65536> buffer{};
  while (out.size() <= kRequestBytesMax) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errnoError(errno, "read the request");
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return Error{ErrorCode::kLimit, "the request is larger than 32 MiB"};
}

/// What the library asks of other files is asked before: /dev/urandom, and the time zone.
base::Status giveUpFiles(const std::string& file) {
  std::uint64_t seed = 0;
  sqlite3_randomness(sizeof seed, &seed);
  ::tzset();
  return tools::confine(file.substr(0, std::max<std::size_t>(file.rfind('/'), 1)));
}

Result<Value> perform(const base::Clock& clock) {
  // Beyond the bound of files a write fails, and the statement is taken back.
  ::signal(SIGXFSZ, SIG_IGN);
  BELAY_ASSIGN(const std::string text, readAll(STDIN_FILENO));
  BELAY_ASSIGN(const SqliteRequest request, SqliteRequest::parse(text));
  // Before the library is used: it counts what it takes, and answers with an error beyond the bound.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1);
  sqlite3_hard_heap_limit64(static_cast<sqlite3_int64>(request.memoryBytes));
  BELAY_TRY(giveUpFiles(request.file));
  return runSqlite(request, clock);
}

}  // namespace

int runSqliteMain(const base::Clock& clock) {
  auto done = perform(clock);
  Value out;
  if (done) {
    out = std::move(*done);
  } else {
    out.set("code", base::errorText(done.error().code)).set("message", done.error().message);
  }
  const base::Status written = base::writeAll(kResultFd, json::print(out), "result");
  return written ? 0 : 1;
}

}  // namespace belay::steps
