#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <vector>

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
constexpr int kCallFd = 4;
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
  std::vector<std::string> clone{"clone", "--quiet", "--bare", "--no-local", "--template="};
  // Git gives nothing out of a repository of another user unless its reader says that it may; no
  // setting of it starts a program there.
  if (spec.foreign && spec.place.starts_with('/'))
    clone.emplace_back("--upload-pack=git -c safe.directory=* upload-pack");
  clone.insert(clone.end(), {"--", spec.place, repository});
  BELAY_TRY(Git(true).ask(std::move(clone)));
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

/// From standard input, behind the order.
Status putFiles(const WorkOrder& order) {
  for (const auto& [bytes, to] : order.files) {
    BELAY_ASSIGN(const UniqueFd target, createBeneath(order.workspace.tree(), to));
    for (std::uint64_t left = bytes; left > 0;) {
      const std::size_t most = std::min<std::uint64_t>(left, 1u << 20);
      const ssize_t sent = ::sendfile(target.get(), STDIN_FILENO, nullptr, most);
      if (sent == 0) return Error{ErrorCode::kIo, "the content of " + to + " is not whole"};
      if (sent < 0) return base::errnoError(errno, "write " + to);
      left -= static_cast<std::uint64_t>(sent);
    }
  }
  return {};
}

Status make(const WorkOrder& order) {
  const WorkspaceSpec& spec = order.workspace;
  // What a start left that nobody knows of.
  BELAY_TRY(base::removeTree(order.folder));
  BELAY_TRY(base::makeFolders(order.folder + "/raw"));
  if (!spec.made) {
    if (spec.kind == WorkspaceKind::kGit) BELAY_TRY(cloneRepository(spec));
    if (spec.kind == WorkspaceKind::kScratch) BELAY_TRY(makeFolder(spec.tree()));
    if (spec.kind == WorkspaceKind::kDir && spec.diff) BELAY_TRY(snapshotFolder(spec));
  }
  BELAY_TRY(putFiles(order));
  return base::writeFileDurably(order.folder + "/drive.json", order.drive);
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

Status begin(const WorkOrder& order) {
  BELAY_TRY(make(order));
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (::dup2(nothing.get(), STDIN_FILENO) < 0) return base::errnoError(errno, "open /dev/null");
  for (const int fd : {kResultFd, kCallFd}) ::fcntl(fd, F_SETFD, 0);
  std::string program = "/proc/self/exe";
  std::string verb = "drive";
  std::string file = order.folder + "/drive.json";
  char* const command[] = {program.data(), verb.data(), file.data(), nullptr};
  ::execv(program.c_str(), command);
  return base::errnoError(errno, "become the driver");
}

Status end(const WorkspaceSpec& spec) {
  BELAY_ASSIGN(const Value changes, changesOf(spec));
  return base::writeAll(kResultFd, json::print(changes), "result");
}

/// The line of the order; standard input stands behind it then.
Result<std::string> readOrder() {
  std::string text(kWorkOrderBytesMax, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::pread(STDIN_FILENO, text.data() + done, text.size() - done,
                                static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::errnoError(errno, "read the order for a workspace");
    const std::size_t end = text.find('\n', done);
    done += static_cast<std::size_t>(got);
    if (end != std::string::npos && end < done) {
      ::lseek(STDIN_FILENO, static_cast<off_t>(end + 1), SEEK_SET);
      text.resize(end);
      return text;
    }
    if (got == 0) break;
  }
  return Error{ErrorCode::kInvalidArgument, "standard input holds no order for a workspace"};
}

Status work(int argc, char** argv) {
  const std::string_view verb = argc > 2 ? argv[2] : "";
  // For whoever comes after begin, and not for git.
  for (const int fd : {kResultFd, kCallFd}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (argc == 4 && verb == "remove") return base::removeTree(argv[3]);
  if (argc != 3 || (verb != "begin" && verb != "end"))
    return Error{ErrorCode::kUsage, "belay workspace begin, end, or remove FOLDER"};
  BELAY_ASSIGN(const std::string line, readOrder());
  BELAY_ASSIGN(const WorkOrder order, parseWorkOrder(line));
  return verb == "begin" ? begin(order) : end(order.workspace);
}

}  // namespace

int runWorkspace(int argc, char** argv) {
  const Status done = work(argc, argv);
  return done ? 0 : failWith(done.error());
}

}  // namespace belay::agents
