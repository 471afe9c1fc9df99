#include "agent/JobSetup.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "agent/cli/SettingsChecks.h"
#include "common/base/Files.h"

namespace belay {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using jobs::JobProfile;

namespace {

/// Its users must reach what is theirs in it, and may list nothing.
Status makeUserFolder(const std::string& folder) {
  BELAY_TRY(base::makeFolders(folder));
  if (::chmod(folder.c_str(), 0711) != 0) return base::errnoError(errno, "chmod " + folder);
  return {};
}

}  // namespace

Result<std::unique_ptr<jobs::Isolation>> makeIsolation(const settings::JobSettings& settings,
                                                       const std::string& stateFolder,
                                                       const jobs::JobRunner& runner) {
  BELAY_ASSIGN(std::vector<jobs::JobUser> users, jobs::parseJobUsers(settings.users, &cli::findJobUser));
  jobs::IsolationSettings isolation;
  const JobProfile byUsers = users.empty() ? JobProfile::kBare : JobProfile::kUser;
  isolation.least = jobs::parseProfile(settings.profile).value_or(byUsers);
  isolation.folder = settings.userFolder.empty() ? stateFolder + "-jobs" : settings.userFolder;
  isolation.readPaths = settings.readPaths;
  isolation.writePaths = settings.writePaths;
  isolation.hostNetwork = settings.strongNetwork == "host";
  if (!users.empty()) BELAY_TRY(makeUserFolder(isolation.folder));
  BELAY_ASSIGN(jobs::UserPool pool,
               jobs::UserPool::open(stateFolder + "/job-users", std::move(users)));
  return std::make_unique<jobs::Isolation>(std::move(isolation), std::move(pool),
                                           jobs::readHostMeans(),
                                           [&runner] { return runner.mechanisms().otherUsers; });
}

json::Value describeIsolation(const jobs::Isolation& isolation, const jobs::JobRunner& runner) {
  json::Value out;
  out.set("kill", runner.mechanisms().cgroupFolder.empty() ? "sweep" : "cgroup");
  out.set("profile", profileName(isolation.least()));
  out.set("user", isolation.missingFor(JobProfile::kUser));
  out.set("strong", isolation.missingFor(JobProfile::kStrong));
  out.set("landlock", std::int64_t{isolation.means().landlock});
  out.set("seccomp", isolation.means().seccomp);
  return out;
}

}  // namespace belay
