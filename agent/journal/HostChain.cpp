#include "agent/journal/HostChain.h"

#include "agent/journal/ChainedTable.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Error hostBroken(std::uint64_t seq, std::string_view why) {
  return brokenRow(static_cast<std::int64_t>(seq), "the host's chain", why);
}

}  // namespace

HostChain::HostChain(Session& session)
    : session_(session),
      insert_(session.database(), "seal run",
              "INSERT INTO host_chain (seq, run_id, run_seq, run_hash, at_ms, hash)"
              " VALUES (?,?,?,?,?,?)"),
      last_(session.database(), "read the host's chain",
            "SELECT seq, hash FROM host_chain ORDER BY seq DESC LIMIT 1"),
      after_(session.database(), "read the host's chain",
             "SELECT seq, at_ms, run_id, run_seq, run_hash, hash FROM host_chain WHERE seq > ?"
             " ORDER BY seq LIMIT 1"),
      backwards_(session.database(), "read the host's chain",
                 "SELECT seq, at_ms, run_id, run_seq, run_hash, hash FROM host_chain"
                 " ORDER BY seq DESC LIMIT ?"),
      readAnchor_(session.database(), "read the anchor", "SELECT seq, hash FROM host_anchor"),
      writeAnchor_(session.database(), "move the anchor",
                   "INSERT OR REPLACE INTO host_anchor (one, seq, hash, at_ms)"
                   " VALUES (1, ?, ?, ?)"),
      cut_(session.database(), "cut the host's chain", "DELETE FROM host_chain WHERE seq <= ?") {}

bool HostChain::follows(const SealRow& row, const End& end) {
  return row.seq == end.seq + 1 &&
         row.hash == hostChainNext(end.hash, row.seq, row.atMs, row.runId, row.runSeq, row.runHash);
}

Result<HostChain::End> HostChain::readEnd(sqlite::Statement& statement, bool& found) {
  End read{0, hostChainStart()};
  sqlite::Execution rows(statement);
  BELAY_ASSIGN(found, rows.next());
  if (!found) return read;
  read.seq = static_cast<std::uint64_t>(rows.integer(0));
  if (!copyHash(rows.blob(1), read.hash)) return hostBroken(read.seq, "its hash is damaged");
  return read;
}

Result<HostChain::End> HostChain::anchor() {
  BELAY_TRY(session_.usable());
  bool found = false;
  return readEnd(readAnchor_, found);
}

Result<HostChain::End> HostChain::end() {
  if (end_ && endRollbacks_ == session_.rollbacks()) return *end_;
  bool found = false;
  BELAY_ASSIGN(End last, readEnd(last_, found));
  if (found) return last;
  return anchor();
}

Status HostChain::seal(std::string_view runId, const RunHead& head, std::int64_t atMs) {
  BELAY_TRY(session_.beginWrite());
  BELAY_ASSIGN(End last, end());
  End next{last.seq + 1, {}};
  next.hash = hostChainNext(last.hash, next.seq, atMs, runId, head.seq, head.hash);
  BELAY_TRY(session_.write(insert_, next.seq, runId, head.seq, head.hash, atMs, next.hash));
  end_ = next;
  endRollbacks_ = session_.rollbacks();
  return {};
}

Result<SealRow> HostChain::readRow(const sqlite::Execution& rows) {
  SealRow row{static_cast<std::uint64_t>(rows.integer(0)),
              rows.integer(1),
              rows.string(2),
              static_cast<std::uint64_t>(rows.integer(3)),
              {},
              {}};
  if (row.runId.size() > 64) return hostBroken(row.seq, "its run is damaged");
  if (!copyHash(rows.blob(4), row.runHash) || !copyHash(rows.blob(5), row.hash)) {
    return hostBroken(row.seq, "a hash is damaged");
  }
  return row;
}

Result<std::optional<SealRow>> HostChain::after(std::uint64_t seq) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(after_, seq);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<SealRow>{};
  BELAY_ASSIGN(SealRow row, readRow(rows));
  return std::optional<SealRow>{std::move(row)};
}

Status HostChain::cut(const SealRow& last, std::int64_t atMs) {
  BELAY_TRY(session_.write(writeAnchor_, last.seq, last.hash, atMs));
  return session_.write(cut_, last.seq);
}

Status HostChain::checkLast(std::size_t most) {
  sqlite::Execution rows(backwards_, most);
  std::optional<SealRow> newer;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    BELAY_ASSIGN(SealRow row, readRow(rows));
    if (newer && !follows(*newer, {row.seq, row.hash})) {
      return hostBroken(newer->seq, "it does not follow the row before it");
    }
    newer = std::move(row);
  }
  BELAY_ASSIGN(const End start, anchor());
  if (!newer || newer->seq > start.seq + 1) return {};
  if (follows(*newer, start)) return {};
  return hostBroken(newer->seq, "it does not follow the anchor");
}

}  // namespace belay::journal
