#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "relay/console/Command.h"
#include "version/Version.h"

namespace belay::console {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using wire::Envelope;

namespace {

constexpr std::uint64_t kSettingsBytesMax = 1u << 20;
constexpr const char* kConfigFile = "/etc/belay-relay/relay.yaml";

constexpr const Command* kAll[] = {
    &kInitCommand,      &kServeCommand,       &kHostsCommand,        &kHostsRemoveCommand,
    &kTokensCommand,    &kTokensNewCommand,   &kTokensRemoveCommand, &kHooksCommand,
    &kHooksAddCommand,  &kHooksRemoveCommand, &kHooksRotateCommand,  &kHooksResumeCommand,
    &kHooksTestCommand, &kDoctorCommand,      &kVersionCommand,
};

void put(int fd, const std::string& text) {
  // Nobody is left to tell when this fails.
  static_cast<void>(base::writeAll(fd, text, "the terminal"));
}

int finish(const Envelope& envelope, bool json, const Command* command) {
  if (json) {
    put(STDOUT_FILENO, wire::printEnvelope(envelope) + "\n");
  } else {
    const bool showable = command && command->show && !envelope.data.isNull();
    if (showable) put(STDOUT_FILENO, command->show(envelope.data));
    if (envelope.error) {
      std::string text = "error: " + base::visible(envelope.error->message, true) + " [" +
                         std::string(base::errorText(envelope.error->code)) + "]\n";
      for (const std::string& action : envelope.error->actions) {
        text += "  try: " + base::visible(action) + "\n";
      }
      put(STDERR_FILENO, text);
    }
  }
  return envelope.error ? base::errorRow(envelope.error->code).exitCode : 0;
}

Result<Envelope> showVersion(Invocation&) {
  Value data;
  data.set("version", version::string());
  return Envelope{std::nullopt, std::move(data), {}};
}

std::string printVersion(const Value& data) { return "belay-relay " + data.text("version") + "\n"; }

}  // namespace

const Command kVersionCommand{"version", "",           "show the version", "",
                              {},        &showVersion, &printVersion};

std::span<const Command* const> allCommands() { return kAll; }

Result<service::Settings> readSettings(const Invocation& invocation) {
  auto text = base::readFile(invocation.configFile, kSettingsBytesMax);
  if (!text) {
    Error error = std::move(text).error();
    error.code = ErrorCode::kSettingsInvalid;
    error.actions = {"belay-relay init --config FILE writes one"};
    return std::move(error).in("settings");
  }
  return service::parseSettings(*text, invocation.configFile);
}

int main(int argc, const char* const* argv, World& world) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (words == std::vector<std::string>{"--version"}) words = {"version"};
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
  const Result<Words> parsed = parseWords(words, kAll);
  if (!parsed) return finish(Envelope{parsed.error(), {}, {}}, json, nullptr);
  if (parsed->has("help")) {
    put(STDOUT_FILENO, parsed->command ? helpOf(*parsed->command) : helpOn(kAll));
    return 0;
  }
  if (!parsed->command) {
    put(STDERR_FILENO, helpOn(kAll));
    return base::errorRow(ErrorCode::kUsage).exitCode;
  }
  Invocation invocation{world, *parsed, parsed->text("config")};
  if (invocation.configFile.empty()) {
    invocation.configFile = world.environment("BELAY_RELAY_CONFIG").value_or(kConfigFile);
  }
  Result<Envelope> result = parsed->command->run(invocation);
  return finish(result ? *result : Envelope{std::move(result).error(), {}, {}}, json,
                parsed->command);
}

}  // namespace belay::console
