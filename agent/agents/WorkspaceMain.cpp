#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/agents/Beneath.h"
#include "agent/agents/Git.h"
#include "agent/agents/Workspace.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::agents {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using base::UniqueFd;
using json::Value;

namespace {

constexpr int kResultFd = 3;
constexpr std::size_t kChangesMax = 1'000;
constexpr const char* kBase = "refs/belay/base";

Status makeFolder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  return base::errnoError(errno, "make " + path);
}

/// A clone that only Belay configures, and one for the agent that shares its objects.
Status cloneRepository(const WorkspaceSpec& spec) {
  const std::string repository = spec.folder + "/repo.git";
  const std::string tree = spec.tree();
  // What is local is copied as from far away: nothing is linked, nothing of its settings is taken.
  BELAY_TRY(Git(true).ask({"clone", "--quiet", "--bare", "--no-local", "--template=", "--",
                           spec.place, repository}));
  const Git bare = Git().in(repository);
  const std::string wanted = spec.ref.empty() ? "HEAD" : spec.ref;
  BELAY_ASSIGN(const std::string base, bare.ask({"rev-parse", "--verify", "--quiet",
                                                 "--end-of-options", wanted + "^{commit}"}));
  BELAY_TRY(bare.ask({"update-ref", kBase, base}));
  BELAY_TRY(Git().ask({"clone", "--quiet", "--shared", "--no-checkout", "--template=", "--config",
                       "user.name=Belay", "--config", "user.email=belay@localhost", "--",
                       repository, tree}));
  return Git()
      .in(tree + "/.git", tree)
      .ask({"checkout", "--quiet", "-B", spec.branch, base, "--"})
      .ok()
             ? Status{}
             : Status{Error{ErrorCode::kAgentWorkspace,
                            "git cannot check out " + base + " as " + spec.branch}};
}

/// What a folder holds, as a tree of repo.git. `skipped`: what git says of files that it cannot
/// take, such as repositories without a commit.
Result<std::string> treeOf(const WorkspaceSpec& spec, const std::string& index,
                           std::string& skipped) {
  const std::string repository = spec.folder + "/repo.git";
  const Git git = Git().in(repository, spec.tree(), spec.folder + "/" + index);
  const auto added = git.ask({"add", "--all", "--ignore-errors", "--", "."});
  // With 1 it has gone on behind them, with anything else it has not.
  if (!added && added.error().message.find(" exit code 1: ") == std::string::npos)
    return added.error();
  if (!added) skipped = added.error().message;
  return git.ask({"write-tree"});
}

Status snapshotFolder(const WorkspaceSpec& spec) {
  const std::string repository = spec.folder + "/repo.git";
  BELAY_TRY(Git().ask({"init", "--quiet", "--bare", "--template=", repository}));
  std::string skipped;
  BELAY_ASSIGN(const std::string base, treeOf(spec, "base.index", skipped));
  return Git().in(repository).ask({"update-ref", kBase, base}).ok()
             ? Status{}
             : Status{Error{ErrorCode::kAgentWorkspace, "git cannot keep the state of " + spec.place}};
}

Status putFiles(const WorkspaceSpec& spec) {
  for (const auto& [from, to] : spec.files) {
    BELAY_ASSIGN(const UniqueFd source, base::openForReading(from));
    BELAY_ASSIGN(const UniqueFd target, createBeneath(spec.tree(), to));
    while (true) {
      const ssize_t sent = ::sendfile(target.get(), source.get(), nullptr, 1u << 20);
      if (sent == 0) break;
      if (sent < 0) return base::errnoError(errno, "write " + to);
    }
  }
  return {};
}

Status make(const WorkspaceSpec& spec) {
  if (!spec.made) {
    if (spec.kind == WorkspaceKind::kGit) BELAY_TRY(cloneRepository(spec));
    if (spec.kind == WorkspaceKind::kScratch) BELAY_TRY(makeFolder(spec.tree()));
    if (spec.kind == WorkspaceKind::kDir && spec.diff) BELAY_TRY(snapshotFolder(spec));
  }
  return putFiles(spec);
}

