#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/Result.h"

namespace belay::agents {

enum class WorkspaceKind { kScratch, kDir, kGit };

/// Where an agent works, and what becomes of it: what `belay workspace` is told.
///
/// `folder` is Belay's own and holds `repo.git`, which nobody configures but Belay, and for scratch
/// and git `tree`, where the agent works. The agent has a repository of its own in `tree`; what it
/// does to that one decides nothing, because the result is read by way of `repo.git`.
struct WorkspaceSpec {
  WorkspaceKind kind = WorkspaceKind::kScratch;
  std::string folder;  ///< Absolute; exists.
  std::string place;   ///< Repository or folder of the host; empty for scratch.
  std::string ref;     ///< Of a repository; empty: HEAD.
  std::string branch;  ///< Of a repository: what the work is called in repo.git.
  std::string title;   ///< Of the commit.
  bool diff = false;   ///< Whether `end` says what has changed.
  bool made = false;   ///< It is there from an earlier step.
  bool foreign = false;  ///< The repository may belong to somebody else than who clones it.

  std::string tree() const { return kind == WorkspaceKind::kDir ? place : folder + "/tree"; }
};

/// Errors: kInvalidArgument, kJsonSyntax.
base::Result<WorkspaceSpec> parseWorkspaceSpec(std::string_view text);
std::string printWorkspaceSpec(const WorkspaceSpec& spec);

/// What `belay workspace` finds on its standard input: one line of JSON, and behind it the contents
/// of `files`, one after the other. So a job of another user needs no file of the daemon's.
struct WorkOrder {
  std::string folder;  ///< Of the attempt; absolute; made by `begin`, with raw/ in it.
  WorkspaceSpec workspace;
  std::string drive;  ///< A DriveSpec as text; for `begin`.
  /// How many bytes each has, and where it goes, below the workspace.
  std::vector<std::pair<std::uint64_t, std::string>> files;
};
inline constexpr std::size_t kWorkOrderBytesMax = 8u << 20;

/// With the end of its line.
std::string printWorkOrder(const WorkOrder& order);
/// Errors: kInvalidArgument, kJsonSyntax.
base::Result<WorkOrder> parseWorkOrder(std::string_view line);

/// The main function of `belay workspace begin`, `end` and `remove FOLDER`, which run in jobs: git
/// through no shell, without hooks and without the settings of `tree`.
///
/// `begin` makes the workspace and becomes `belay drive`. `end`, to be run when everything that
/// worked in it is dead, writes the diff to standard output and one JSON object to the result
/// descriptor: base, commit, branch, files_changed, changes (the first 1,000). Where either fails,
/// that object is {"workspace_error": TEXT}, and the exit code 1. `remove` removes a tree.
int runWorkspace(int argc, char** argv);

}  // namespace belay::agents
