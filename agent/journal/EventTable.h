#pragma once

#include <string_view>
#include <vector>

#include "agent/journal/Rows.h"
#include "agent/journal/ScrubTable.h"
#include "agent/journal/Session.h"

namespace belay::journal {

/// The events of all runs, in the order in which they were committed; one hash chain per run.
///
/// An event that was scrubbed has another text than its hash was made of; the ledger of scrubs
/// speaks for it.
///
/// Threads: owner. Errors: as Journal says.
class EventTable {
 public:
  EventTable(Session& session, ScrubTable& scrubs);

  base::Status append(RunHead& head, std::string_view name, std::int64_t atMs,
                      std::string_view body);
  /// The head of run `number`, whose chain begins with `id`.
  base::Result<RunHead> head(std::int64_t number, const base::RunId& id);
  /// Events after `after`, each checked against the chain. kJournalChainBroken names run and event.
  base::Result<std::vector<EventRow>> read(std::int64_t number, const base::RunId& id,
                                           std::uint64_t after, std::size_t most);
  /// Checks the last `most` events of the journal, each against the one before it in its run.
  base::Status checkLast(std::size_t most);

 private:
  /// The head of a run as it was after event `seq`; seq 0 is before the first.
  base::Result<RunHead> headAt(std::int64_t number, const base::RunId& id, std::uint64_t seq);

  Session& session_;
  ScrubTable& scrubs_;
  sqlite::Statement insert_;
  sqlite::Statement last_;
  sqlite::Statement hashAt_;
  sqlite::Statement after_;
  sqlite::Statement newest_;
};

/// The error for an event that does not match its chain.
base::Error chainBroken(std::string_view run, std::uint64_t seq, std::string_view why);

}  // namespace belay::journal
