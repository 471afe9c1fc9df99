#include <algorithm>
#include <utility>

#include "agent/cli/Command.h"
#include "common/base/Text.h"
#include "common/statement/Payload.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;

namespace {

constexpr Flag kGlobals[] = {
    {"json", 0, "", "print one JSON envelope on standard output"},
    {"config", 0, "FILE", "settings file"},
    {"socket", 0, "PATH", "socket of the daemon"},
    {"system", 0, "", "the system's daemon, whoever you are"},
    {"user", 0, "", "your own daemon, also when you are root"},
    {"timeout", 0, "DURATION", "how long to wait for an answer, or for what a command waits for"},
    {"quiet", 'q', "", "print less: only ids where ids are given"},
    {"color", 0, "WHEN", "auto, always or never"},
    {"no-color", 0, "", "the same as --color never"},
    {"help", 'h', "", "show what a command takes"},
};

constexpr const Flag* kPlaceFlags = kGlobals + 1;  ///< From --config to --user: which daemon.

/// Numbers of positionals that "RUN [STEP]" allows.
struct Arity {
  std::size_t least = 0;
  std::size_t most = 0;
};

Arity arityOf(std::string_view arguments) {
  Arity arity;
  if (arguments.empty()) return arity;
  for (const std::string_view word : base::split(arguments, ' ')) {
    if (!word.starts_with('[')) ++arity.least;
    ++arity.most;
    if (word.ends_with("…") || word.ends_with("…]")) arity.most = static_cast<std::size_t>(-1);
  }
  return arity;
}

class Parser {
 public:
  Parser(std::span<const std::string> words, std::span<const Command* const> commands)
      : words_(words), commands_(commands) {}

  ParsedArguments parse() {
    while (next_ < words_.size() && !out_.error) {
      const std::string& word = words_[next_++];
      // One key in 64 has a thumbprint that begins as a flag does; no flag is as long.
      if (flagsEnd_ || word == "-" || !word.starts_with('-') || statement::isThumbprint(word))
        takeWord(word);
      else if (word == "--")
        flagsEnd_ = true;
      else
        takeFlag(word);
    }
    out_.topic = topic_;
    if (!out_.error && !out_.has("help")) checkEnd();
    return std::move(out_);
  }

 private:
  void fail(std::string message, std::vector<std::string> actions) {
    out_.error.emplace(ErrorCode::kUsage, std::move(message), std::move(actions));
  }

  void takeWord(const std::string& word) {
    if (out_.command) {
      if (!takeLongerCommand(word)) out_.positionals.push_back(word);
      return;
    }
    const std::string path = topic_.empty() ? word : topic_ + " " + word;
    bool begins = false;
    for (const Command* command : commands_) {
      if (command->path == path) {
        out_.command = command;
        return;
      }
      begins = begins || command->path.starts_with(path + " ");
    }
    if (begins)
      topic_ = path;
    else
      refuseWord(word, path);
  }

  /// `docs` is a command and `docs search` another one: the first word behind the one decides.
  bool takeLongerCommand(const std::string& word) {
    if (flagsEnd_ || !out_.positionals.empty()) return false;
    const std::string path = std::string(out_.command->path) + " " + word;
    for (const Command* command : commands_) {
      if (command->path != path) continue;
      out_.command = command;
      return true;
    }
    return false;
  }

  void refuseWord(const std::string& word, const std::string& path) {
    std::vector<std::string_view> known;
    const std::string prefix = topic_.empty() ? "" : topic_ + " ";
    for (const Command* command : commands_) {
      if (!command->path.starts_with(prefix)) continue;
      const std::string_view rest = command->path.substr(prefix.size());
      const std::string_view first = rest.substr(0, rest.find(' '));
      if (known.empty() || known.back() != first) known.push_back(first);
    }
    std::string message = "there is no command \"belay " + base::visible(path) + "\"";
    std::vector<std::string> actions;
    if (const auto near = base::nearest(word, known)) {
      message += "; did you mean \"belay " + prefix + *near + "\"?";
      actions.push_back("belay " + prefix + *near + " --help");
    } else {
      actions.push_back(topic_.empty() ? "belay --help" : "belay " + topic_ + " --help");
    }
    fail(std::move(message), std::move(actions));
  }

