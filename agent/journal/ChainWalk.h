#pragma once

#include <optional>
#include <string>

#include "agent/journal/HostChain.h"
#include "agent/journal/LedgerTable.h"
#include "agent/journal/Rows.h"
#include "agent/journal/ScrubTable.h"
#include "agent/journal/Session.h"
#include "agent/journal/StatementTable.h"

namespace belay::journal {

/// Verifies all chains, a piece at a time: first every run's events, then the host's chain against
/// itself and against the runs that are still there, then the ledgers of flows and
/// of statements.
///
/// Threads: owner. Errors: as Journal says; what does not match is in the report, not an error.
class ChainWalk {
 public:
  ChainWalk(Session& session, HostChain& hostChain, LedgerTable& ledger,
            StatementTable& statements, ScrubTable& scrubs);

  base::Result<VerifyReport> walk(VerifyCursor& cursor, std::size_t eventsMost);

 private:
  struct Run {
    std::int64_t number = 0;
    std::string id;
  };
  /// The first run from number `from` on, by the table of runs.
  base::Result<std::optional<Run>> runFrom(std::int64_t from);
  /// The number of the first run from `from` on that has events; 0 when there is none.
  base::Result<std::int64_t> eventsFrom(std::int64_t from);
  /// Goes on in the run of the cursor; true when all of its events are verified.
  base::Result<bool> walkRun(VerifyCursor& cursor, const Run& run, std::size_t most,
                             VerifyReport& report);
  base::Status walkHost(VerifyCursor& cursor, std::size_t most, VerifyReport& report);
  base::Status walkScrubs(VerifyCursor& cursor, std::size_t most, VerifyReport& report);
  base::Status walkLedger(VerifyCursor& cursor, std::size_t most, VerifyReport& report);
  base::Status walkStatements(VerifyCursor& cursor, std::size_t most, VerifyReport& report);
  base::Status checkSeal(const SealRow& row, VerifyReport& report);

  HostChain& hostChain_;
  LedgerTable& ledger_;
  StatementTable& statements_;
  ScrubTable& scrubs_;
  sqlite::Statement runFrom_;
  sqlite::Statement eventsFrom_;
  sqlite::Statement events_;
  sqlite::Statement eventHash_;
};

}  // namespace belay::journal
