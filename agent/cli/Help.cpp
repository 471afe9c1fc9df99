#include <algorithm>

#include "agent/cli/Command.h"
#include "agent/cli/Style.h"

namespace belay::cli {

namespace {

std::string usageOf(const Command& command) {
  std::string out = "belay " + std::string(command.path);
  if (!command.arguments.empty()) out += " " + std::string(command.arguments);
  if (!command.flags.empty()) out += " [flags]";
  return out;
}

std::string spellingOf(const Flag& flag) {
  std::string out = flag.letter != 0 ? std::string("-") + flag.letter + ", " : "";
  out += "--" + std::string(flag.name);
  if (!flag.value.empty()) out += " " + std::string(flag.value);
  if (flag.repeats) out += " …";
  return out;
}

std::string listOf(std::span<const Flag> flags) {
  std::size_t width = 0;
  for (const Flag& flag : flags) width = std::max(width, widthOf(spellingOf(flag)));
  std::string out;
  for (const Flag& flag : flags) {
    const std::string spelling = spellingOf(flag);
    out += "  " + spelling + std::string(width - widthOf(spelling) + 2, ' ') +
           std::string(flag.help) + "\n";
  }
  return out;
}

}  // namespace

std::string helpOf(const Command& command) {
  std::string out = std::string(command.summary) + "\n\nusage: " + usageOf(command) + "\n";
  if (!command.details.empty()) out += "\n" + std::string(command.details) + "\n";
  if (!command.flags.empty()) out += "\nflags:\n" + listOf(command.flags);
  out += "\nflags of every command:\n" + listOf(globalFlags());
  return out;
}

std::string helpOn(std::string_view topic, std::span<const Command* const> commands) {
  std::string out;
  if (topic.empty()) {
    out +=
        "belay runs flows on this host: every step journaled, every approval signed.\n\n"
        "usage: belay COMMAND [arguments] [flags]\n\n";
  }
  std::size_t width = 0;
  for (const Command* command : commands) {
    width = std::max(width, widthOf(command->path) + widthOf(command->arguments) + 1);
  }
  const std::string prefix = topic.empty() ? "" : std::string(topic) + " ";
  std::string_view group;
  for (const Command* command : commands) {
    if (!command->path.starts_with(prefix)) continue;
    const std::size_t space = command->path.find(' ');
    const std::string_view head =
        space == std::string_view::npos ? std::string_view() : command->path.substr(0, space);
    if (topic.empty() && head != group) out += "\n";
    group = head;
    std::string left = std::string(command->path);
    if (!command->arguments.empty()) left += " " + std::string(command->arguments);
    const std::size_t pad = width + 2 - std::min(width, widthOf(left));
    out += "  " + left + std::string(pad, ' ') + std::string(command->summary) + "\n";
  }
  out += "\n`belay COMMAND --help` tells the rest; `belay docs` has the manual.\n";
  return out;
}

std::string referenceMarkdown(std::span<const Command* const> commands) {
  std::string out = "### Flags of every command\n\n```text\n" + listOf(globalFlags()) + "```\n";
  for (const Command* command : commands) {
    out += "\n### belay " + std::string(command->path) + "\n\n";
    std::string summary(command->summary);
    summary.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(summary.front())));
    out += summary + ".\n\n```text\n" + usageOf(*command) + "\n";
    if (!command->flags.empty()) out += "\n" + listOf(command->flags);
    out += "```\n";
    if (!command->details.empty()) out += "\n" + std::string(command->details) + "\n";
  }
  return out;
}

}  // namespace belay::cli
