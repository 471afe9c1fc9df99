#include <map>
#include <set>

#include "agent/cli/Command.h"
#include "common/base/Text.h"

/// Of a command line: its flags that say which daemon.
#define BELAY_PLACE "--(user|system|(config|socket)[= ][^ ]+)"

namespace belay::cli {

namespace {

/// What can follow each sequence of words: the next words of commands, and the flags at their ends.
struct Tree {
  std::map<std::string, std::set<std::string>> words;
  std::map<std::string, std::vector<std::string>> flags;
  std::map<std::string, Completes> positionals;
};

Tree treeOf(std::span<const Command* const> commands) {
  Tree tree;
  for (const Command* command : commands) {
    const std::string path(command->path);
    std::string above;
    for (const std::string_view word : base::split(path, ' ')) {
      tree.words[above].insert(std::string(word));
      above += (above.empty() ? "" : " ") + std::string(word);
    }
    for (const Flag& flag : command->flags)
      tree.flags[path].push_back("--" + std::string(flag.name));
    for (const Flag& flag : globalFlags())
      tree.flags[path].push_back("--" + std::string(flag.name));
    tree.positionals[path] = command->completes;
  }
  return tree;
}

template <typename Words>
std::string joined(const Words& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string_view kindOf(Completes completes) {
  switch (completes) {
    case Completes::kRun:
      return "run";
    case Completes::kWait:
      return "wait";
    case Completes::kFlow:
      return "flow";
    case Completes::kSchedule:
      return "schedule";
    case Completes::kFile:
      return "file";
    case Completes::kNothing:
      break;
  }
  return "";
}

/// `case` lines that set `words` for the command in "$command".
std::string casesOf(const Tree& tree) {
  std::string out;
  for (const auto& [path, words] : tree.words) {
    if (!tree.flags.contains(path))
      out += "    '" + path + "') candidates='" + joined(words) + "' ;;\n";
  }
  for (const auto& [path, flags] : tree.flags) {
    // A command with others behind it, as `docs` with `docs search`.
    const auto more = tree.words.find(path);
    const std::string further = more == tree.words.end() ? "" : joined(more->second) + " ";
    out += "    '" + path + "') candidates='" + further + joined(flags) + "'; kind='" +
           std::string(kindOf(tree.positionals.at(path))) + "' ;;\n";
  }
  return out;
}

std::string bashScript(const Tree& tree) {
  return "# Completion of belay for bash: belay completion bash > "
         "/usr/share/bash-completion/completions/belay\n"
         "_belay() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} command='' candidates='' kind='' word\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case $word in -*) ;; *) _belay_words \"${command:+$command }$word\" && "
         "command=${command:+$command }$word ;; esac\n"
         "  done\n"
         "  _belay_words \"$command\"\n"
         "  if [ \"$kind\" = file ] && [ \"${current#-}\" = \"$current\" ]; then\n"
         "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  if [ -n \"$kind\" ] && [ \"${current#-}\" = \"$current\" ]; then\n"
         "    candidates=$(belay $(grep -oE -- '" BELAY_PLACE
         "' <<< \"$COMP_LINE\") completion --words "
         "\"$kind\" 2> /dev/null)\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$candidates\" -- \"$current\"))\n"
         "}\n"
         "_belay_words() {\n"
         "  kind=''\n"
         "  case $1 in\n" +
         casesOf(tree) +
         "    *) return 1 ;;\n"
         "  esac\n"
         "}\n"
         "complete -F _belay belay\n";
}

std::string zshScript(const Tree& tree) {
  return "#compdef belay\n"
         "# Completion of belay for zsh: belay completion zsh > "
         "\"${fpath[1]}/_belay\"\n"
         "_belay_words() {\n"
         "  kind=''\n"
         "  case $1 in\n" +
         casesOf(tree) +
         "    *) return 1 ;;\n"
         "  esac\n"
         "}\n"
         "_belay() {\n"
         "  local -a line=(\"${words[@]}\")\n"
         "  local command='' candidates='' kind='' word\n"
         "  for word in \"${(@)line[2,CURRENT-1]}\"; do\n"
         "    [[ $word == -* ]] && continue\n"
         "    _belay_words \"${command:+$command }$word\" && command=\"${command:+$command "
         "}$word\"\n"
         "  done\n"
         "  _belay_words \"$command\"\n"
         "  if [[ $kind == file && ${line[CURRENT]} != -* ]]; then _files; return; fi\n"
         "  if [[ -n $kind && ${line[CURRENT]} != -* ]]; then\n"
         "    candidates=$(belay $(grep -oE -- '" BELAY_PLACE
         "' <<< \"$line\") completion --words "
         "\"$kind\" 2> /dev/null)\n"
         "  fi\n"
         "  compadd -- ${=candidates}\n"
         "}\n"
         "compdef _belay belay\n";
}

std::string fishScript(const Tree& tree) {
  std::string out =
      "# Completion of belay for fish: belay completion fish > "
      "~/.config/fish/completions/belay.fish\n"
      "function __belay_at\n"
      "  set -l words (string match -v -- '-*' (commandline -opc))\n"
      "  test (string join ' ' $words[2..]) = \"$argv[1]\"\n"
      "end\n"
      "function __belay_in\n"
      "  set -l words (string match -v -- '-*' (commandline -opc))\n"
      "  string match -q -- \"belay $argv[1]*\" (string join ' ' $words)\n"
      "end\n"
      "function __belay_place\n"
      "  commandline -pc | grep -oE -- '" BELAY_PLACE
      "' | string split ' '\n"
      "end\n"
      "complete -c belay -f\n";
  for (const auto& [path, words] : tree.words) {
    out += "complete -c belay -n \"__belay_at '" + path + "'\" -a '" + joined(words) + "'\n";
  }
  for (const auto& [path, flags] : tree.flags) {
    for (const std::string& flag : flags) {
      out += "complete -c belay -n \"__belay_in '" + path + "'\" -l " + flag.substr(2) + "\n";
    }
    const std::string_view kind = kindOf(tree.positionals.at(path));
    if (kind == "file")
      out += "complete -c belay -n \"__belay_in '" + path + "'\" -F\n";
    else if (!kind.empty()) {
      out += "complete -c belay -n \"__belay_in '" + path +
             "'\" -a '(belay (__belay_place) completion --words " + std::string(kind) +
             " 2> /dev/null)'\n";
    }
  }
  return out;
}

}  // namespace

base::Result<std::string> completionScript(std::string_view shell,
                                           std::span<const Command* const> commands) {
  const Tree tree = treeOf(commands);
  if (shell == "bash") return bashScript(tree);
  if (shell == "zsh") return zshScript(tree);
  if (shell == "fish") return fishScript(tree);
  return base::Error{
      base::ErrorCode::kUsage, "completion is for bash, zsh or fish", {"belay completion bash"}};
}

}  // namespace belay::cli
