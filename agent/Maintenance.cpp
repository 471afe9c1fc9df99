#include "agent/Maintenance.h"

#include <algorithm>
#include <limits>

#include "agent/journal/ResourceTable.h"
#include "common/base/Files.h"
#include "common/base/Units.h"

namespace belay {

using base::Error;
using base::ErrorCode;

namespace {

/// From the start on. Nearly all supervisors that live then without an owner are just ending, and
/// to tell whose one is takes the records of all jobs.
constexpr std::int64_t kLeftoversMs = 2'000;
constexpr std::int64_t kRoundMs = 3'600'000;
constexpr std::int64_t kDiskMs = 30'000;
constexpr std::int64_t kWorkspacesMs = 2'000;
constexpr std::size_t kRowsPerStep = 2'000;
constexpr std::size_t kRunsPerStep = 200;
constexpr std::size_t kFilesPerStep = 500;
constexpr std::size_t kRowsPerExpiry = 500;
/// From the moment in which a content is stored to that in which a run has it.
constexpr std::chrono::hours kGrace{2};

}  // namespace

Maintenance::Maintenance(World world, settings::JournalSettings journal,
                         settings::ResourceSettings resources, std::uint64_t diskBytesMax)
    : world_(std::move(world)),
      journal_(std::move(journal)),
      resources_(resources),
      diskBytesMax_(diskBytesMax),
      leftoversMs_(world_.clock.sinceBoot().count() + kLeftoversMs) {}

void Maintenance::round() {
  if (!leftoversMs_ || world_.runtime.hasOwed()) return;
  if (world_.clock.sinceBoot().count() < *leftoversMs_) return;
  leftoversMs_.reset();
  world_.runs.endStrays();
  world_.tools.sweep();
}

std::int64_t Maintenance::idle() {
  const std::int64_t now = world_.clock.sinceBoot().count();
  if (const base::Status kept = world_.runtime.journal().upkeep(true); !kept) health_ = kept;
  if (!health_) return now;
  if (now >= nextRoundMs_) {
    nextRoundMs_ = now + kRoundMs;
    pruning_ = expiring_ = sweeping_ = true;
    sweepJobs();
  }
  if (diskBytesMax_ > 0 && now >= nextDiskMs_) {
    nextDiskMs_ = now + kDiskMs;
    measureDisk();
  }
  if (world_.agents.hasFolders() && now >= nextWorkspacesMs_) {
    nextWorkspacesMs_ = now + kWorkspacesMs;
    sweepWorkspaces();
  }
  if (checkStep() || pruneStep() || expireStep() || sweepStep()) return now;
  std::int64_t next = nextRoundMs_;
  // What stands still on a full disk is owed all the time.
  if (leftoversMs_)
    next = std::min(next, *leftoversMs_ > now ? *leftoversMs_ : now + kLeftoversMs);
  if (world_.agents.hasFolders()) next = std::min(next, nextWorkspacesMs_);
  return diskBytesMax_ > 0 ? std::min(next, nextDiskMs_) : next;
}

bool Maintenance::checkStep() {
  if (check_.done) return false;
  const base::Status checked = world_.runtime.journal().quickCheck(check_, kRowsPerStep);
  if (!checked) health_ = checked;
  return true;
}

bool Maintenance::pruneStep() {
  if (!pruning_) return false;
  pruning_ = false;
  if (journal_.retention.count() == 0) return false;
  const auto pruned = world_.runtime.journal().prune(
      world_.clock.wallMs() - journal_.retention.count(), kRunsPerStep);
  if (!pruned) {
    world_.log.error("journal.prune_failed", pruned.error());
    return false;
  }
  if (pruned->runs > 0)
    world_.log.info("journal.pruned", {{"runs", pruned->runs}, {"events", pruned->events}});
  pruning_ = pruned->more;
  return pruning_;
}

bool Maintenance::expireStep() {
  if (!expiring_) return false;
  expiring_ = false;
  journal::Journal& journal = world_.runtime.journal();
  const std::int64_t now = world_.clock.wallMs();
  // Nothing was made before the beginning of time: for ever.
  const std::int64_t madeBefore =
      resources_.retained.count() == 0 ? 0 : now - resources_.retained.count();
  journal::ResourcesRemoved removed;
  base::Status done = journal.resourceTable().expire(now - resources_.ephemeral.count(), madeBefore,
                                                     kRowsPerExpiry, removed);
  if (done && journal.inTransaction()) done = journal.commit();
  if (!done) {
    journal.rollback();
    world_.log.error("resources.expire_failed", done.error());
    return false;
  }
  if (removed.resources > 0)
    world_.log.info("resources.expired",
                    {{"resources", removed.resources}, {"bytes", removed.bytes}});
  expiring_ = removed.resources == kRowsPerExpiry;
  return expiring_;
}

bool Maintenance::sweepStep() {
  if (!sweeping_) return false;
  resources::SweepPlan plan;
  plan.isReferenced = [this](const crypto::Digest& digest) {
    return world_.runtime.journal().isReferenced(digest.hex());
  };
  plan.most = kFilesPerStep;
  plan.grace = kGrace;
  const auto swept = world_.resources.sweep(plan);
  if (!swept) world_.log.error("resources.sweep_failed", swept.error());
  sweeping_ = swept && !swept->finished;
  return sweeping_;
}

void Maintenance::sweepJobs() {
  const auto names = base::listFolder(world_.stateFolder + "/jobs");
  if (!names) return;
  for (const std::string& name : *names) {
    const auto job = base::JobId::parse(name);
    // The id of a job begins with that of its run.
    const auto run = base::RunId::parse(name.substr(0, name.find('-')));
    if (!job || !run) continue;
    const auto row = world_.runtime.journal().run(*run);
    if (!row || row->has_value()) continue;
    const base::Status removed = world_.jobs.remove(*job);
    if (!removed && removed.error().code != ErrorCode::kConflict) {
      world_.log.error("job.remove_failed", removed.error(), {{"job", name}});
    }
  }
}

void Maintenance::sweepWorkspaces() {
  using Fate = steps::AgentStep::Fate;
  world_.agents.sweep([this](const base::RunId& run) {
    const auto row = world_.runtime.journal().run(run);
    if (!row) return Fate::kKeep;
    if (!row->has_value()) return Fate::kGone;
    if (!engine::isFinal((*row)->status)) return Fate::kKeep;
    return (*row)->status == engine::RunStatus::kSucceeded ? Fate::kSucceeded : Fate::kFailed;
  });
}

void Maintenance::measureDisk() {
  const auto used = base::treeBytes(world_.stateFolder);
  if (!used) {
    world_.log.error("disk.measure_failed", used.error());
    return;
  }
  if (*used <= diskBytesMax_) {
    world_.runtime.admit();
    return;
  }
  world_.runtime.refuseStarts(
      Error{ErrorCode::kLimit,
            "limits.disk = " + base::formatBytes(diskBytesMax_) + ": the state folder holds " +
                base::formatBytes(*used) + ", so no new run starts",
            {"belay journal prune --older-than 30d", "belay journal stats"}});
}

}  // namespace belay
