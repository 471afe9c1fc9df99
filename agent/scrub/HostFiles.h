#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/journal/JournalScrub.h"
#include "agent/resources/ResourceStore.h"
#include "common/base/Result.h"
#include "common/redaction/Redactor.h"

namespace belay::scrub {

/// What a host keeps beside its journal, below its state folder: contents of resources, what
/// supervisors kept of jobs, and whatever else is there.
///
/// A content has another digest when a value was taken out of it: prepare() stores it anew, and so
/// those that refer to it; the journal's references follow, and only then finish() removes the old. So what stands under a
/// digest is always what has that digest. Files of jobs are masked where they stand, byte for byte,
/// so that offsets into logs stay and a supervisor that still writes notices nothing. Workspaces,
/// and all else, belong to somebody else and are only told of.
///
/// Threads:   owner, while no daemon runs.
/// Ownership: all must outlive it.
/// Errors:    kIo, kDiskFull.
class HostFiles {
 public:
  /// `userFolder`: workspaces of flows whose jobs are other users; it need not be there.
  HostFiles(std::string stateFolder, std::string userFolder, resources::ResourceStore& store,
            const redaction::Redactor& values)
      : folder_(std::move(stateFolder)),
        userFolder_(std::move(userFolder)),
        store_(store),
        values_(values) {}

  /// Looks at everything; with `apply` it stores contents anew.
  base::Status prepare(bool apply);
  /// What the journal is to follow, and what its ledger is to say. After prepare().
  void describe(journal::ScrubPlan& plan) const;
  /// Takes away what prepare() has found. After the journal has followed.
  base::Status finish();

  const std::vector<journal::ScrubPlace>& places() const { return places_; }

 private:
  base::Status lookAtLeftovers(bool apply);
  base::Result<std::optional<std::string>> jsonOf(const crypto::Digest& digest) const;
  base::Status lookAtContents(bool apply);
  /// Stores what is left of a content anew, where that is something else; sets `changed` when its
  /// name is not the one that was known before.
  base::Status renew(const crypto::Digest& digest, bool& changed);
  base::Result<std::uint64_t> lookAtJobFile(const std::string& path, bool apply) const;
  base::Status lookAtJobs();
  /// What cannot be read is told of too.
  void lookElsewhere(const std::string& root, const std::string& below, int depth);

  const std::string folder_;
  const std::string userFolder_;
  resources::ResourceStore& store_;
  const redaction::Redactor& values_;
  std::map<std::string, std::uint64_t> foundIn_;  ///< By the digest of a content.
  journal::ContentNames names_;
  std::vector<std::string> jobFiles_;
  std::uint64_t foundInJobs_ = 0;
  std::vector<journal::ScrubPlace> places_;
};

}  // namespace belay::scrub
