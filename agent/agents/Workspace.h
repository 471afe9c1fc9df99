#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/Result.h"

namespace belay::agents {

enum class WorkspaceKind { kScratch, kDir, kGit };

/// Where an agent works, and what becomes of it: the file that `belay workspace` reads.
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
  /// Files to put into it: where they are, and where they go, below it.
  std::vector<std::pair<std::string, std::string>> files;

  std::string tree() const { return kind == WorkspaceKind::kDir ? place : folder + "/tree"; }
};

/// Errors: kInvalidArgument, kJsonSyntax.
base::Result<WorkspaceSpec> parseWorkspaceSpec(std::string_view text);
std::string printWorkspaceSpec(const WorkspaceSpec& spec);

/// The main function of `belay workspace begin SPEC COMMAND…` and `belay workspace end SPEC`, which
/// run in jobs, git through no shell, without hooks and without the settings of `tree`.
///
/// `begin` makes the workspace and becomes COMMAND. `end`, to be run when everything that worked in
/// it is dead, writes the diff to standard output and one JSON object to the result descriptor:
/// base, commit, branch, files_changed, changes (the first 1,000). Where either fails, that object
/// is {"workspace_error": TEXT}, and the exit code 1.
int runWorkspace(int argc, char** argv);

}  // namespace belay::agents
