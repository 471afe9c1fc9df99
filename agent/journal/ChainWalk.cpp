#include "agent/journal/ChainWalk.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "agent/engine/Names.h"
#include "agent/journal/Chain.h"
#include "common/crypto/Sha256.h"

namespace belay::journal {

using base::Result;
using base::Status;

namespace {

void bad(VerifyReport& report, std::string what, const char* why) {
  report.ok = false;
  report.firstBad = std::move(what) + ": " + why;
}

/// Verifies up to `most` rows behind number and hash, which go along; true at the chain's end.
Result<bool> walkRows(RowChain& chain, std::int64_t& number, Hash& hash, std::size_t most,
                      std::uint64_t& counted, VerifyReport& report) {
  const bool begins = number == 0;
  ChainEnd at = begins ? chain.start() : ChainEnd{number, hash};
  // What was put in front of the first row is found too.
  std::int64_t from = begins ? std::numeric_limits<std::int64_t>::min() : number + 1;
  for (std::size_t taken = 0; taken < most; ++taken) {
    std::string broken;
    BELAY_ASSIGN(const bool found, chain.follow(from, at, &broken));
    if (!found) return true;
    if (!broken.empty()) {
      bad(report, std::move(broken), "it does not follow");
      return false;
    }
    number = at.number;
    hash = at.hash;
    from = number + 1;
    ++counted;
  }
  return false;
}

std::string nameOfRun(const std::string& run) { return "run " + run; }

std::string eventOf(const std::string& run, std::uint64_t seq) {
  return nameOfRun(run) + ", event " + std::to_string(seq);
}

bool isEnded(std::int64_t status) {
  return engine::isFinal(static_cast<engine::RunStatus>(status));
}

/// True when a run whose last event is this one has the status.
bool isStatusAfter(std::string_view event, std::string_view body, std::int64_t status) {
  if (status < 0 || status >= static_cast<std::int64_t>(engine::RunStatus::kCount)) return false;
  if (event != "run_finished") return !isEnded(status);
  if (!isEnded(status)) return false;
  const auto end = static_cast<engine::RunEnd>(
      status - static_cast<std::int64_t>(engine::RunStatus::kSucceeded));
  return body.find(engine::runEndName(end)) == std::strlen(R"({"end":")");
}

/// How much of a hash is kept to find it again.
constexpr std::size_t kSealBytes = 8;

}  // namespace

ChainWalk::ChainWalk(Session& session, HostChain& hostChain, LedgerTable& ledger,
                     StatementTable& statements, ScrubTable& scrubs)
    : hostChain_(hostChain),
      ledger_(ledger),
      statements_(statements),
      scrubs_(scrubs),
      runFrom_(session.database(), "verify runs",
               "SELECT number, id, status FROM runs WHERE number >= ? ORDER BY number LIMIT 1"),
      eventsFrom_(session.database(), "verify events",
                  "SELECT run FROM events WHERE run >= ? ORDER BY run LIMIT 1"),
      events_(session.database(), "verify events",
              "SELECT seq, at_ms, name, body, hash FROM events WHERE run = ? AND seq > ?"
              " ORDER BY seq LIMIT ?"),
      lastEvent_(session.database(), "verify runs",
                 "SELECT name, body FROM events WHERE run = ? AND seq = ?"),
      sealsBehind_(session.database(), "verify the host's chain",
                   "SELECT seq, run_hash FROM host_chain WHERE seq > ? ORDER BY run_hash"),
      // What was drafted or released was kept with it.
      contents_(session.database(), "verify flows",
                "SELECT c.digest, f.content FROM flow_changes AS c LEFT JOIN flows AS f"
                " ON f.digest = c.digest WHERE c.number > ? AND c.number <= ? AND c.what < 2"),
      eventHash_(session.database(), "verify the host's chain",
                 "SELECT e.hash FROM runs AS r LEFT JOIN events AS e"
                 " ON e.run = r.number AND e.seq = ? WHERE r.id = ?") {}

Result<VerifyReport> ChainWalk::walk(VerifyCursor& cursor, std::size_t eventsMost) {
  VerifyReport report;
  // A new walk believes nothing that was read before.
  if (cursor.hostSeq < 0 && cursor.run.number == 0) forgetSeals();
  while (report.ok && !cursor.done) {
    const std::uint64_t seen = report.events + report.hostRows + report.runs + report.flowChanges +
                               report.statements + report.scrubs;
    if (seen >= eventsMost) break;
    const std::size_t budget = eventsMost - seen;
    if (cursor.scrubRow >= 0) {
      BELAY_TRY(walkScrubs(cursor, budget, report));
      continue;
    }
    if (cursor.statementRow >= 0) {
      BELAY_TRY(walkStatements(cursor, budget, report));
      continue;
    }
    if (cursor.ledgerRow >= 0) {
      BELAY_TRY(walkLedger(cursor, budget, report));
      continue;
    }
    if (cursor.hostSeq >= 0) {
      BELAY_TRY(walkHost(cursor, budget, report));
      continue;
    }
    // Mid-run the same run is found again; else the next one.
    const std::int64_t from = cursor.run.seq > 0 ? cursor.run.number : cursor.run.number + 1;
    BELAY_ASSIGN(const auto run, runFrom(from));
    BELAY_ASSIGN(const std::int64_t withEvents, eventsFrom(from));
    if (withEvents != 0 && (!run || withEvents < run->number)) {
      bad(report, nameOfRun("number " + std::to_string(withEvents)), "it has events, but no row");
    } else if (!run) {
      cursor.hostSeq = 0;
      forgetSeals();
    } else {
      BELAY_ASSIGN(const bool whole, walkRun(cursor, *run, budget, report));
      if (!whole) continue;
      ++report.runs;
      cursor.run = RunHead{run->number, 0, {}};
    }
  }
  return report;
}

Result<std::optional<ChainWalk::Run>> ChainWalk::runFrom(std::int64_t from) {
  sqlite::Execution rows(runFrom_, from);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<Run>{};
  return std::optional<Run>{Run{rows.integer(0), rows.string(1), rows.integer(2)}};
}

Result<std::int64_t> ChainWalk::eventsFrom(std::int64_t from) {
  sqlite::Execution rows(eventsFrom_, from);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.integer(0) : 0;
}

Result<bool> ChainWalk::walkRun(VerifyCursor& cursor, const Run& run, std::size_t most,
                                VerifyReport& report) {
  if (cursor.run.number != run.number || cursor.run.seq == 0) {
    cursor.run = RunHead{run.number, 0, runChainStart(run.id)};
  }
  RunHead& head = cursor.run;
  sqlite::Execution rows(events_, run.number, head.seq, most);
  for (std::size_t taken = 0; taken < most; ++taken) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) {
      BELAY_TRY(checkEnd(run, head, report));
      return true;
    }
    const auto seq = static_cast<std::uint64_t>(rows.integer(0));
    if (seq != head.seq + 1) {
      bad(report, eventOf(run.id, head.seq + 1), "it is missing");
      return false;
    }
    const Hash expected = runChainNext(head.hash, seq, rows.integer(1), rows.text(2), rows.text(3));
    bool matches = copyHash(rows.blob(4), head.hash);
    if (matches) {
      BELAY_ASSIGN(matches, scrubs_.explains(run.id, seq, head.hash, expected));
      if (matches && head.hash != expected) ++report.scrubbedEvents;
    }
    if (!matches) {
      bad(report, eventOf(run.id, seq), "its hash does not match");
      return false;
    }
    head.seq = seq;
    ++report.events;
  }
  return false;
}

