#include "agent/jobs/Isolation.h"

#include <algorithm>

namespace belay::jobs {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

// What a job of a user of its own may have where the settings say nothing.
constexpr std::uint64_t kProcessesMax = 4096;
constexpr std::uint64_t kOpenFilesMax = 65'536;

void addVariable(JobSpec& job, std::string_view name, std::string value) {
  const bool given = std::any_of(job.environment.begin(), job.environment.end(),
                                 [&](const auto& each) { return each.first == name; });
  if (!given) job.environment.emplace_back(name, std::move(value));
}

}  // namespace

std::string Isolation::missingFor(JobProfile profile) const {
  if (profile == JobProfile::kBare) return {};
  if (users_.empty()) return "jobs.users names no user";
  if (!mayBecomeOthers_()) return "the spawner may not become another user";
  if (!means_.seccomp) return "the kernel has no seccomp";
  if (profile == JobProfile::kStrong) return means_.noBubblewrap;
  return means_.landlock == 0 ? "the kernel has no Landlock" : "";
}

Result<IsolationPlan> Isolation::plan(const std::string& slug, std::string_view demanded) const {
  IsolationPlan plan{settings_.least, {}};
  if (!demanded.empty()) {
    const auto asked = parseProfile(demanded);
    if (!asked) {
      return Error{ErrorCode::kInvalidArgument, "profile must be bare, user or strong, and is \"" +
                                                    std::string(demanded) + "\""};
    }
    plan.profile = std::max(plan.profile, *asked);
  }
  if (plan.profile == JobProfile::kBare) return plan;
  const std::string missing = missingFor(plan.profile);
  if (!missing.empty()) {
    return Error{ErrorCode::kJobProfile,
                 "profile " + std::string(profileName(plan.profile)) + " cannot be had: " + missing,
                 {"belay doctor"}};
  }
  plan.folder = settings_.folder + "/" + slug;
  return plan;
}

Status Isolation::apply(const std::string& slug, const IsolationPlan& plan, JobSpec& job) {
  if (plan.profile == JobProfile::kBare) return {};
  BELAY_ASSIGN(const JobUser user, users_.userOf(slug));
  job.user = user.uid;
  job.group = user.gid;
  job.cell = {plan.profile,      plan.folder,           settings_.readPaths, settings_.writePaths,
              means_.bubblewrap, settings_.hostNetwork, user.exclusive};
  if (!job.limits.processes) job.limits.processes = kProcessesMax;
  if (!job.limits.openFiles) job.limits.openFiles = kOpenFilesMax;
  addVariable(job, "HOME", plan.folder);
  addVariable(job, "TMPDIR", plan.folder + "/tmp");
  return {};
}

}  // namespace belay::jobs
