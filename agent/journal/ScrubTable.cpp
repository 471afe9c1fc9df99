#include "agent/journal/ScrubTable.h"

#include "common/base/Text.h"

#define BELAY_SCRUB_QUERY                                                                    \
  "SELECT number, at_ms, by_whom, secret, place, run, seq, before, after, count, hash FROM " \
  "scrubs "

namespace belay::journal {

using base::Result;
using base::Status;

namespace {

bool readScrub(const sqlite::Execution& rows, ScrubRow& row) {
  row.atMs = rows.integer(1);
  row.by = rows.string(2);
  row.secret = rows.string(3);
  row.place = rows.string(4);
  row.run = rows.string(5);
  row.seq = rows.integer(6);
  row.before = rows.string(7);
  row.after = rows.string(8);
  row.count = rows.integer(9);
  return true;
}

Hash hashAfter(const ChainEnd& end, const ScrubRow& row) {
  return scrubChainNext(end.hash, {row.number, row.atMs, row.seq, row.count},
                        {row.by, row.secret, row.place, row.run, row.before, row.after});
}

constexpr ChainFormat<ScrubRow> kFormat{
    .name = "the ledger of scrubs",
    .reading = "read the ledger of scrubs",
    .endSql = "SELECT number, hash FROM scrubs ORDER BY number DESC LIMIT 1",
    .fromSql = BELAY_SCRUB_QUERY "WHERE number >= ? ORDER BY number LIMIT 1",
    .hashColumn = 10,
    .about = &ScrubRow::place,
    .start = scrubChainStart,
    .next = hashAfter,
    .read = readScrub};

}  // namespace

ScrubTable::ScrubTable(Session& session)
    : session_(session),
      chain_(session, kFormat),
      insert_(session.database(), "record a scrub",
              "INSERT INTO scrubs (number, at_ms, by_whom, secret, place, run, seq, before, after,"
              " count, hash) VALUES (?,?,?,?,?,?,?,?,?,?,?)"),
      ofEvent_(
          session.database(), "read the ledger of scrubs",
          "SELECT before, after FROM scrubs WHERE run = ? AND seq = ? AND seq > 0 AND number > 0"
          " ORDER BY number DESC LIMIT 1") {}

Status ScrubTable::add(ScrubRow& row) {
  BELAY_TRY(session_.beginWrite());
  BELAY_ASSIGN(const Hash hash, chain_.append(row));
  return session_.write(insert_, row.number, row.atMs, row.by, row.secret, row.place, row.run,
                        row.seq, row.before, row.after, row.count, hash);
}

Result<bool> ScrubTable::explains(std::string_view run, std::uint64_t seq, const Hash& hash,
                                  const Hash& now) {
  if (hash == now) return true;
  sqlite::Execution rows(ofEvent_, run, seq);
  BELAY_ASSIGN(const bool found, rows.next());
  return found && rows.text(0) == base::toHex(hash) && rows.text(1) == base::toHex(now);
}

}  // namespace belay::journal
