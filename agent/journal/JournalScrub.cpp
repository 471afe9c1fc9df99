#include "agent/journal/JournalScrub.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "agent/journal/Chain.h"
#include "agent/journal/EventTable.h"
#include "agent/journal/ScrubText.h"
#include "common/base/Text.h"

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kDigestDigits = 64;

/// Rows whose texts are signed, or named by their digest.
struct Kept {
  std::string_view table;
  const char* rows;
};
constexpr Kept kKept[] = {{"flows", "1"},          {"flow_changes", "1"},
                          {"statements", "1"},     {"scrubs", "1"},
                          {"gate_decisions", "1"}, {"meta", "name GLOB 'link.pin.*'"}};

/// SQL that says which rows of a table stay as they are.
std::string keptOf(std::string_view table) {
  const auto known = std::find_if(std::begin(kKept), std::end(kKept),
                                  [&](const Kept& each) { return each.table == table; });
  return known == std::end(kKept) ? "0" : known->rows;
}

bool isDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string textOf(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text == nullptr ? std::string()
                         : std::string(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

const ScrubPlan& planOf(sqlite3_context* context) {
  return *static_cast<const ScrubPlan*>(sqlite3_user_data(context));
}

// The functions that statements of a scrub have: how often values are in a text, whether it would
// be no JSON any more without them, whether anything is to be changed in it, and what it is then.

void foundIn(sqlite3_context* context, int, sqlite3_value** values) noexcept {
  std::string text = textOf(values[0]);
  sqlite3_result_int64(context, static_cast<std::int64_t>(planOf(context).values.overwrite(
                                    {text.data(), text.size()}, text.size())));
}

void breaksBy(sqlite3_context* context, int, sqlite3_value** values) noexcept {
  std::string text = textOf(values[0]);
  sqlite3_result_int(context, scrubText(planOf(context).values, text).readable ? 0 : 1);
}

void changesIn(sqlite3_context* context, int, sqlite3_value** values) noexcept {
  std::string text = textOf(values[0]);
  const ScrubPlan& plan = planOf(context);
  sqlite3_result_int(context, plan.values.contains(text) || renameContents(plan.contents, text, text.size()) > 0);
}

void scrubbed(sqlite3_context* context, int, sqlite3_value** values) noexcept {
  std::string text = textOf(values[0]);
  scrubText(planOf(context).values, text);
  renameContents(planOf(context).contents, text, text.size());
  sqlite3_result_text64(context, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

/// A digest of a flow has the same digits as a content that is its text, and stays.
bool namesFlow(std::span<const char> text, std::size_t at) {
  constexpr std::string_view kBefore = "sha256:";
  return at >= kBefore.size() &&
         std::equal(kBefore.begin(), kBefore.end(),
                    text.begin() + static_cast<std::ptrdiff_t>(at - kBefore.size()));
}

/// The functions, for as long as the plan is there.
class Functions {
 public:
  Functions(sqlite::Database& database, const ScrubPlan& plan) noexcept : database_(database) {
    set(&plan, {&foundIn, &breaksBy, &changesIn, &scrubbed});
  }
  ~Functions() noexcept { set(nullptr, {}); }
  Functions(const Functions&) = delete;
  Functions& operator=(const Functions&) = delete;

 private:
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);

  static constexpr std::array<const char*, 4> kNames{"belay_found", "belay_breaks",
                                                     "belay_changes", "belay_scrubbed"};

  void set(const ScrubPlan* plan, const std::array<Function, kNames.size()>& all) noexcept {
    for (std::size_t i = 0; i < all.size(); ++i) {
      // Without the function its statements fail, and say so.
      static_cast<void>(sqlite3_create_function_v2(
          database_.raw(), kNames[i], 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
          const_cast<ScrubPlan*>(plan), all[i], nullptr, nullptr, nullptr));
    }
  }

  sqlite::Database& database_;
};

/// While it lives, SQLite's temporary files stand beside a database: what is in it may be larger
/// than memory, and is nothing for a folder of everybody.
class TempFolder {
 public:
  explicit TempFolder(const std::string& path) noexcept {
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos && slash > 0)
      sqlite3_temp_directory = sqlite3_mprintf("%s", path.substr(0, slash).c_str());
  }
  ~TempFolder() noexcept {
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = nullptr;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
};

/// "f(a) + f(b)" over the columns.
std::string sumOf(const std::vector<std::string>& columns, const char* function) {
  std::string out;
  for (const std::string& column : columns) {
    if (!out.empty()) out += " + ";
    out += std::string(function) + "(" + column + ")";
  }
  return out;
}

}  // namespace

std::size_t renameContents(const ContentNames& names, std::span<char> text, std::size_t until) {
  std::size_t found = 0;
  for (std::size_t at = 0; !names.empty() && at < until;) {
    std::size_t end = at;
    while (end < text.size() && isDigit(text[end])) ++end;
    if (end - at == kDigestDigits && !namesFlow(text, at)) {
      const auto known = names.find(std::string_view(text.data() + at, kDigestDigits));
      if (known != names.end()) {
        std::copy(known->second.begin(), known->second.end(),
                  text.begin() + static_cast<std::ptrdiff_t>(at));
        ++found;
      }
    }
    at = end + 1;
  }
  return found;
}

Result<ScrubReport> JournalScrub::run() {
  BELAY_TRY(session_.outsideTransaction("scrub"));
  const Functions functions(session_.database(), plan_);
  BELAY_ASSIGN(tables_, tables());
  for (const Table& table : tables_) BELAY_TRY(look(table));
  BELAY_TRY(lookAtNames());
  if (!plan_.apply) return std::move(report_);
  if (const Status changed = change(); !changed) {
    session_.rollback();
    return changed.error();
  }
  BELAY_ASSIGN(report_.contents, knownContents());
  BELAY_TRY(wipeFreed());
  return std::move(report_);
}

Result<std::vector<JournalScrub::Table>> JournalScrub::tables() {
  sqlite::Statement names(session_.database(), "list tables",
                          "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name)"
                          " AS c WHERE t.type = 'table' AND c.type = 'TEXT'"
                          " AND t.name NOT GLOB 'sqlite_*' AND t.name NOT GLOB 'search_text*'"
                          " ORDER BY t.name, c.cid");
  sqlite::Execution rows(names);
  std::vector<Table> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    if (found.empty() || found.back().name != rows.text(0)) found.push_back({rows.string(0), {}});
    found.back().columns.push_back(rows.string(1));
  }
}

/// What runs are found by, and go on by.
Status JournalScrub::lookAtNames() {
  sqlite::Statement read(session_.database(), "look for values in names",
                         "SELECT slug FROM runs WHERE belay_found(slug) > 0"
                         " UNION SELECT slug FROM flow_heads WHERE belay_found(slug) > 0"
                         " UNION SELECT step FROM runs WHERE belay_found(step) > 0"
                         " UNION SELECT step FROM waits WHERE belay_found(step) > 0"
                         " UNION SELECT step FROM run_resources WHERE belay_found(step) > 0");
  sqlite::Execution rows(read);
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    ++report_.names;
  }
}

