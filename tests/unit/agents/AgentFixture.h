#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agents/Adapter.h"
#include "agent/agents/Tally.h"
#include "common/json/Json.h"

namespace belay::agents {

/// An adapter with a task, fed with recorded lines.
struct AgentFixture {
  explicit AgentFixture(std::string name) {
    spec.adapter = std::move(name);
    spec.binary = "/bin/agent";
    spec.prompt = "do it";
    spec.cwd = "/repo";
    spec.rawFolder = "/raw";
  }

  base::Result<LaunchPlan> launch() {
    adapter = makeAdapter(spec);
    tally = std::make_unique<Tally>(spec);
    return adapter->launch([](const std::string&) { return std::optional<std::string>(); });
  }
  /// Lines in, events added up.
  void feed(std::string_view text) {
    if (!adapter) static_cast<void>(launch());
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::vector<Event> now;
      if (end > at && !adapter->parse(text.substr(at, end - at), now)) ++skipped;
      for (const Event& event : now) tally->take(event);
      events.insert(events.end(), now.begin(), now.end());
      at = end + 1;
    }
  }
  Verdict end(int exitCode, std::string errors = {}) {
    if (!adapter) static_cast<void>(launch());
    tally->ending().exitCode = exitCode;
    tally->ending().errors = std::move(errors);
    return adapter->classify(tally->ending());
  }
  /// All arguments in one line, between spaces.
  std::string argv() {
    const auto plan = launch();
    if (!plan) return plan.error().message;
    std::string out = " ";
    for (const std::string& word : plan->arguments) out += word + " ";
    return out;
  }

  DriveSpec spec;
  std::unique_ptr<Adapter> adapter;
  std::unique_ptr<Tally> tally;
  std::vector<Event> events;
  int skipped = 0;
};

}  // namespace belay::agents
