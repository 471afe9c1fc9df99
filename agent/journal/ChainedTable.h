#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/journal/Chain.h"
#include "agent/journal/Session.h"
#include "common/sqlite/Statement.h"

namespace belay::journal {

/// Where a chain of numbered rows is, or where it begins.
struct ChainEnd {
  std::int64_t number = 0;
  Hash hash{};
};

/// For people: "row 3 of the ledger of flows".
std::string nameOfRow(std::int64_t number, std::string_view chain);
base::Error brokenRow(std::int64_t number, std::string_view chain, std::string_view why);

/// How rows of one kind stand on disk and are chained. Row has a member `number`, from 1 on.
template <typename Row>
struct ChainFormat {
  std::string_view name;    ///< As errors say it: "the ledger of flows".
  const char* reading;      ///< What is being done: "read the ledger of flows".
  const char* endSql;       ///< Number and hash of the newest row.
  const char* fromSql;      ///< The first row from number ? on.
  int hashColumn;           ///< Of all queries that read rows.
  std::string Row::*about;  ///< What a row is about, for people.
  Hash (*start)();          ///< What the first row is chained to.
  Hash (*next)(const ChainEnd&, const Row&);
  bool (*read)(const sqlite::Execution&, Row&);  ///< False: its kind is none that there is.
};

/// Rows that are chained by hash, whatever they say: to walk along them.
class RowChain {
 public:
  virtual ChainEnd start() const = 0;
  /// Its newest row; the start when there is none.
  virtual base::Result<ChainEnd> end() = 0;
  /// Goes on from `at` to the first row from number `number` on; false when there is none. `bad` is
  /// the name of a row that does not follow `at`, which stays then. Without `bad` it is believed.
  virtual base::Result<bool> follow(std::int64_t number, ChainEnd& at, std::string* bad) = 0;
  /// Checks the last `most` rows against each other.
  base::Status checkLast(std::size_t most);

 protected:
  ~RowChain() = default;
};

/// What the tables have in common whose rows are chained by hash: nothing in them is ever changed,
/// and what was changed or taken away all the same is found.
///
/// Threads: owner. Errors: as Journal says; kJournalChainBroken for a row that does not follow.
template <typename Row>
class ChainedTable final : public RowChain {
 public:
  /// A row as it is on disk.
  struct Kept {
    Row row;
    Hash hash{};
  };

  ChainedTable(Session& session, const ChainFormat<Row>& format)
      : session_(session),
        format_(format),
        end_(session.database(), format.reading, format.endSql),
        from_(session.database(), format.reading, format.fromSql) {}

  ChainEnd start() const override { return {0, format_.start()}; }

  base::Result<ChainEnd> end() override {
    ChainEnd last = start();
    sqlite::Execution rows(end_);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) return last;
    last.number = rows.integer(0);
    if (!copyHash(rows.blob(1), last.hash)) return broken(last.number, "its hash is damaged");
    return last;
  }

  /// Gives `row` its number and says the hash that it is to be kept with.
  base::Result<Hash> append(Row& row) {
    BELAY_ASSIGN(const ChainEnd last, end());
    row.number = last.number + 1;
    return format_.next(last, row);
  }

  base::Result<bool> follow(std::int64_t number, ChainEnd& at, std::string* bad) override {
    BELAY_TRY(session_.usable());
    sqlite::Execution rows(from_, number);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) return false;
    BELAY_ASSIGN(const Kept kept, read(rows));
    // Unsigned: a row that was put there may have the largest number.
    const auto next = static_cast<std::int64_t>(static_cast<std::uint64_t>(at.number) + 1);
    if (!bad || (kept.row.number == next && kept.hash == format_.next(at, kept.row))) {
      at = ChainEnd{kept.row.number, kept.hash};
    } else {
      // A row below 1 is none of the chain.
      *bad = nameOfRow(std::min(next, kept.row.number), format_.name) + " (" +
             kept.row.*format_.about + ")";
    }
    return true;
  }

  base::Result<std::vector<Row>> readAll(sqlite::Execution& rows) const {
    std::vector<Row> found;
    while (true) {
      BELAY_ASSIGN(const bool more, rows.next());
      if (!more) return found;
      BELAY_ASSIGN(Kept kept, read(rows));
      found.push_back(std::move(kept.row));
    }
  }

 private:
  base::Result<Kept> read(const sqlite::Execution& rows) const {
    Kept kept;
    kept.row.number = rows.integer(0);
    if (!format_.read(rows, kept.row)) return broken(kept.row.number, "its kind is damaged");
    if (!copyHash(rows.blob(format_.hashColumn), kept.hash))
      return broken(kept.row.number, "its hash is damaged");
    return kept;
  }

  base::Error broken(std::int64_t number, std::string_view why) const {
    return brokenRow(number, format_.name, why);
  }

  Session& session_;
  const ChainFormat<Row>& format_;
  sqlite::Statement end_;
  sqlite::Statement from_;
};

}  // namespace belay::journal
