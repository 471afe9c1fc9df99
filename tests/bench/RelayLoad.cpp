// Ten thousand hosts and those who write to them, in one thread, beside the relay that is measured.
// Reads commands from standard input, one a line, and answers each with one JSON object:
//
//   relay_load STORE CA-FILE PORT
// hosts N: makes N hosts in the store; the relay must be down.
// link N SECONDS: they come, spread over so many seconds; answers when all are parked.
// unlink: they go.
// send COUNT RATE HOSTS: webhooks at this rate to the first hosts; answers with what each took.
// fill HOST COUNT LANES DEPTH: webhooks to one host, as fast as they are stored.
// drain HOST COUNT: one host takes so many, in their order.
// storm N RATE: waits until all have lost their connection and are back, with webhooks under way;
//   fails when one is lost or comes twice.
// slow N SECONDS RAMP: clients that send a byte a second; they come one by one in RAMP seconds.
// tickets 0|1: whether hosts keep the tickets of TLS.

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "common/base/Random.h"
#include "relay/mailbox/SqliteMailbox.h"
#include "tests/bench/LoadHost.h"

namespace belay::bench {
namespace {

using std::chrono::seconds;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Writes webhooks over one connection, several in a row.
class Sender final : public Client {
 public:
  Sender(LoadWorld& world, std::uint32_t number)
      : world_(world), number_(number), connection_(world.loop, *this) {
    reconnect();
  }
  std::size_t pending() const { return pending_.size(); }
  bool ready() const { return connection_.secure(); }
  std::size_t stored() const { return stored_; }

  void send(const std::string& host) {
    const std::size_t message = world_.newMessage();
    pending_.push_back(message);
    std::string body = std::to_string(message);
    body.append(32 - body.size(), ' ');
    connection_.send(postRequest("/h/" + host + "/" + LoadWorld::kHook, "", body));
  }

  void onEvent() override {
    if (!connection_.isOpen()) return;
    const bool alive = connection_.progress();
    while (const auto response = connection_.take()) {
      const bool taken = response->status == 202;
      const bool busy = response->status == 503 && world_.storm;
      if (!taken && !busy) fail("a webhook is not taken: " + response->body);
      world_.stored[pending_.front()] = taken;
      pending_.pop_front();
      stored_ += taken;
    }
    if (alive) return;
    // Nobody knows whether these were stored.
    pending_.clear();
    connection_.close();
    world_.loop.at(Clock::now() + std::chrono::milliseconds(50), *this);
  }
  void onTimer() override { reconnect(); }

 private:
  void reconnect() {
    if (!config_) config_ = world_.makeConfig();
    connection_.open(config_, 200 + number_, world_.port);
  }

  LoadWorld& world_;
  const std::uint32_t number_;
  LoadConnection connection_;
  std::shared_ptr<tls::TlsClientConfig> config_;
  std::deque<std::size_t> pending_;
  std::size_t stored_ = 0;
};

/// Sends a byte a second: of a handshake, or of a request behind one.
class SlowClient final : public Client {
 public:
  SlowClient(LoadWorld& world, std::uint32_t number, double ramp)
      : world_(world), number_(number), connection_(world.loop, *this) {
    world_.loop.at(world_.within(ramp), *this);
  }
  std::uint64_t ends() const { return ends_; }
  std::uint64_t sent() const { return sent_; }

