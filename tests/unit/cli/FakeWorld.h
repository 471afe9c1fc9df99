#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/cli/World.h"
#include "common/json/Json.h"
#include "tests/support/SeededRandom.h"
#include "tests/support/SimClock.h"
#include "tests/support/TempFolder.h"

namespace belay::test {

/// A console in memory.
class FakeConsole final : public cli::Console {
 public:
  void out(std::string_view text) override { outText += text; }
  void err(std::string_view text) override { errText += text; }
  base::Result<std::string> readInput(std::size_t bytesMax) override {
    if (input.size() > bytesMax) return base::Error{base::ErrorCode::kLimit, "too much"};
    return input;
  }
  base::Result<std::string> readHidden(std::string_view prompt) override {
    errText += prompt;
    return hidden;
  }
  bool inputIsTerminal() const override { return inputTerminal; }
  bool outIsTerminal() const override { return outTerminal; }
  bool errIsTerminal() const override { return errTerminal; }
  std::size_t columns() const override { return width; }
  std::size_t rows() const override { return height; }

  std::string outText, errText, input, hidden;
  bool inputTerminal = false, outTerminal = false, errTerminal = false;
  std::size_t width = 100, height = 24;
};

/// What the daemon was asked, and what it answers.
struct FakeDaemon {
  bool reachable = true;
  /// By "METHOD target"; a list is given out one by one, its last again and again.
  std::map<std::string, std::deque<cli::ApiResponse>> answers;
  std::vector<cli::ApiRequest> asked;

  void answer(const std::string& request, const std::string& body, int status = 200) {
    answers[request].push_back({status, body});
  }
  void data(const std::string& request, const std::string& data) {
    answer(request, envelopeOf(data));
  }
  void error(const std::string& request, const std::string& code, const std::string& message) {
    json::Value error;
    error.set("code", code).set("message", message);
    error.set("actions", json::Array{json::Value("belay doctor")});
    json::Value envelope;
    envelope.set("ok", false)
        .set("error", std::move(error))
        .set("meta", json::Object{{"schema", 1}});
    answer(request, json::print(envelope), 409);
  }
  static std::string envelopeOf(const std::string& data) {
    std::string text = R"({"ok":true,"data":)";
    text += data;
    text += R"(,"meta":{"schema":1,"source":"daemon"}})";
    return text;
  }
};

class FakeTransport final : public cli::Transport {
 public:
  explicit FakeTransport(FakeDaemon& daemon) : daemon_(daemon) {}

  base::Result<cli::ApiResponse> send(const cli::ApiRequest& request) override {
    daemon_.asked.push_back(request);
    if (!daemon_.reachable) {
      return base::Error{base::ErrorCode::kDaemonUnreachable, "no daemon runs", {"belay daemon"}};
    }
    const auto found = daemon_.answers.find(request.method + " " + request.target);
    if (found == daemon_.answers.end()) {
      std::string text =
          R"({"ok":false,"error":{"code":"BLY-HTTP-ROUTE","message":"no answer for )";
      text.append(request.method).append(" ").append(request.target);
      return cli::ApiResponse{404, text.append(R"(","actions":[]},"meta":{"schema":1}})")};
    }
    const cli::ApiResponse response = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    return response;
  }
  base::Result<cli::ApiResponse> stream(const cli::ApiRequest& request, const Sink& sink) override {
    BELAY_ASSIGN(cli::ApiResponse response, send(request));
    if (response.status != 200) return response;
    BELAY_TRY(sink(response.body));
    response.body.clear();
    return response;
  }

 private:
  FakeDaemon& daemon_;
};

/// The world of one command line.
class FakeWorld {
 public:
  FakeWorld()
      : world{console,
              clock,
              random,
              [this](const std::string& name) -> std::optional<std::string> {
                const auto found = environment.find(name);
                return found == environment.end() ? std::nullopt : std::optional(found->second);
              },
              1000,
              folder.path(),
              folder.path(),
              [this](const std::string& path) -> std::unique_ptr<cli::Transport> {
                socket = path;
                return std::make_unique<FakeTransport>(daemon);
              },
              [this](const cli::DaemonOptions& options) {
                daemonOptions = std::make_unique<cli::DaemonOptions>(options);
                return base::Status{};
              },
              [this](std::chrono::milliseconds length) { clock.advance(length); },
              folder.at("system")} {}

  /// Runs one command line; what it wrote is in console.
  int run(const std::vector<std::string>& words) {
    console.outText.clear();
    console.errText.clear();
    std::vector<const char*> argv{"belay"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    return cli::main(static_cast<int>(argv.size()), argv.data(), world);
  }

  TempFolder folder;
  FakeConsole console;
  SimClock clock{1'800'000'000'000};
  SeededRandom random;
  std::map<std::string, std::string> environment;
  FakeDaemon daemon;
  std::string socket;
  std::unique_ptr<cli::DaemonOptions> daemonOptions;
  cli::World world;
};

}  // namespace belay::test
