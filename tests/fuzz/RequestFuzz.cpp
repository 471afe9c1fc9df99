// Any bytes on a connection of the API: a server with the table of all its routes, whose handlers
// read query and body as those of the daemon do and answer in the envelope. Whatever came, the
// connection ends, and each answer is one that our client reads.

#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>

#include "agent/api/Exchange.h"
#include "agent/api/Reads.h"
#include "agent/api/Routes.h"
#include "common/base/Check.h"
#include "common/http/Parser.h"
#include "common/http/RouteTable.h"
#include "common/http/Server.h"
#include "common/log/Log.h"
#include "tests/fuzz/Input.h"
#include "tests/support/SimClock.h"

namespace belay::fuzz {
namespace {

using namespace std::chrono_literals;

void answer(http::ServerRequest&& request, http::Responder responder) {
  const auto query = api::parseQuery(request.query);
  api::Exchange exchange(std::move(request), std::move(responder), api::Caller{});
  if (!query.ok()) return exchange.fail(query.error());
  exchange.answer(exchange.bodyObject());
}

http::RouteTable makeTable() {
  std::vector<http::Route> routes;
  for (const api::RouteInfo& info : api::describeRoutes()) {
    const std::size_t bodyBytesMax = info.method == "GET" ? 0 : 4096;
    routes.push_back({info.method, info.pattern, info.auth, bodyBytesMax, "", answer});
  }
  return {std::move(routes),
          [](std::string_view, const http::ServerRequest&) { return std::nullopt; },
          api::errorResponse};
}

/// Every answer, as a client reads it.
void checkAnswers(std::string_view bytes) {
  using State = http::Parser::State;
  http::Parser parser(http::Parser::Kind::kResponse, {});
  while (!bytes.empty()) {
    bytes.remove_prefix(parser.feed(bytes));
    BELAY_CHECK(parser.state() != State::kFailed);
    if (parser.state() == State::kHeadComplete) {
      if (parser.head().status == 100) {
        parser.reset();
        continue;
      }
      // After HEAD nothing follows the head, so the next answer is read as if it were the body.
      if (parser.head().headers.has("content-length") && bytes.starts_with("HTTP/1.1 ")) return;
      parser.beginBody(1u << 20);
    }
    if (parser.state() == State::kComplete) {
      BELAY_CHECK(parser.body().empty() || api::parseEnvelope(parser.body()).ok());
      parser.reset();
    }
  }
}

class QuietLog final : public log::Log {
  void write(log::Level, std::string_view, std::span<const log::Field>) override {}
};

class Target {
 public:
  Target() {
    auto made = http::Server::create({}, table_, clock_, log_);
    BELAY_CHECK(made.ok());
    server_ = std::move(made).value();
  }

  void run(std::string_view bytes) {
    std::array<int, 2> ends{};
    BELAY_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
                0);
    const base::UniqueFd client(ends[1]);
    BELAY_CHECK(server_->adopt(base::UniqueFd(ends[0]), {nullptr, true}).ok());
    const std::string_view first = bytes.substr(0, bytes.size() / 2);
    send(client, first);
    step();
    send(client, bytes.substr(first.size()));
    ::shutdown(client.get(), SHUT_WR);
    std::string answers;
    for (int round = 0; round < 100 && server_->connections() > 0; ++round) {
      step();
      receive(client, answers);
      if (round > 4) clock_.advance(61s);  // Whatever it waits for does not come.
    }
    BELAY_CHECK(server_->connections() == 0);
    receive(client, answers);
    checkAnswers(answers);
  }

 private:
  void step() { BELAY_CHECK(server_->step(0ms).ok()); }
  static void send(const base::UniqueFd& client, std::string_view bytes) {
    static_cast<void>(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  static void receive(const base::UniqueFd& client, std::string& answers) {
    std::array<char, 65536> buffer{};
    ssize_t got = 0;
    while ((got = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      answers.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  http::RouteTable table_ = makeTable();
  test::SimClock clock_;
  QuietLog log_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static belay::fuzz::Target target;
  target.run(belay::fuzz::textOf(data, size));
  return 0;
}
