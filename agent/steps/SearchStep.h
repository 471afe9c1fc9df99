#pragma once

#include <string>

#include "agent/runtime/Performer.h"
#include "agent/steps/SearchQuery.h"
#include "agent/trust/Policy.h"
#include "agent/vault/ConnectionStore.h"

namespace belay::steps {

/// What is looked for, and where.
struct SearchOptions {
  std::string query;
  std::vector<std::string> targets{"resources"};  ///< Also flows, runs, connections.
  std::string slug;                               ///< Only of this flow; empty: of the host.
  std::size_t limit = 10;                         ///< Of each target.
  bool hydrate = false;
};

/// What is asked.
struct SearchWorld {
  journal::Journal& journal;
  const vault::ConnectionStore* connections = nullptr;  ///< Null: there are none.
  runtime::LargeOutputs* outputs = nullptr;             ///< For hydrate.
};

/// The hits, of each target the newest first: objects with `target`. Resources are found
/// by the index; of runs the newest 2,000 are looked at.
/// Threads: the journal's. Errors: kSearchQuery, those of the journal.
base::Result<json::Array> search(const SearchWorld& world, const SearchOptions& options);

/// `search`: what it gives is read in the transaction that records the step.
///
/// Threads:   the loop.
/// Ownership: borrows all it is given.
class SearchStep final : public runtime::InlineStep {
 public:
  SearchStep(const vault::ConnectionStore* connections, runtime::LargeOutputs* outputs,
             const trust::Policy& policy)
      : connections_(connections), outputs_(outputs), policy_(policy) {}

  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;

 private:
  const vault::ConnectionStore* const connections_;
  runtime::LargeOutputs* const outputs_;
  const trust::Policy& policy_;
};

}  // namespace belay::steps