Status ChainWalk::checkEnd(const Run& run, const RunHead& head, VerifyReport& report) {
  sqlite::Execution rows(lastEvent_, run.number, head.seq);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) {
    bad(report, nameOfRun(run.id), "it has no events");
  } else if (!isStatusAfter(rows.text(0), rows.text(1), run.status)) {
    bad(report, nameOfRun(run.id), "its state is not that of its last event");
  } else if (isEnded(run.status) && !isSealed(head.hash)) {
    // What was sealed since stands behind.
    BELAY_TRY(readSeals());
    if (!isSealed(head.hash)) bad(report, nameOfRun(run.id), "the host's chain lacks its end");
  }
  return {};
}

void ChainWalk::forgetSeals() {
  seals_ = {};
  sealsSorted_ = 0;
  sealsUntil_ = 0;
}

Status ChainWalk::readSeals() {
  const bool first = seals_.empty();
  sqlite::Execution rows(sealsBehind_, sealsUntil_);
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    sealsUntil_ = std::max(sealsUntil_, rows.integer(0));
    const auto hash = rows.blob(1);
    seals_.append(reinterpret_cast<const char*>(hash.data()), std::min(hash.size(), kSealBytes));
    seals_.resize((seals_.size() + kSealBytes - 1) / kSealBytes * kSealBytes);
  }
  if (first) sealsSorted_ = seals_.size() / kSealBytes;
  return {};
}

