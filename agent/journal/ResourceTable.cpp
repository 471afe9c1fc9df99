#include "agent/journal/ResourceTable.h"

#define BELAY_RESOURCE_COLUMNS                                                              \
  "s.ref, s.digest, r.id, s.step, s.name, s.media_type, s.size, s.created_ms, s.slug,"      \
  " s.keep, s.indexed, s.number"
#define BELAY_RESOURCE_QUERY     \
  "SELECT " BELAY_RESOURCE_COLUMNS \
  " FROM run_resources AS s LEFT JOIN runs AS r ON r.number = s.run "
#define BELAY_LEAVING "SELECT s.number, s.digest, s.slug, s.size, s.indexed FROM run_resources AS s "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// To weigh words, all texts that have them would be looked at, and the loop would stand still.
constexpr std::int64_t kLookedAt = 1'000;

Result<ResourceRow> readRow(const sqlite::Execution& rows) {
  ResourceRow row{rows.string(0),
                  rows.string(1),
                  {},
                  rows.string(3),
                  rows.string(4),
                  rows.string(5),
                  static_cast<std::uint64_t>(rows.integer(6)),
                  rows.integer(7)};
  row.slug = rows.string(8);
  row.keep = static_cast<flow::Keep>(rows.integer(9));
  row.indexed = rows.integer(10) != 0;
  row.number = rows.integer(11);
  if (rows.isNull(2)) return row;  // Its run is gone.
  auto run = base::RunId::parse(rows.text(2));
  if (!run.ok()) {
    return Error{ErrorCode::kJournalCorrupt,
                 "the run of resource " + rows.string(0) + " is damaged"};
  }
  row.run = std::move(run).value();
  return row;
}

Result<std::vector<ResourceRow>> readRows(sqlite::Execution& rows) {
  std::vector<ResourceRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    BELAY_ASSIGN(ResourceRow row, readRow(rows));
    found.push_back(std::move(row));
  }
}

}  // namespace

struct ResourceTable::Leaving {
  std::int64_t number = 0;
  std::string digest;
  std::string slug;
  std::int64_t size = 0;
  bool indexed = false;

  static Result<std::vector<Leaving>> read(sqlite::Execution& rows) {
    std::vector<Leaving> found;
    while (true) {
      BELAY_ASSIGN(const bool more, rows.next());
      if (!more) return found;
      found.push_back({rows.integer(0), rows.string(1), rows.string(2), rows.integer(3),
                       rows.integer(4) != 0});
    }
  }
};

ResourceTable::ResourceTable(Session& session)
    : session_(session),
      insert_(session.database(), "add resource",
              "INSERT INTO run_resources (ref, digest, run, step, name, media_type, size,"
              " created_ms, slug, keep, indexed)"
              " SELECT ?, ?, number, ?,?,?,?,?, slug, ?, ? FROM runs WHERE id = ?"),
      countUse_(session.database(), "count resource",
                "INSERT INTO resource_usage (slug, bytes, resources) VALUES (?1, ?2, ?3)"
                " ON CONFLICT (slug) DO UPDATE SET bytes = bytes + ?2, resources = resources + ?3"),
      index_(session.database(), "index resource",
             "INSERT INTO search_text (rowid, slug, name, body)"
             " SELECT number, slug, name || ' ' || step, ? FROM run_resources WHERE number = ?"),
      find_(session.database(), "find resource",
            BELAY_RESOURCE_QUERY "WHERE s.ref = ? ORDER BY s.number DESC LIMIT 1"),
      all_(session.database(), "list resources",
           BELAY_RESOURCE_QUERY "WHERE (?1 = '' OR s.slug = ?1) ORDER BY s.number DESC LIMIT ?2"),
      largest_(session.database(), "list largest resources",
               BELAY_RESOURCE_QUERY
               "WHERE (?1 = '' OR s.slug = ?1) ORDER BY s.size DESC, s.number DESC LIMIT ?2"),
      ofRun_(session.database(), "list resources of a run",
             BELAY_RESOURCE_QUERY
             "WHERE s.run = (SELECT number FROM runs WHERE id = ?)"
             " ORDER BY s.number DESC LIMIT ?"),
      referenced_(session.database(), "find resource by digest",
                  "SELECT 1 FROM run_resources WHERE digest = ? LIMIT 1"),
      usedBy_(session.database(), "find run of resource",
              "SELECT r.id FROM run_resources AS s JOIN runs AS r ON r.number = s.run"
              " WHERE s.ref = ? AND r.status NOT BETWEEN 5 AND 8 LIMIT 1"),
      usage_(session.database(), "read use of resources",
             "SELECT slug, bytes, resources FROM resource_usage WHERE slug = ?"),
      usages_(session.database(), "list use of resources",
              "SELECT slug, bytes, resources FROM resource_usage WHERE resources > 0"
              " ORDER BY bytes DESC LIMIT 1000"),
      search_(session.database(), "search resources",
              "SELECT " BELAY_RESOURCE_COLUMNS
              " FROM (SELECT rowid AS n FROM search_text WHERE search_text MATCH ?1"
              " ORDER BY rowid DESC LIMIT ?4) AS f"
              " JOIN run_resources AS s ON s.number = f.n LEFT JOIN runs AS r ON r.number = s.run"
              " WHERE (?2 = '' OR s.slug = ?2) ORDER BY s.number DESC LIMIT ?3"),
      rowsOfRef_(session.database(), "read rows of a resource", BELAY_LEAVING "WHERE s.ref = ?"),
      rowsOfRun_(session.database(), "read resources of a run",
                 BELAY_LEAVING "WHERE s.run = ? AND s.keep <> 1"),
      expired_(session.database(), "find expired resources",
               BELAY_LEAVING
               "LEFT JOIN runs AS r ON r.number = s.run WHERE s.keep > 0 AND CASE s.keep"
               " WHEN 2 THEN coalesce(r.finished_ms > 0 AND r.finished_ms < ?1, 1)"
               " ELSE s.run = 0 AND s.created_ms < ?2 END LIMIT ?3"),
      part_(session.database(), "part resources from their run",
            "UPDATE run_resources SET run = 0 WHERE run = ?"),
      remove_(session.database(), "remove resource", "DELETE FROM run_resources WHERE number = ?"),
      unindex_(session.database(), "take a resource out of the index",
               "DELETE FROM search_text WHERE rowid = ?") {}

