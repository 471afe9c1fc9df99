#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/http/Server.h"
#include "tests/support/MemoryLog.h"
#include "tests/support/SimClock.h"

namespace belay::test {

/// Answers what the test says, or keeps the responders for the test to use.
class ScriptedHandler final : public http::Handler {
 public:
  Admission admit(http::ServerRequest& request) override {
    if (request.path == "/refused") return {0, http::ServerResponse::of(403, "text/plain", "no")};
    return {bodyBytesMax, std::nullopt};
  }
  void handle(http::ServerRequest&& request, http::Responder responder) override {
    requests.push_back(std::move(request));
    if (onRequest) return onRequest(requests.back(), std::move(responder));
    responders.push_back(std::move(responder));
  }
  http::ServerResponse renderError(int status, const base::Error& error) override {
    return http::ServerResponse::of(status, "text/plain", error.message);
  }

  std::size_t bodyBytesMax = 1000;
  std::function<void(const http::ServerRequest&, http::Responder)> onRequest;
  std::vector<http::ServerRequest> requests;
  std::vector<http::Responder> responders;
};

/// A server on a clock that the test moves, driven step by step, with clients that are socket
/// pairs.
class ServerFixture {
 public:
  explicit ServerFixture(const http::ServerSettings& settings = {}) {
    auto made = http::Server::create(settings, handler, clock, log);
    BELAY_CHECK(made.ok());
    server = std::move(made).value();
  }

  base::UniqueFd connect(const http::ListenOptions& options = {nullptr, true}) {
    std::array<int, 2> ends{};
    BELAY_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
                0);
    BELAY_CHECK(server->adopt(base::UniqueFd(ends[0]), options).ok());
    return base::UniqueFd(ends[1]);
  }

  /// Steps until nothing is left to do.
  void run() {
    for (int i = 0; i < 20; ++i) BELAY_CHECK(server->step(std::chrono::milliseconds{0}).ok());
  }

  void send(const base::UniqueFd& client, std::string_view bytes) {
    BELAY_CHECK(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes.size()));
    run();
  }

  /// All that has come. An end of the stream shows as "<end>".
  std::string receive(const base::UniqueFd& client) {
    run();
    std::string all;
    std::array<char, 65536> buffer{};
    while (true) {
      const ssize_t got = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) all.append(buffer.data(), static_cast<std::size_t>(got));
      if (got == 0) return all + "<end>";
      if (got < 0) return all;
      run();
    }
  }

  std::string exchange(const base::UniqueFd& client, std::string_view bytes) {
    send(client, bytes);
    return receive(client);
  }

  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    run();
  }

  SimClock clock;
  MemoryLog log;
  ScriptedHandler handler;
  std::unique_ptr<http::Server> server;
};

/// The body of the only response in `bytes`.
inline std::string bodyOf(const std::string& bytes) {
  const std::size_t at = bytes.find("\r\n\r\n");
  return at == std::string::npos ? "(no head)" : bytes.substr(at + 4);
}

inline std::string statusOf(const std::string& bytes) { return bytes.substr(0, 12); }

inline constexpr const char* kGet = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";

inline http::ServerResponse text(std::string body) {
  return http::ServerResponse::of(200, "text/plain", std::move(body));
}

/// Answers with method, path and body.
inline void echoShort(const http::ServerRequest& request, http::Responder responder) {
  responder.send(text(request.method + " " + request.path + " " + request.body));
}

inline std::size_t occurrences(const std::string& all, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace belay::test