/// "A\0path\0M\0other\0"
Value changesOf(const std::string& text, std::size_t& count) {
  Value out{json::Array{}};
  std::string_view status;
  for (const std::string_view part : base::split(text, '\0')) {
    if (part.empty()) continue;
    if (status.empty()) {
      status = part;
      continue;
    }
    if (count++ < kChangesMax) {
      Value change;
      const std::string path(part);
      change.set("path", base::isUtf8(part) ? path : base::visible(path));
      out.push(std::move(change.set("status", status.substr(0, 1))));
    }
    status = {};
  }
  return out;
}

Result<Value> changesOf(const WorkspaceSpec& spec) {
  Value out(json::Object{});
  if (!spec.diff) return out;
  const Git bare = Git().in(spec.folder + "/repo.git");
  BELAY_ASSIGN(const std::string base, bare.ask({"rev-parse", "--verify", "--quiet", kBase}));
  BELAY_TRY(base::removeFile(spec.folder + "/end.index"));
  std::string skipped;
  BELAY_ASSIGN(const std::string tree, treeOf(spec, "end.index", skipped));
  if (!skipped.empty()) out.set("incomplete", skipped);
  BELAY_ASSIGN(const std::string names,
               bare.ask({"diff-tree", "-r", "-z", "--name-status", "--no-renames", base, tree}));
  std::size_t count = 0;
  out.set("changes", changesOf(names, count));
  out.set("files_changed", static_cast<std::int64_t>(count)).set("base", base);
  if (spec.kind == WorkspaceKind::kDir) {
    BELAY_TRY(bare.show({"diff-tree", "-r", "-p", "--binary", "--full-index", "--no-ext-diff",
                         "--no-textconv", base, tree}));
    return out;
  }
  BELAY_ASSIGN(const std::string commit,
               bare.ask({"commit-tree", tree, "-p", base, "-m", spec.title}));
  BELAY_TRY(bare.ask({"update-ref", "refs/heads/" + spec.branch, commit}));
  // As a mail, which git am takes, and git apply too.
  if (count > 0) {
    BELAY_TRY(bare.show({"format-patch", "-1", "--stdout", "--binary", "--full-index",
                         "--no-signature", "--no-ext-diff", "--no-textconv", commit}));
  }
  return std::move(out.set("commit", commit).set("branch", spec.branch));
}

int failWith(const Error& error) {
  Value out;
  out.set("workspace_error", error.message);
  static_cast<void>(base::writeAll(kResultFd, json::print(out), "result"));
  static_cast<void>(base::writeAll(STDERR_FILENO, error.message + "\n", "standard error"));
  return 1;
}

Status begin(const WorkspaceSpec& spec, char** command) {
  BELAY_TRY(make(spec));
  ::fcntl(kResultFd, F_SETFD, 0);
  ::execv(command[0], command);
  return base::errnoError(errno, std::string("execute ") + command[0]);
}

Status end(const WorkspaceSpec& spec) {
  BELAY_ASSIGN(const Value changes, changesOf(spec));
  return base::writeAll(kResultFd, json::print(changes), "result");
}

Status work(int argc, char** argv) {
  const bool begins = argc > 4 && std::strcmp(argv[2], "begin") == 0;
  if (!begins && !(argc == 4 && std::strcmp(argv[2], "end") == 0))
    return Error{ErrorCode::kUsage, "belay workspace begin SPEC COMMAND…, or end SPEC"};
  // For whoever comes after begin, and not for git.
  ::fcntl(kResultFd, F_SETFD, FD_CLOEXEC);
  BELAY_ASSIGN(const std::string text, base::readFile(argv[3], 1u << 20));
  BELAY_ASSIGN(const WorkspaceSpec spec, parseWorkspaceSpec(text));
  return begins ? begin(spec, argv + 4) : end(spec);
}

}  // namespace

int runWorkspace(int argc, char** argv) {
  const Status done = work(argc, argv);
  return done ? 0 : failWith(done.error());
}

}  // namespace belay::agents