bool ChainWalk::isSealed(const Hash& hash) const {
  const auto compare = [&](std::size_t at) {
    return std::memcmp(seals_.data() + at * kSealBytes, hash.data(), kSealBytes);
  };
  std::size_t from = 0, to = sealsSorted_;
  while (from < to) {
    const std::size_t middle = from + (to - from) / 2;
    const int order = compare(middle);
    if (order == 0) return true;
    if (order < 0) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  for (std::size_t at = sealsSorted_; at < seals_.size() / kSealBytes; ++at) {
    if (compare(at) == 0) return true;
  }
  return false;
}

Status ChainWalk::checkContents(std::int64_t after, std::int64_t until, VerifyReport& report) {
  sqlite::Execution rows(contents_, after, until);
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    if (!rows.isNull(1) && rows.text(0).ends_with(crypto::sha256(rows.text(1)).hex())) continue;
    bad(report, "flow " + rows.string(0), "its content is missing or another one");
    return {};
  }
}

Status ChainWalk::walkHost(VerifyCursor& cursor, std::size_t most, VerifyReport& report) {
  HostChain::End at{static_cast<std::uint64_t>(cursor.hostSeq), cursor.hostHash};
  BELAY_ASSIGN(const HostChain::End start, hostChain_.anchor());
  // The first piece, or a prefix has been cut off since the last one.
  if (cursor.hostSeq == 0 || at.seq < start.seq) at = start;
  for (std::size_t taken = 0; taken < most && report.ok; ++taken) {
    BELAY_ASSIGN(const auto row, hostChain_.after(at.seq));
    if (!row) {
      cursor.ledgerRow = 0;
      return {};
    }
    if (!HostChain::follows(*row, at)) {
      bad(report, nameOfRow(static_cast<std::int64_t>(at.seq) + 1, "the host's chain"),
          "it does not follow");
      return {};
    }
    BELAY_TRY(checkSeal(*row, report));
    at = HostChain::End{row->seq, row->hash};
    cursor.hostSeq = static_cast<std::int64_t>(row->seq);
    cursor.hostHash = row->hash;
    ++report.hostRows;
  }
  return {};
}

Status ChainWalk::walkLedger(VerifyCursor& cursor, std::size_t most, VerifyReport& report) {
  const std::int64_t before = cursor.ledgerRow;
  BELAY_ASSIGN(const bool whole, walkRows(ledger_.chain(), cursor.ledgerRow, cursor.ledgerHash,
                                          most, report.flowChanges, report));
  if (report.ok) BELAY_TRY(checkContents(before, cursor.ledgerRow, report));
  if (whole) cursor.statementRow = 0;
  return {};
}

Status ChainWalk::walkStatements(VerifyCursor& cursor, std::size_t most, VerifyReport& report) {
  BELAY_ASSIGN(const bool whole, walkRows(statements_.chain(), cursor.statementRow,
                                          cursor.statementHash, most, report.statements, report));
  if (whole) cursor.scrubRow = 0;
  return {};
}

Status ChainWalk::walkScrubs(VerifyCursor& cursor, std::size_t most, VerifyReport& report) {
  BELAY_ASSIGN(cursor.done, walkRows(scrubs_.chain(), cursor.scrubRow, cursor.scrubHash, most,
                                     report.scrubs, report));
  return {};
}

Status ChainWalk::checkSeal(const SealRow& row, VerifyReport& report) {
  sqlite::Execution rows(eventHash_, row.runSeq, row.runId);
  BELAY_ASSIGN(const bool runIsThere, rows.next());
  if (!runIsThere) return {};  // pruned
  const auto hash = rows.blob(0);
  if (!std::equal(hash.begin(), hash.end(), row.runHash.begin(), row.runHash.end())) {
    bad(report, eventOf(row.runId, row.runSeq), "the host's chain has sealed another hash");
  }
  return {};
}

}  // namespace belay::journal
