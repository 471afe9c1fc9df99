// belay-step-postgres: one statement for a PostgreSQL server, as a step plugin (docs/plugins.md).

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "plugins/postgres/Describe.h"
#include "plugins/postgres/Query.h"

namespace {

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Result;
using belay::json::Value;

constexpr std::size_t kRequestBytesMax = 16u << 20;

Result<Value> readRequest() {
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(0, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return belay::base::errnoError(errno, "read the request");
    if (count == 0) return belay::json::parse(text);
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kRequestBytesMax)
      return Error{ErrorCode::kLimit, "the request has more than 16 MiB"};
  }
}

/// Nothing but the request says where to connect: no PGHOST, no PGPASSFILE, no service file.
void forgetEnvironment() {
  std::string names;
  for (char* const* each = ::environ; *each != nullptr; ++each) {
    const std::string name(*each, std::string(*each).find('='));
    if (name.starts_with("PG")) names += name + " ";
  }
  for (const std::string_view name : belay::base::split(names, ' ')) {
    if (!name.empty()) ::unsetenv(std::string(name).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--describe") {
    const std::string text = std::string(belay::postgres::kDescription) + "\n";
    return belay::base::writeAll(1, text, "description").ok() ? 0 : 1;
  }
  const char* const named = std::getenv("BELAY_RESULT_FD");
  const auto fd = belay::base::parseUnsigned(named ? named : "");
  if (!fd || *fd < 3 || *fd > 1'000'000) {
    static_cast<void>(belay::base::writeAll(
        2, "belay-step-postgres is a plugin of Belay: BELAY_RESULT_FD names no descriptor\n",
        "standard error"));
    return 2;
  }
  forgetEnvironment();
  const auto request = readRequest();
  const Value result = request && request->isObject()
                           ? belay::postgres::runQuery(*request)
                           : belay::postgres::failure(
                                 request ? Error{ErrorCode::kInvalidArgument, "the request is no object"}
                                         : request.error(),
                                 "none");
  const auto written =
      belay::base::writeAll(static_cast<int>(*fd), belay::json::print(result), "result");
  return written.ok() && result.flag("ok") ? 0 : 1;
}
