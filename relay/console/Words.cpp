#include "relay/console/Words.h"

#include <algorithm>

#include "common/base/Text.h"
#include "common/statement/Payload.h"
#include "relay/console/Command.h"

namespace belay::console {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr Flag kGlobalFlags[] = {
    {"config", "FILE", "settings (/etc/belay-relay/relay.yaml, or BELAY_RELAY_CONFIG)"},
    {"json", "", "one JSON envelope on standard output"},
    {"help", "", "show what a command does"},
};
constexpr std::size_t kHelpColumn = 26;

/// A host is named by its thumbprint, which may begin with two dashes.
bool isFlag(std::string_view word) {
  return word.starts_with("--") && !statement::isThumbprint(word);
}

/// The command whose words come first, and how many they are.
const Command* findCommand(std::span<const std::string> words,
                           std::span<const Command* const> commands, std::size_t& used) {
  const Command* best = nullptr;
  for (const Command* const command : commands) {
    const auto parts = base::split(command->path, ' ');
    const bool fits =
        parts.size() <= words.size() && std::equal(parts.begin(), parts.end(), words.begin());
    if (fits && (!best || parts.size() > used)) {
      best = command;
      used = parts.size();
    }
  }
  return best;
}

const Flag* findFlag(const Command* command, std::string_view name) {
  for (const Flag& flag : kGlobalFlags) {
    if (flag.name == name) return &flag;
  }
  if (!command) return nullptr;
  const auto found = std::find_if(command->flags.begin(), command->flags.end(),
                                  [&](const Flag& flag) { return flag.name == name; });
  return found == command->flags.end() ? nullptr : &*found;
}

Error usage(const std::string& message) {
  return Error{ErrorCode::kUsage, message, {"belay-relay --help"}};
}

Error unknownFlag(const Command* command, const std::string& name) {
  std::vector<std::string_view> known;
  for (const Flag& flag : kGlobalFlags) known.push_back(flag.name);
  if (command) {
    for (const Flag& flag : command->flags) known.push_back(flag.name);
  }
  const auto near = base::nearest(name, known);
  return usage("unknown flag --" + base::visible(name) +
               (near ? "; did you mean --" + *near + "?" : ""));
}

std::string line(std::string_view left, std::string_view right) {
  std::string out = "  " + std::string(left);
  out.resize(std::max(out.size() + 2, kHelpColumn), ' ');
  return out + std::string(right) + "\n";
}

std::string flagLine(const Flag& flag) {
  return line(
      "--" + std::string(flag.name) + (flag.value.empty() ? "" : " " + std::string(flag.value)),
      flag.help);
}

}  // namespace

std::string Words::text(std::string_view flag) const {
  const auto found = flags.find(flag);
  return found == flags.end() ? std::string() : found->second;
}

std::span<const Flag> globalFlags() { return kGlobalFlags; }

Result<Words> parseWords(std::span<const std::string> words,
                         std::span<const Command* const> commands) {
  Words out;
  std::vector<std::string> plain;
  std::vector<std::pair<std::string, std::string>> given;  // Name, and "=value" when it had one.
  for (const std::string& word : words) {
    if (!isFlag(word)) plain.push_back(word);
  }
  std::size_t used = 0;
  // A value of a flag can stand among them, so the command is looked for at their beginning only.
  out.command = findCommand(plain, commands, used);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!isFlag(word)) {
      out.arguments.push_back(word);
      continue;
    }
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string name = word.substr(2, equals - 2);
    const Flag* const flag = findFlag(out.command, name);
    if (!flag) return unknownFlag(out.command, name);
    if (flag->value.empty()) {
      out.flags[name] = "true";
    } else if (equals < word.size()) {
      out.flags[name] = word.substr(equals + 1);
    } else if (i + 1 < words.size()) {
      out.flags[name] = words[++i];
    } else {
      return usage("--" + name + " needs " + std::string(flag->value));
    }
  }
  if (!out.command) {
    if (out.arguments.empty() || out.has("help")) return out;
    std::vector<std::string_view> known;
    for (const Command* const command : commands) known.push_back(command->path);
    const auto near = base::nearest(out.arguments.front(), known);
    return usage("unknown command " + base::visible(out.arguments.front()) +
                 (near ? "; did you mean " + *near + "?" : ""));
  }
  out.arguments.erase(out.arguments.begin(),
                      out.arguments.begin() + static_cast<std::ptrdiff_t>(used));
  const std::size_t wanted =
      out.command->arguments.empty() ? 0 : base::split(out.command->arguments, ' ').size();
  if (!out.has("help") && out.arguments.size() != wanted) {
    return usage("belay-relay " + std::string(out.command->path) + " takes " +
                 (wanted == 0 ? std::string("no argument") : std::string(out.command->arguments)));
  }
  return out;
}

std::string helpOf(const Command& command) {
  std::string out = "belay-relay " + std::string(command.path);
  if (!command.arguments.empty()) out += " " + std::string(command.arguments);
  out += "\n\n" + std::string(command.summary) + "\n";
  if (!command.details.empty()) out += "\n" + std::string(command.details) + "\n";
  out += "\n";
  for (const Flag& flag : command.flags) out += flagLine(flag);
  for (const Flag& flag : kGlobalFlags) out += flagLine(flag);
  return out;
}

std::string helpOn(std::span<const Command* const> commands) {
  std::string out = "belay-relay moves messages between hosts and those who only know a URL.\n\n";
  for (const Command* const command : commands) {
    const std::string left =
        std::string(command->path) +
        (command->arguments.empty() ? "" : " " + std::string(command->arguments));
    out += line(left, command->summary);
  }
  out += "\n";
  for (const Flag& flag : kGlobalFlags) out += flagLine(flag);
  return out;
}

}  // namespace belay::console
