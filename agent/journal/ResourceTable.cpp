#include "agent/journal/ResourceTable.h"

#define BELAY_RESOURCE_QUERY                                                         \
  "SELECT s.ref, s.digest, r.id, s.step, s.name, s.media_type, s.size, s.created_ms" \
  " FROM run_resources AS s JOIN runs AS r ON r.number = s.run "

namespace belay::journal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

Result<ResourceRow> readRow(const sqlite::Execution& rows) {
  auto run = base::RunId::parse(rows.text(2));
  if (!run.ok()) {
    return Error{ErrorCode::kJournalCorrupt,
                 "the run of resource " + rows.string(0) + " is damaged"};
  }
  return ResourceRow{rows.string(0),
                     rows.string(1),
                     std::move(run).value(),
                     rows.string(3),
                     rows.string(4),
                     rows.string(5),
                     static_cast<std::uint64_t>(rows.integer(6)),
                     rows.integer(7)};
}

}  // namespace

ResourceTable::ResourceTable(Session& session)
    : session_(session),
      insert_(
          session.database(), "add resource",
          "INSERT INTO run_resources (ref, digest, run, step, name, media_type, size, created_ms)"
          " SELECT ?, ?, number, ?,?,?,?,? FROM runs WHERE id = ?"),
      find_(session.database(), "find resource", BELAY_RESOURCE_QUERY "WHERE s.ref = ? LIMIT 1"),
      all_(session.database(), "list resources",
           BELAY_RESOURCE_QUERY "ORDER BY s.number DESC LIMIT ?"),
      ofRun_(session.database(), "list resources of a run",
             BELAY_RESOURCE_QUERY
             "WHERE s.run = (SELECT number FROM runs WHERE id = ?)"
             " ORDER BY s.number DESC LIMIT ?"),
      referenced_(session.database(), "find resource by digest",
                  "SELECT 1 FROM run_resources WHERE digest = ? LIMIT 1") {}

Status ResourceTable::add(const ResourceRow& row) {
  BELAY_TRY(session_.write(insert_, row.ref, row.digest, row.step, row.name, row.mediaType,
                           row.size, row.createdMs, row.run.str()));
  if (session_.database().changes() == 1) return {};
  return Error{ErrorCode::kRunNotFound, "there is no run " + row.run.str()};
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
  std::vector<ResourceRow> found;
  const auto collect = [&found](sqlite::Execution& rows) -> Status {
    while (true) {
      BELAY_ASSIGN(const bool more, rows.next());
      if (!more) return {};
      BELAY_ASSIGN(ResourceRow row, readRow(rows));
      found.push_back(std::move(row));
    }
  };
  if (filter.run.empty()) {
    sqlite::Execution rows(all_, filter.most);
    BELAY_TRY(collect(rows));
  } else {
    sqlite::Execution rows(ofRun_, filter.run, filter.most);
    BELAY_TRY(collect(rows));
  }
  return found;
}

Result<bool> ResourceTable::isReferenced(std::string_view digest) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(referenced_, digest);
  return rows.next();
}

}  // namespace belay::journal