  const Flag* findFlag(std::string_view name, char letter) const {
    const auto matches = [&](const Flag& flag) {
      return letter != 0 ? flag.letter == letter : flag.name == name;
    };
    if (out_.command) {
      for (const Flag& flag : out_.command->flags) {
        if (matches(flag)) return &flag;
      }
    }
    for (const Flag& flag : kGlobals) {
      if (matches(flag)) return &flag;
    }
    return nullptr;
  }

  void takeFlag(const std::string& word) {
    const bool isLong = word.starts_with("--");
    const std::size_t equals = isLong ? word.find('=') : std::string::npos;
    const std::string name =
        isLong ? word.substr(2, equals == std::string::npos ? equals : equals - 2) : "";
    const bool isLetter = !isLong && word.size() == 2;
    const Flag* flag = isLong || isLetter ? findFlag(name, isLetter ? word[1] : 0) : nullptr;
    if (!flag) return refuseFlag(word, name);
    std::string value = "true";
    if (flag->value.empty()) {
      if (equals != std::string::npos) return fail("--" + name + " takes no value", help());
    } else if (equals != std::string::npos) {
      value = word.substr(equals + 1);
    } else if (next_ < words_.size()) {
      value = words_[next_++];
    } else {
      return fail(word + " needs a value: " + std::string(flag->value), help());
    }
    if (!flag->repeats && !flag->value.empty() && out_.has(flag->name)) {
      return fail("--" + std::string(flag->name) + " was given twice", help());
    }
    bool isPlace = false;
    for (std::size_t i = 0; i < 4; ++i) isPlace = isPlace || flag == kPlaceFlags + i;
    if (isPlace) out_.place += word + " ";
    if (isPlace && !flag->value.empty() && equals == std::string::npos) out_.place += value + " ";
    out_.flags.emplace(std::string(flag->name), std::move(value));
  }

  void refuseFlag(const std::string& word, const std::string& name) {
    std::vector<std::string_view> known;
    if (out_.command) {
      for (const Flag& flag : out_.command->flags) known.push_back(flag.name);
    }
    for (const Flag& flag : kGlobals) known.push_back(flag.name);
    std::string message = "there is no flag " + base::visible(word);
    if (out_.command) message += " of belay " + std::string(out_.command->path);
    if (const auto near = base::nearest(name, known)) message += "; did you mean --" + *near + "?";
    fail(std::move(message), help());
  }

  void checkEnd() {
    if (!out_.command) return;
    const Arity arity = arityOf(out_.command->arguments);
    const std::size_t count = out_.positionals.size();
    if (count >= arity.least && count <= arity.most) return;
    const std::string usage =
        "belay " + std::string(out_.command->path) + " " + std::string(out_.command->arguments);
    if (count < arity.least)
      fail("too few arguments: " + usage, help());
    else
      fail("too many arguments: \"" + base::visible(out_.positionals[arity.most]) +
               "\"; usage: " + usage,
           help());
  }

  std::vector<std::string> help() const {
    if (out_.command) return {"belay " + std::string(out_.command->path) + " --help"};
    return {"belay --help"};
  }

  std::span<const std::string> words_;
  std::span<const Command* const> commands_;
  std::size_t next_ = 0;
  bool flagsEnd_ = false;
  std::string topic_;
  ParsedArguments out_;
};

}  // namespace

std::span<const Flag> globalFlags() { return kGlobals; }

ParsedArguments parseArguments(std::span<const std::string> words,
                               std::span<const Command* const> commands) {
  return Parser(words, commands).parse();
}

}  // namespace belay::cli