Status ResourceTable::add(const ResourceRow& row) {
  const bool indexed = !row.indexText.empty();
  BELAY_TRY(session_.write(insert_, row.ref, row.digest, row.step, row.name, row.mediaType,
                           row.size, row.createdMs, static_cast<int>(row.keep), indexed,
                           row.run.str()));
  if (session_.database().changes() != 1)
    return Error{ErrorCode::kRunNotFound, "there is no run " + row.run.str()};
  const std::int64_t number = session_.database().lastInsertId();
  if (indexed) BELAY_TRY(session_.write(index_, row.indexText, number));
  BELAY_ASSIGN(const std::optional<ResourceRow> added, find(row.ref));
  return session_.write(countUse_, added ? added->slug : std::string(), row.size, 1);
}

Result<std::optional<ResourceRow>> ResourceTable::find(std::string_view ref) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(find_, ref);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<ResourceRow>{};
  BELAY_ASSIGN(ResourceRow row, readRow(rows));
  return std::optional<ResourceRow>{std::move(row)};
}

Result<std::vector<ResourceRow>> ResourceTable::list(const ResourceFilter& filter) {
  BELAY_TRY(session_.usable());
  if (!filter.run.empty()) {
    sqlite::Execution rows(ofRun_, filter.run, filter.most);
    return readRows(rows);
  }
  sqlite::Execution rows(filter.largestFirst ? largest_ : all_, filter.slug, filter.most);
  return readRows(rows);
}

Result<bool> ResourceTable::isReferenced(std::string_view digest) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(referenced_, digest);
  return rows.next();
}

Result<std::string> ResourceTable::usedBy(std::string_view ref) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(usedBy_, ref);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? rows.string(0) : std::string();
}

Result<ResourceUsage> ResourceTable::usage(std::string_view slug) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(usage_, slug);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return ResourceUsage{std::string(slug), 0, 0};
  return ResourceUsage{rows.string(0), static_cast<std::uint64_t>(rows.integer(1)),
                       static_cast<std::uint64_t>(rows.integer(2))};
}

Result<std::vector<ResourceUsage>> ResourceTable::usages() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(usages_);
  std::vector<ResourceUsage> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back({rows.string(0), static_cast<std::uint64_t>(rows.integer(1)),
                     static_cast<std::uint64_t>(rows.integer(2))});
  }
}

Result<std::vector<ResourceRow>> ResourceTable::search(const ResourceSearch& search) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(search_, search.match, search.slug, search.most, kLookedAt);
  return readRows(rows);
}

Status ResourceTable::removeRows(std::vector<Leaving> rows, ResourcesRemoved& removed) {
  for (Leaving& row : rows) {
    BELAY_TRY(session_.write(remove_, row.number));
    if (row.indexed) BELAY_TRY(session_.write(unindex_, row.number));
    BELAY_TRY(session_.write(countUse_, row.slug, -row.size, -1));
    ++removed.resources;
    removed.bytes += static_cast<std::uint64_t>(row.size);
    removed.digests.push_back(std::move(row.digest));
  }
  return {};
}

Status ResourceTable::remove(std::string_view ref, ResourcesRemoved& removed) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(rowsOfRef_, ref);
  BELAY_ASSIGN(std::vector<Leaving> leaving, Leaving::read(rows));
  return removeRows(std::move(leaving), removed);
}

Status ResourceTable::removeOfRun(std::int64_t run, ResourcesRemoved& removed) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(rowsOfRun_, run);
  BELAY_ASSIGN(std::vector<Leaving> leaving, Leaving::read(rows));
  BELAY_TRY(removeRows(std::move(leaving), removed));
  return session_.write(part_, run);
}

Status ResourceTable::expire(std::int64_t endedBeforeMs, std::int64_t madeBeforeMs,
                             std::size_t most, ResourcesRemoved& removed) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(expired_, endedBeforeMs, madeBeforeMs, most);
  BELAY_ASSIGN(std::vector<Leaving> leaving, Leaving::read(rows));
  return removeRows(std::move(leaving), removed);
}

}  // namespace belay::journal
