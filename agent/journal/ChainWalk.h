#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/journal/HostChain.h"
#include "agent/journal/LedgerTable.h"
#include "agent/journal/Rows.h"
#include "agent/journal/ScrubTable.h"
#include "agent/journal/Session.h"
#include "agent/journal/StatementTable.h"

namespace belay::journal {

/// Verifies all chains, a piece at a time: first every run's events, its state and its end in the
/// host's chain; then that chain against itself and against the runs that are still there, then the
/// ledgers: that of flows with the contents that it names, those of statements and of scrubs.
///
/// Threads: owner. Errors: as Journal says; what does not match is in the report, not an error.
class ChainWalk {
 public:
  ChainWalk(Session& session, HostChain& hostChain, LedgerTable& ledger, StatementTable& statements,
            ScrubTable& scrubs);

  base::Result<VerifyReport> walk(VerifyCursor& cursor, std::size_t eventsMost);

 private:
  struct Run {
    std::int64_t number = 0;
    std::string id;
    std::int64_t status = 0;
  };
  /// The first run from number `from` on, by the table of runs.
  base::Result<std::optional<Run>> runFrom(std::int64_t from);
  /// The number of the first run from `from` on that has events; 0 when there is none.
  base::Result<std::int64_t> eventsFrom(std::int64_t from);
  /// Goes on in the run of the cursor; true when all of its events are verified.
  base::Result<bool> walkRun(VerifyCursor& cursor, const Run& run, std::size_t most,
                             VerifyReport& report);
  /// Of a run whose events are right up to `head`, the last one.
  base::Status checkEnd(const Run& run, const RunHead& head, VerifyReport& report);
  void forgetSeals();
  base::Status readSeals();
  bool isSealed(const Hash& hash) const;
  /// What these rows of the ledger of flows name must be in the journal, as it was.
  base::Status checkContents(std::int64_t after, std::int64_t until, VerifyReport& report);
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
  sqlite::Statement lastEvent_;
  sqlite::Statement sealsBehind_;
  sqlite::Statement contents_;
  sqlite::Statement eventHash_;

  // The beginnings of the hashes that the host's chain seals up to its row `sealsUntil_`: so many
  // as were there at first sorted, those of runs that ended since behind them. 8 bytes each,
  // instead of a search of the chain for each run, or an index for this alone.
  std::string seals_;
  std::size_t sealsSorted_ = 0;
  std::int64_t sealsUntil_ = 0;
};

}  // namespace belay::journal