Status JournalScrub::look(const Table& table) {
  const std::string sql = "SELECT count(*), sum(n), kept FROM (SELECT " +
                          sumOf(table.columns, "belay_found") + " AS n, " + keptOf(table.name) +
                          " AS kept FROM " + table.name + ") WHERE n > 0 GROUP BY kept ORDER BY kept";
  sqlite::Statement count(session_.database(), "look for values", sql.c_str());
  sqlite::Execution rows(count);
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    const bool kept = rows.integer(2) != 0;
    report_.places.push_back({table.name, static_cast<std::uint64_t>(rows.integer(0)),
                              static_cast<std::uint64_t>(rows.integer(1)), kept});
    if (!kept) BELAY_TRY(mayBeMasked(table));
  }
}

Status JournalScrub::mayBeMasked(const Table& table) {
  const std::string sql = "SELECT count(*) FROM " + table.name + " WHERE NOT " +
                          keptOf(table.name) + " AND " + sumOf(table.columns, "belay_breaks") + " > 0";
  BELAY_ASSIGN(const std::int64_t broken,
               session_.database().readInteger(sql.c_str(), "look for values"));
  if (broken == 0) return {};
  return Error{ErrorCode::kInvalidArgument,
               "in " + std::to_string(broken) + " rows of " + table.name +
                   " a value is a part of JSON that would be none without it",
               {"belay journal prune", "belay scrub --value-stdin, with the secret part of it"}};
}

Status JournalScrub::change() {
  BELAY_TRY(session_.beginWrite());
  BELAY_TRY(session_.database().setPragma("secure_delete", "ON", "1"));
  BELAY_ASSIGN(const std::vector<std::int64_t> indexed,
               numbers("SELECT number FROM run_resources WHERE indexed = 1 AND"
                       " belay_changes(digest) + belay_changes(name) + belay_changes(step) > 0"));
  BELAY_TRY(changeEvents());
  for (const Table& table : tables_) {
    if (table.name != "events") BELAY_TRY(changeTable(table));
  }
  BELAY_TRY(indexAnew(indexed));
  for (const ScrubPlace& place : report_.places) {
    if (place.kept || place.name == "events") continue;
    ScrubRow row;
    row.place = place.name;
    row.count = static_cast<std::int64_t>(place.found);
    BELAY_TRY(note(std::move(row)));
  }
  for (const ScrubRow& row : plan_.elsewhere) BELAY_TRY(note(row));
  return session_.commit();
}

Result<ContentNames> JournalScrub::knownContents() {
  sqlite::Statement read(session_.database(), "read the ledger of scrubs",
                         "SELECT before, after FROM scrubs WHERE place = 'resource' AND number > 0"
                         " ORDER BY number DESC");
  sqlite::Execution rows(read);
  ContentNames names;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return names;
    // The newest first: what took the place may have been scrubbed later, and is known by then.
    const auto later = names.find(rows.text(1));
    names.emplace(rows.string(0), later == names.end() ? rows.string(1) : later->second);
  }
}

