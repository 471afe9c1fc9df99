#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/jobs/JobProfile.h"
#include "agent/jobs/JobSpec.h"
#include "agent/jobs/UserPool.h"
#include "common/base/Result.h"

namespace belay::jobs {

struct IsolationSettings {
  JobProfile least = JobProfile::kBare;  ///< Of all jobs.
  std::string folder;                    ///< Absolute; one folder for each flow is made in it.
  std::vector<std::string> readPaths;
  std::vector<std::string> writePaths;
  bool hostNetwork = false;  ///< Of profile strong.
};

/// How a job would be kept apart.
struct IsolationPlan {
  JobProfile profile = JobProfile::kBare;
  std::string folder;  ///< Where it works without a folder of its own choice; empty: kBare.
};

/// Decides how each job is kept apart, and refuses what this host cannot do; it never does less
/// than was asked.
///
/// Threads: owner.
class Isolation {
 public:
  /// What the spawner may do now.
  using MayBecomeOthers = std::function<bool()>;

  Isolation(IsolationSettings settings, UserPool users, HostMeans means, MayBecomeOthers may)
      : settings_(std::move(settings)),
        users_(std::move(users)),
        means_(std::move(means)),
        mayBecomeOthers_(std::move(may)) {}

  /// `demanded` is the name of a profile, or empty; the higher one of it and the settings holds.
  /// Errors: kInvalidArgument for a name that is none, kJobProfile.
  base::Result<IsolationPlan> plan(const std::string& slug, std::string_view demanded) const;

  /// Completes a job of that plan: its user, its bounds and what it may touch. HOME and TMPDIR are
  /// added where the environment lacks them, and the daemon's own are not passed on.
  /// Errors: kJobProfile, kIo, kDiskFull.
  base::Status apply(const std::string& slug, const IsolationPlan& plan, JobSpec& job);

  JobProfile least() const { return settings_.least; }
  const HostMeans& means() const { return means_; }
  /// Why no job can have this profile, or empty.
  std::string missingFor(JobProfile profile) const;

 private:
  const IsolationSettings settings_;
  UserPool users_;
  const HostMeans means_;
  const MayBecomeOthers mayBecomeOthers_;
};

}  // namespace belay::jobs
