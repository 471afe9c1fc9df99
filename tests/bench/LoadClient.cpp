// A client of the API that costs little beside the daemon that it measures: one thread, poll, one
// connection for each thing in flight. Prints one JSON object.
//
//   load_client SOCKET runs SLUG COUNT AT-A-TIME    starts runs and waits for the end of each
//   load_client SOCKET start SLUG COUNT AT-A-TIME   only starts them
//   load_client SOCKET approve COUNT AT-A-TIME      approves every open wait, until COUNT runs have
//   ended since load_client SOCKET get TARGET COUNT AT-A-TIME   reads

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "load_client: %s\n", why.c_str());
  std::exit(1);
}

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Connects; a daemon that is just starting is waited for.
int connectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail("the path of the socket is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  for (const auto start = Clock::now(); secondsSince(start) < 20;) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  fail("nobody listens on " + path);
}

std::string request(const std::string& method, const std::string& target, const std::string& body) {
  std::string out = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!body.empty()) {
    out +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return out + "\r\n" + body;
}

/// The text behind "NAME":" from `from` on; empty when there is none.
std::string member(std::string_view text, const std::string& name, std::size_t& from) {
  const std::string key = "\"" + name + "\":\"";
  const std::size_t at = text.find(key, from);
  if (at == std::string_view::npos) return "";
  const std::size_t begin = at + key.size();
  const std::size_t end = text.find('"', begin);
  from = end;
  return std::string(text.substr(begin, end - begin));
}

std::string member(std::string_view text, const std::string& name) {
  std::size_t from = 0;
  return member(text, name, from);
}

/// One kept connection with at most one request in flight.
class Connection {
 public:
  explicit Connection(const std::string& socket) : fd_(connectTo(socket)) {}
  Connection(Connection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), in_(std::move(other.in_)) {}
  Connection(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  void send(const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t sent = ::send(fd_, text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) fail("the daemon closed a connection");
      at += static_cast<std::size_t>(sent);
    }
  }
  /// Reads once; true with the body when the answer is whole.
  bool read(std::string& body) {
    char piece[65536];
    const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
    if (got <= 0) fail("the daemon closed a connection");
    in_.append(piece, static_cast<std::size_t>(got));
    const std::size_t head = in_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t at = in_.find("Content-Length: ");
    if (at == std::string::npos || at > head)
      fail("an answer without Content-Length: " + in_.substr(0, 300));
    const std::size_t length = std::strtoul(in_.c_str() + at + 16, nullptr, 10);
    if (in_.size() < head + 4 + length) return false;
    body = in_.substr(head + 4, length);
    in_.clear();
    return true;
  }
  std::string ask(const std::string& text) {
    send(text);
    std::string body;
    while (!read(body)) {
    }
    return body;
  }

 private:
  int fd_;
  std::string in_;
};

/// Keeps `atATime` things in flight. `next` gives the next request of a connection after the last
/// answer of it (empty at its beginning), or nothing when it is done.
void drive(const std::string& socket, int atATime,
           const std::function<std::string(int, const std::string&)>& next) {
  std::vector<Connection> connections;
  for (int i = 0; i < atATime; ++i) connections.emplace_back(socket);
  std::vector<pollfd> polled;
  int live = 0;
  for (int i = 0; i < atATime; ++i) {
    polled.push_back({connections[static_cast<std::size_t>(i)].fd(), POLLIN, 0});
    const std::string first = next(i, "");
    if (first.empty())
      polled.back().fd = -1;
    else
      ++live, connections[static_cast<std::size_t>(i)].send(first);
  }
  while (live > 0) {
    if (::poll(polled.data(), polled.size(), 120'000) <= 0) fail("no answer in two minutes");
    for (std::size_t i = 0; i < polled.size(); ++i) {
      std::string body;
      if ((polled[i].revents & (POLLIN | POLLHUP)) == 0 || !connections[i].read(body)) continue;
      const std::string more = next(static_cast<int>(i), body);
      if (!more.empty()) {
        connections[i].send(more);
        continue;
      }
      polled[i].fd = -1;
      --live;
    }
  }
}

void checkOk(const std::string& body) {
  if (!body.starts_with("{\"ok\":true")) fail(body.substr(0, 500));
}

void runs(const std::string& socket, const std::string& slug, int count, int atATime,
          bool toTheEnd) {
  std::vector<bool> waiting(static_cast<std::size_t>(atATime), false);
  int started = 0;
  const std::string start =
      request("POST", "/v1/runs", "{\"flow\":\"" + slug + "\",\"draft\":true}");
  drive(socket, atATime, [&](int index, const std::string& body) -> std::string {
    const auto i = static_cast<std::size_t>(index);
    if (!body.empty()) checkOk(body);
    if (!body.empty() && toTheEnd && !waiting[i]) {
      waiting[i] = true;
      return request("GET", "/v1/runs/" + member(body, "id") + "/wait?for=60s", "");
    }
    if (waiting[i] && body.find("\"status\":\"succeeded\"") == std::string::npos)
      fail(body.substr(0, 500));
    waiting[i] = false;
    return started++ < count ? start : "";
  });
}

void approve(const std::string& socket, int count, int atATime) {
  Connection reader(socket);
  int approved = 0;
  while (approved < count) {
    const std::string list = reader.ask(request("GET", "/v1/waits?kind=approval&limit=1000", ""));
    checkOk(list);
    std::vector<std::pair<std::string, std::string>> waits;
    for (std::size_t from = 0;;) {
      const std::string id = member(list, "id", from);
      if (id.empty()) break;
      const std::string digest = member(list, "request_digest", from);
      waits.emplace_back(id, digest);
    }
    if (waits.empty()) fail("only " + std::to_string(approved) + " waits were open");
    std::size_t next = 0;
    drive(socket, atATime, [&](int, const std::string& body) -> std::string {
      if (!body.empty()) checkOk(body);
      if (next >= waits.size() || approved >= count) return "";
      ++approved;
      const auto& [id, digest] = waits[next++];
      return request("POST", "/v1/waits/" + id + "/approve",
                     "{\"request_digest\":\"" + digest + "\"}");
    });
  }
  for (const auto start = Clock::now(); secondsSince(start) < 60;) {
    const std::string left =
        reader.ask(request("GET", "/v1/runs?status=running,waiting&limit=1", ""));
    checkOk(left);
    if (left.find("\"runs\":[]") != std::string::npos) return;
  }
  fail("runs are left after a minute");
}

void get(const std::string& socket, const std::string& target, int count, int atATime) {
  int asked = 0;
  drive(socket, atATime, [&](int, const std::string& body) -> std::string {
    if (!body.empty()) checkOk(body);
    return asked++ < count ? request("GET", target, "") : "";
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) fail("usage: see the head of LoadClient.cpp");
  const std::string& socket = words[0];
  const std::string& what = words[1];
  const bool named = what != "approve";
  if (named && words.size() != 5) fail("usage: see the head of LoadClient.cpp");
  const int count = std::atoi(words[named ? 3 : 2].c_str());
  const int atATime = std::atoi(words[named ? 4 : 3].c_str());
  const auto start = Clock::now();
  if (what == "runs" || what == "start")
    runs(socket, words[2], count, atATime, what == "runs");
  else if (what == "approve")
    approve(socket, count, atATime);
  else if (what == "get")
    get(socket, words[2], count, atATime);
  else
    fail("what is " + what + "?");
  std::printf("{\"count\":%d,\"seconds\":%.6f}\n", count, secondsSince(start));
  return 0;
}