Status JournalScrub::note(ScrubRow row) {
  row.atMs = nowMs_;
  row.by = plan_.by;
  row.secret = plan_.secret;
  return scrubs_.add(row);
}

Result<std::vector<std::int64_t>> JournalScrub::numbers(const std::string& sql) {
  sqlite::Statement statement(session_.database(), "look for values", sql.c_str());
  sqlite::Execution rows(statement);
  std::vector<std::int64_t> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back(rows.integer(0));
  }
}

Status JournalScrub::changeEvents() {
  BELAY_ASSIGN(const std::vector<std::int64_t> places,
               numbers("SELECT place FROM events WHERE belay_changes(body) > 0 ORDER BY place"));
  for (const std::int64_t place : places) BELAY_TRY(changeEvent(place));
  return {};
}

Status JournalScrub::changeEvent(std::int64_t place) {
  ScrubRow row;
  row.place = "event";
  std::string body;
  std::string name;
  std::int64_t atMs = 0;
  Hash previous{};
  {
    sqlite::Statement read(session_.database(), "read event",
                           "SELECT r.id, e.seq, e.hash, e.body, e.at_ms, e.name, p.hash"
                           " FROM events AS e JOIN runs AS r ON r.number = e.run"
                           " LEFT JOIN events AS p ON p.run = e.run AND p.seq = e.seq - 1"
                           " WHERE e.place = ?");
    sqlite::Execution rows(read, place);
    BELAY_ASSIGN(const bool found, rows.next());
    if (!found) return Error{ErrorCode::kJournalCorrupt, "an event has no run"};
    row.run = rows.string(0);
    row.seq = rows.integer(1);
    row.before = base::toHex(rows.blob(2));
    body = rows.string(3);
    previous = runChainStart(row.run);
    if (row.seq != 1 && !copyHash(rows.blob(6), previous))
      return chainBroken(row.run, static_cast<std::uint64_t>(row.seq) - 1, "it is missing");
    atMs = rows.integer(4);
    name = rows.string(5);
  }
  row.count = static_cast<std::int64_t>(scrubText(plan_.values, body).found);
  renameContents(plan_.contents, body, body.size());
  row.after = base::toHex(
      runChainNext(previous, static_cast<std::uint64_t>(row.seq), atMs, name, body));
  sqlite::Statement write(session_.database(), "scrub event",
                          "UPDATE events SET body = ? WHERE place = ?");
  BELAY_TRY(session_.write(write, body, place));
  return note(std::move(row));
}

Status JournalScrub::changeTable(const Table& table) {
  std::string set;
  for (const std::string& column : table.columns) {
    if (!set.empty()) set += ", ";
    set += column + " = belay_scrubbed(" + column + ")";
  }
  const std::string sql = "UPDATE " + table.name + " SET " + set + " WHERE NOT " +
                          keptOf(table.name) + " AND " + sumOf(table.columns, "belay_changes") + " > 0";
  sqlite::Statement update(session_.database(), "scrub", sql.c_str());
  const Status changed = session_.write(update);
  if (changed || changed.error().code != ErrorCode::kConflict) return changed;
  return Error{ErrorCode::kConflict,
               "rows of " + table.name + " differ by a value only: without it they are the same",
               {"remove one of them, such as a key, and run the scrub again"}};
}

/// Their words came from texts that are not there any more: from here on their names find them.
Status JournalScrub::indexAnew(const std::vector<std::int64_t>& resources) {
  sqlite::Statement remove(session_.database(), "take a resource out of the index",
                           "DELETE FROM search_text WHERE rowid = ?");
  sqlite::Statement add(session_.database(), "index resource",
                        "INSERT INTO search_text (rowid, slug, name, body)"
                        " SELECT number, slug, name || ' ' || step, '' FROM run_resources"
                        " WHERE number = ?");
  for (const std::int64_t number : resources) {
    BELAY_TRY(session_.write(remove, number));
    BELAY_TRY(session_.write(add, number));
  }
  // What was taken out stays in its segments until they are merged.
  sqlite::Statement merge(session_.database(), "merge the index",
                          "INSERT INTO search_text (search_text) VALUES ('optimize')");
  return session_.write(merge);
}

Status JournalScrub::wipeFreed() {
  {
    const TempFolder folder(session_.database().path());
    BELAY_TRY(session_.database().exec("PRAGMA temp_store = FILE", "write the journal anew"));
    BELAY_TRY(session_.settle(session_.database().exec("VACUUM", "write the journal anew")));
  }
  BELAY_ASSIGN(const std::int64_t busy,
               session_.database().readInteger("PRAGMA wal_checkpoint(TRUNCATE)", "empty the WAL"));
  if (busy == 0) return {};
  return Error{ErrorCode::kJournalIo, "the WAL of the journal could not be emptied",
               {"run the scrub again"}};
}

}  // namespace belay::journal
