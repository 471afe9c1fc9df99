#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "agent/runtime/Admission.h"

namespace belay::runtime {

struct StartRequest;
struct Started;

/// What `on_new_release: supersede` does: queued runs of what was live end, and runs of what is
/// live take their places, with the same input and trigger.
///
/// It is decided by what stands in the journal, a batch in each transaction, so that it goes on
/// after a restart. Not replaced: drafts and runs of a release that was asked for by name; what has
/// begun before and was retried; what a step of another run waits for; and what the new release
/// cannot start with, which is logged.
///
/// Threads:   the loop.
/// Ownership: borrows core and admission.
/// Errors:    those that end the transaction.
class Replacement {
 public:
  /// Starts a run that is queued at this place.
  using Start = std::function<base::Result<Started>(const StartRequest&, std::int64_t place)>;

  Replacement(Core& core, Admission& admission, Start start)
      : core_(core), admission_(admission), start_(std::move(start)) {}

  /// Another release of the flow is live.
  void promoted(const std::string& slug);
  /// Looks at all flows that have queued runs.
  base::Status recover();
  /// Before a commit.
  base::Status work();
  bool hasWork() const;
  /// After a rollback.
  void forget();

 private:
  struct Live;
  /// True when the flow has been worked off.
  base::Result<bool> workOff(const std::string& slug, journal::AdmissionRow& after);
  base::Status replace(const journal::AdmissionRow& row, const Live& live);

  Core& core_;
  Admission& admission_;
  const Start start_;
  std::map<std::string, journal::AdmissionRow> flows_;  ///< By slug: the last row looked at.
};

}  // namespace belay::runtime
