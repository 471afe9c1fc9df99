#include <utility>

#include "agent/cli/Invocation.h"
#include "agent/cli/World.h"
#include "common/base/Text.h"

namespace belay::cli {

using api::Envelope;
using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

/// Looked for in the words themselves: who asked for JSON gets JSON, also of a line that makes no
/// sense.
bool asksForJson(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--json") return true;
  }
  return false;
}

Result<Style> makeStyle(const World& world, const ParsedArguments& arguments) {
  const auto given = arguments.flags.find("color");
  std::string when = given == arguments.flags.end() ? "auto" : given->second;
  if (arguments.has("no-color")) when = "never";
  if (when != "auto" && when != "always" && when != "never") {
    return Error{ErrorCode::kUsage,
                 "--color takes auto, always or never, not \"" + base::visible(when) + "\""};
  }
  const bool terminal = world.console.outIsTerminal();
  const bool plain = !world.environment("NO_COLOR").value_or("").empty() ||
                     world.environment("TERM").value_or("") == "dumb";
  const bool color = when == "always" || (when == "auto" && terminal && !plain);
  return Style(color, terminal ? world.console.columns() : 0);
}

void printError(World& world, const Style& style, const Error& error) {
  std::string text = style.paint(Style::Tone::kBad, "error:") + " " +
                     base::visible(error.message, true) + " " +
                     style.dim("[" + std::string(base::errorText(error.code)) + "]") + "\n";
  const base::SourcePlace& at = error.place;
  if (!at.file.empty()) {
    text += "   in: " + shown(at.file);
    if (at.line != 0) text += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    text += "\n";
  }
  for (std::size_t i = 0; i < error.actions.size(); ++i) {
    text += (i == 0 ? "  try: " : "       ") + shown(error.actions[i]) + "\n";
  }
  world.console.err(text);
}

void suggestIn(const Invocation& invocation, json::Value& data) {
  json::Value* actions = data.find("actions");
  if (!actions || !actions->isArray()) return;
  for (json::Value& action : actions->asArray())
    action = json::Value(invocation.suggested(action.asString()));
}

/// Commands that an answer names lead to the daemon that gave it.
void suggestIn(const Invocation& invocation, Envelope& envelope) {
  if (envelope.error) {
    for (std::string& action : envelope.error->actions) action = invocation.suggested(action);
  }
  suggestIn(invocation, envelope.data);
  if (json::Value* wait = envelope.data.find("wait")) suggestIn(invocation, *wait);
}

/// Prints what a command gave, and says how the process ends.
int finish(World& world, const Style& style, bool json, const Command* command,
           const Invocation* invocation, Envelope envelope) {
  if (invocation) suggestIn(*invocation, envelope);
  if (json) {
    world.console.out(api::printEnvelope(envelope) + "\n");
  } else {
    const bool showable = command && command->show && invocation && !envelope.data.isNull();
    if (showable) world.console.out(command->show(*invocation, envelope.data));
    if (envelope.error) printError(world, style, *envelope.error);
  }
  return envelope.error ? base::errorRow(envelope.error->code).exitCode : 0;
}

Envelope runCommand(Invocation& invocation, const Command& command) {
  Result<Envelope> result = command.run(invocation);
  if (result) return std::move(*result);
  return Envelope{std::move(result).error(), {}, {}};
}

}  // namespace

int main(int argc, const char* const* argv, World& world) {
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.size() == 1 && words[0] == "--version") words = {"version"};
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.push_back("--help");
  }
  const bool json = asksForJson(words);
  const ParsedArguments arguments = parseArguments(words, allCommands());
  const Result<Style> style = makeStyle(world, arguments);
  const Style plain(false, 0);
  if (arguments.has("help") && !arguments.error) {
    world.console.out(arguments.command ? helpOf(*arguments.command)
                                        : helpOn(arguments.topic, allCommands()));
    return 0;
  }
  if (arguments.error) {
    return finish(world, style ? *style : plain, json, nullptr, nullptr,
                  Envelope{arguments.error, {}, {}});
  }
  if (!style) return finish(world, plain, json, nullptr, nullptr, Envelope{style.error(), {}, {}});
  if (!arguments.command) {
    world.console.err(helpOn(arguments.topic, allCommands()));
    return base::errorRow(ErrorCode::kUsage).exitCode;
  }
  Invocation invocation(world, arguments, *style);
  Envelope envelope = runCommand(invocation, *arguments.command);
  if (invocation.streamed() && !envelope.error) return 0;
  return finish(world, *style, json, arguments.command, &invocation, std::move(envelope));
}

}  // namespace belay::cli