  void onEvent() override {
    const bool alive = number_ % 2 ? connection_.progress() : rawAlive();
    while (number_ % 2 && connection_.isOpen() && connection_.take()) {
    }
    if (alive || !(number_ % 2 ? connection_.isOpen() : raw_.valid())) return;
    ++ends_;
    connection_.close();
    raw_ = base::UniqueFd();
  }
  void onTimer() override {
    static constexpr std::string_view kRequest = "POST /c/aaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nX: ";
    static constexpr std::string_view kHello("\x16\x03\x01\x3f\x00\x01\x00\x3e\xfc\x03\x03", 11);
    if (number_ % 2) {
      if (!connection_.isOpen())
        connection_.open(config(), 400 + number_ % 200, world_.port), at_ = 0;
      connection_.send(at_ < kRequest.size() ? kRequest.substr(at_, 1) : "a");
    } else {
      if (!raw_.valid())
        at_ = 0, raw_ = connectFrom(400 + number_ % 200, world_.port),
        watch(world_.loop, raw_.get(), *this);
      const char byte = at_ < kHello.size() ? kHello[at_] : 'a';
      static_cast<void>(::send(raw_.get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    ++at_;
    ++sent_;
    world_.loop.at(Clock::now() + seconds(1), *this);
  }

 private:
  bool rawAlive() const {
    char byte = 0;
    const ssize_t got = ::recv(raw_.get(), &byte, 1, MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
  }
  std::shared_ptr<tls::TlsClientConfig> config() {
    static const auto shared = world_.makeConfig();
    return shared;
  }

  LoadWorld& world_;
  const std::uint32_t number_;
  LoadConnection connection_;
  base::UniqueFd raw_;
  std::size_t at_ = 0;
  std::uint64_t ends_ = 0;
  std::uint64_t sent_ = 0;
};

class Program {
 public:
  explicit Program(char** argv) : store_(argv[1]) {
    world_.caFile = argv[2];
    world_.port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  }

  void run(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    const auto start = Clock::now();
    std::string more;
    // In their order, which that of arguments is not.
    std::vector<std::size_t> n;
    for (std::size_t word = 0; words >> word;) n.push_back(word);
    n.resize(4);
    if (verb == "hosts")
      makeHosts(n[0]);
    else if (verb == "link")
      link(n[0], static_cast<double>(n[1]), more);
    else if (verb == "unlink")
      unlink();
    else if (verb == "send")
      send(n[0], n[1], n[2], more);
    else if (verb == "fill")
      fill(n[0], n[1], n[2], n[3]);
    else if (verb == "drain")
      drain(n[0], n[1]);
    else if (verb == "storm")
      storm(n[0], n[1], more);
    else if (verb == "slow")
      slow(n[0], n[1], static_cast<double>(n[2]), more);
    else if (verb == "tickets")
      world_.tickets = n[0] != 0;
    else
      fail("what is " + verb + "?");
    std::printf("{\"seconds\":%.4f%s}\n", secondsSince(start), more.c_str());
    std::fflush(stdout);
  }

 private:
  static std::string member(const char* name, double value) {
    char text[80];
    std::snprintf(text, sizeof text, ",\"%s\":%.4f", name, value);
    return text;
  }

  void makeHosts(std::size_t count) {
    mailbox::SqliteOptions options;
    options.path = store_;
    options.create = false;
    auto opened = mailbox::SqliteMailbox::open(options);
    if (!opened) fail(opened.error().message);
    mailbox::Mailbox& mailbox = **opened;
    for (std::uint32_t i = 0; i < count; ++i) {
      hosts_.push_back(
          std::make_unique<LoadHost>(world_, i, crypto::P256PrivateKey::generate(os_)));
      const auto& key = hosts_.back()->key().publicKey();
      const std::string token = "token-" + std::to_string(i);
      mailbox::HostRow row;
      row.id = key.thumbprint();
      row.jwk = key.jwk();
      row.label = "load-" + std::to_string(i);
      check(mailbox.addToken({token, "host", "load", 0, INT64_MAX, ""}));
      check(mailbox.enrol(token, row, 1));
      check(mailbox.setHooks(row.id, {LoadWorld::kHook}));
    }
    check(mailbox.commit());
  }

  static void check(const base::Status& status) {
    if (!status) fail(status.error().message);
  }

  void link(std::size_t count, double spread, std::string& more) {
    world_.attemptsMost = 0;
    for (std::size_t i = 0; i < count; ++i) hosts_.at(i)->linkAt(world_.within(spread));
    world_.loop.run([&] { return world_.parked == count; }, seconds(300), "the link");
    settle(seconds(1));
    more = member("attempts", world_.attemptsMost);
  }

  /// What is under way comes to its end.
  void settle(seconds length) {
    const auto until = Clock::now() + length;
    world_.loop.run([&] { return Clock::now() > until; }, length + seconds(60), "time");
  }

  void unlink() {
    for (auto& host : hosts_) host->unlink();
  }

  void needSenders(std::size_t count) {
    // Those that were quiet for long have been cut, and learn of it now.
    if (!senders_.empty()) settle(seconds(1));
    while (senders_.size() < count) {
      senders_.push_back(
          std::make_unique<Sender>(world_, static_cast<std::uint32_t>(senders_.size())));
    }
    world_.loop.run(
        [&] {
          return std::all_of(senders_.begin(), senders_.end(),
                             [](const auto& each) { return each->ready(); });
        },
        seconds(60), "the senders");
  }

  bool answered() const {
    return std::all_of(senders_.begin(), senders_.end(),
                       [](const auto& each) { return each->pending() == 0; });
  }

  void forgetMessages() {
    world_.sentAt.clear();
    world_.tookMs.clear();
    world_.stored.clear();
  }

  void send(std::size_t count, std::size_t rate, std::size_t hosts, std::string& more) {
    constexpr std::size_t kSenders = 8;
    needSenders(kSenders);
    forgetMessages();
    const std::uint64_t before = world_.received;
    Pace pace(*this, count, rate, hosts);
    world_.loop.run([&] { return world_.received - before == count && answered(); }, seconds(120),
                    "messages");
    std::vector<float> took = world_.tookMs;
    std::sort(took.begin(), took.end());
    more = member("p50_ms", took[took.size() / 2]) +
           member("p99_ms", took[took.size() * 99 / 100]) + member("max_ms", took.back());
  }

  /// Sends at even moments, whatever became of those before.
  class Pace final : public Client {
   public:
    Pace(Program& program, std::size_t count, std::size_t rate, std::size_t hosts)
        : program_(program), count_(count), rate_(rate), hosts_(hosts), start_(Clock::now()) {
      onTimer();
    }
    void onEvent() override {}
    void onTimer() override {
      if (sent_ == count_) return;
      auto& senders = program_.senders_;
      Sender& sender = *senders[sent_ % senders.size()];
      auto& hosts = program_.hosts_;
      if (sender.ready()) sender.send(hosts[program_.world_.random() % hosts_]->id());
      if (++sent_ == count_) return;
      program_.world_.loop.at(start_ + std::chrono::nanoseconds(sent_ * 1'000'000'000 / rate_),
                              *this);
    }
    void stop() { count_ = sent_; }

   private:
    Program& program_;
    std::size_t count_;
    const std::size_t rate_;
    const std::size_t hosts_;
    const Clock::time_point start_;
    std::size_t sent_ = 0;
  };

  void fill(std::size_t host, std::size_t count, std::size_t lanes, std::size_t depth) {
    needSenders(lanes);
    forgetMessages();
    std::size_t before = 0;
    for (const auto& each : senders_) before += each->stored();
    std::size_t sent = 0;
    const auto done = [&] {
      std::size_t stored = 0;
      for (std::size_t i = 0; i < lanes; ++i) {
        while (sent < count && senders_[i]->pending() < depth) {
          senders_[i]->send(hosts_.at(host)->id());
          ++sent;
        }
        stored += senders_[i]->stored();
      }
      return stored - before == count;
    };
    world_.loop.run(done, seconds(600), "the messages");
  }

  void drain(std::size_t host, std::size_t count) {
    const std::uint64_t before = world_.received;
    hosts_.at(host)->linkAt(Clock::now());
    world_.loop.run([&] { return world_.received - before == count; }, seconds(600),
                    "the messages");
    settle(seconds(1));
    hosts_.at(host)->unlink();
  }

  void storm(std::size_t count, std::size_t rate, std::string& more) {
    needSenders(1);
    forgetMessages();
    world_.attemptsMost = 0;
    world_.lost = 0;
    world_.storm = true;
    Pace pace(*this, 1'000'000, rate, count);
    Clock::time_point begin{};
    const auto back = [&] {
      if (world_.lost > 0 && begin == Clock::time_point{}) begin = Clock::now();
      return world_.lost >= count && world_.parked == count;
    };
    world_.loop.run(back, seconds(300), "the end of the storm");
    more = member("back_s", secondsSince(begin)) + member("attempts", world_.attemptsMost);
    pace.stop();
    world_.storm = false;
    std::size_t stored = 0;
    const auto all = [&] {
      for (std::size_t i = 0; i < world_.stored.size(); ++i) {
        if (world_.stored[i] && world_.tookMs[i] < 0) return false;
      }
      return true;
    };
    settle(seconds(1));
    world_.loop.run(all, seconds(60), "what was stored");
    for (const std::uint8_t each : world_.stored) stored += each;
    more += member("stored", static_cast<double>(stored));
  }

  void slow(std::size_t count, std::size_t length, double ramp, std::string& more) {
    for (std::uint32_t i = 0; i < count; ++i) {
      slow_.push_back(std::make_unique<SlowClient>(world_, i, ramp));
    }
    settle(seconds(length));
    std::uint64_t ends = 0;
    std::uint64_t sent = 0;
    for (const auto& each : slow_) ends += each->ends(), sent += each->sent();
    more = member("ended", static_cast<double>(ends)) + member("sent", static_cast<double>(sent));
  }

  const std::string store_;
  LoadWorld world_;
  base::OsRandom os_;
  std::vector<std::unique_ptr<LoadHost>> hosts_;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::vector<std::unique_ptr<SlowClient>> slow_;
};

}  // namespace
}  // namespace belay::bench

int main(int argc, char** argv) {
  if (argc != 4) belay::bench::fail("usage: see the head of RelayLoad.cpp");
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  belay::bench::Program program(argv);
  for (std::string line; std::getline(std::cin, line);) program.run(line);
  return 0;
}
