#include "agent/settings/Options.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/options/OptionExample.h"

namespace belay::settings {

namespace {

/// The part of an option's name behind its section.
std::string_view leaf(std::string_view name) { return name.substr(name.find('.') + 1); }

constexpr const char* kIntro =
    "# Settings of the Belay daemon. Default values are shown; uncomment to change.\n"
    "# Check with `belay config check`; print the defaults with `belay config defaults`.\n"
    "# Sizes: 512, 64 KiB, 16 MiB. Durations: 250ms, 30s, 10m, 2h, 1h30m, 7d.\n";

constexpr std::string_view kConnections =
    "\n# How to reach other systems, apart from flows; a flow names what it needs under requires:, "
    "and\n"
    "# `belay flow configure` binds the two. Credentials are in the vault (`belay secret set "
    "NAME`).\n"
    "# Commands add further ones: `belay connection add`; docs/connections.md has all keys.\n"
    "connections:\n"
    "  # tracker:\n"
    "  #   type: http\n"
    "  #   base_url: https://tracker.example.org/api\n"
    "  #   auth: {type: bearer, secret: TRACKER_TOKEN}\n"
    "  #   # At most so many requests of all flows together; a 429 or 503 with Retry-After holds "
    "them all.\n"
    "  #   rate_limit: {max: 10, per: 1s}\n"
    "  # team:\n"
    "  #   type: chat\n"
    "  #   url: https://chat.example.org/hooks/belay\n"
    "  #   signing_secret: {secret: CHAT_SIGNING}\n"
    "  # brain:\n"
    "  #   type: llm\n"
    "  #   api: anthropic\n"
    "  #   secret: ANTHROPIC_KEY\n";

constexpr std::string_view kAgents =
    "\n# Coding agents that flows may use by name (agents: in a flow); the keys are those of flows. "
    "Which flows may\n"
    "# use which of them says the policy. Permissions and budgets here bound those of flows.\n"
    "agents:\n"
    "  # claude:\n"
    "  #   adapter: claude-code\n"
    "  #   binary: /usr/local/bin/claude\n"
    "  #   env: {ANTHROPIC_API_KEY: {secret: ANTHROPIC_API_KEY}}\n"
    "  #   budget: {wall_clock: 2h, usd: 5, no_progress: 10m}\n";

class ToJson {
 public:
  void section(std::string_view name, std::string_view) {
    root_.set(name, json::Value(json::Object{}));
  }
  void text(std::string_view name, const std::string& value, std::string_view) { put(name, value); }
  void list(std::string_view name, const std::vector<std::string>& value, std::string_view) {
    json::Array items;
    for (const std::string& item : value) items.push_back(item);
    put(name, std::move(items));
  }
  void number(std::string_view name, std::int64_t value, std::int64_t, std::int64_t,
              std::string_view) {
    put(name, value);
  }
  void bytes(std::string_view name, std::uint64_t value, std::uint64_t, std::uint64_t,
             std::string_view) {
    put(name, value);
  }
  void duration(std::string_view name, std::chrono::milliseconds value, std::chrono::milliseconds,
                std::chrono::milliseconds, std::string_view) {
    put(name, base::formatDuration(value));
  }
  json::Value take() { return std::move(root_); }

 private:
  void put(std::string_view name, json::Value value) {
    root_.find(name.substr(0, name.find('.')))->set(leaf(name), std::move(value));
  }
  json::Value root_;
};

}  // namespace

std::string defaultSettingsText() {
  const Settings defaults;
  options::OptionExample example(kIntro);
  visitOptions(defaults, example);
  return example.take() + std::string(kAgents) + std::string(kConnections);
}

json::Value toJson(const Settings& settings) {
  ToJson out;
  visitOptions(settings, out);
  json::Value root = out.take();
  root.set("connections", settings.connections);
  root.set("agents", settings.agents);
  return root;
}

}  // namespace belay::settings
