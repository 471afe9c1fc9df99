#include "agent/agents/Git.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/base/UniqueFd.h"

extern char** environ;

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;

namespace {

constexpr std::size_t kOutputMax = 16u << 20;
constexpr std::size_t kSaidMax = 600;

/// What must hold whatever a repository says: each of these could start a program.
constexpr std::array<const char*, 12> kOptions{
    "core.hooksPath=/dev/null", "core.fsmonitor=false",     "core.untrackedCache=false",
    "core.autocrlf=false",      "core.pager=cat",           "diff.external=",
    "gc.auto=0",                "maintenance.auto=false",   "commit.gpgSign=false",
    "protocol.ext.allow=never", "submodule.recurse=false", "advice.detachedHead=false"};

std::string readAll(int fd, std::size_t most) {
  std::string out;
  std::array<char, 65536> buffer;
  off_t at = 0;
  while (out.size() < most) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), at);
    if (got <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    at += got;
  }
  return out;
}

std::vector<char*> pointersTo(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Git::Git(bool settings) {
  for (const char* option : kOptions) {
    options_.emplace_back("-c");
    options_.emplace_back(option);
  }
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    if (!variable.starts_with("GIT_") || (settings && variable.starts_with("GIT_SSH")) ||
        (settings && variable.starts_with("GIT_ASKPASS")))
      variables_.emplace_back(variable);
  }
  variables_.emplace_back("GIT_TERMINAL_PROMPT=0");
  variables_.emplace_back("GIT_ATTR_NOSYSTEM=1");
  for (const char* who : {"AUTHOR", "COMMITTER"}) {
    variables_.push_back(std::string("GIT_") + who + "_NAME=Belay");
    variables_.push_back(std::string("GIT_") + who + "_EMAIL=belay@localhost");
  }
  if (settings) return;
  variables_.emplace_back("GIT_CONFIG_NOSYSTEM=1");
  variables_.emplace_back("GIT_CONFIG_GLOBAL=/dev/null");
}

Git& Git::in(const std::string& gitDir, const std::string& workTree, const std::string& index) {
  options_.push_back("--git-dir=" + gitDir);
  if (!workTree.empty()) options_.push_back("--work-tree=" + workTree);
  if (!index.empty()) variables_.push_back("GIT_INDEX_FILE=" + index);
  return *this;
}

Status Git::run(std::vector<std::string> args, int standardOut) const {
  std::vector<std::string> words{"git"};
  words.insert(words.end(), options_.begin(), options_.end());
  words.insert(words.end(), args.begin(), args.end());
  std::vector<std::string> variables = variables_;
  const UniqueFd said(::memfd_create("git", MFD_CLOEXEC));
  if (!said.valid()) return base::errnoError(errno, "memfd_create");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, standardOut, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, said.get(), STDERR_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, "git", &actions, nullptr, pointersTo(words).data(),
                                   pointersTo(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return Error{ErrorCode::kAgentWorkspace, std::string("git: ") + std::strerror(error),
                 {"install git, or use another workspace"}};
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  std::string text = readAll(said.get(), 1u << 20);
  static_cast<void>(base::writeAll(STDERR_FILENO, text, "standard error"));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  while (text.ends_with('\n')) text.pop_back();
  if (text.size() > kSaidMax) text.erase(0, text.size() - kSaidMax);
  const std::string how = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  return Error{ErrorCode::kAgentWorkspace,
               "git " + args.front() + " ended with " + how + ": " + base::visible(text)};
}

Result<std::string> Git::ask(std::vector<std::string> args) const {
  const UniqueFd out(::memfd_create("git", MFD_CLOEXEC));
  if (!out.valid()) return base::errnoError(errno, "memfd_create");
  BELAY_TRY(run(std::move(args), out.get()));
  std::string text = readAll(out.get(), kOutputMax);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Status Git::show(std::vector<std::string> args) const {
  return run(std::move(args), STDOUT_FILENO);
}

}  // namespace belay::agents
