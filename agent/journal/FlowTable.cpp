#include "agent/journal/FlowTable.h"

namespace belay::journal {

using base::Result;
using base::Status;

namespace {

FlowHeadRow readHead(const sqlite::Execution& rows) {
  return {rows.string(0), rows.string(1), rows.integer(2)};
}

}  // namespace

FlowTable::FlowTable(Session& session)
    : session_(session),
      put_(session.database(), "put flow",
           "INSERT INTO flows (digest, slug, format, content, created_ms) VALUES (?,?,?,?,?)"
           " ON CONFLICT (digest) DO NOTHING"),
      setDraft_(session.database(), "set draft",
                "INSERT OR REPLACE INTO flow_heads (slug, draft_digest, updated_ms)"
                " VALUES (?,?,?)"),
      bind_(session.database(), "bind connection",
            "INSERT OR REPLACE INTO bindings (slug, name, connection) VALUES (?,?,?)"),
      byDigest_(session.database(), "find flow",
                "SELECT digest, slug, format, content, created_ms FROM flows WHERE digest = ?"),
      head_(session.database(), "find flow",
            "SELECT slug, draft_digest, updated_ms FROM flow_heads WHERE slug = ?"),
      heads_(session.database(), "list flows",
             "SELECT slug, draft_digest, updated_ms FROM flow_heads ORDER BY slug"),
      runs_(session.database(), "count runs", "SELECT count(*) FROM runs WHERE slug = ?"),
      bindings_(session.database(), "list bindings",
                "SELECT name, connection FROM bindings WHERE slug = ? ORDER BY name") {}

Status FlowTable::put(const FlowRow& row) {
  return session_.write(put_, row.digest, row.slug, row.format, row.content, row.createdMs);
}

Status FlowTable::setDraft(std::string_view slug, std::string_view digest, std::int64_t atMs) {
  return session_.write(setDraft_, slug, digest, atMs);
}

Status FlowTable::bind(std::string_view slug, std::string_view name, std::string_view connection) {
  return session_.write(bind_, slug, name, connection);
}

Result<std::optional<FlowRow>> FlowTable::byDigest(std::string_view digest) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(byDigest_, digest);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<FlowRow>{};
  return std::optional<FlowRow>{
      FlowRow{rows.string(0), rows.string(1), rows.string(2), rows.string(3), rows.integer(4)}};
}

Result<std::optional<FlowHeadRow>> FlowTable::head(std::string_view slug) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(head_, slug);
  BELAY_ASSIGN(const bool found, rows.next());
  if (!found) return std::optional<FlowHeadRow>{};
  return std::optional<FlowHeadRow>{readHead(rows)};
}

Result<std::vector<FlowHeadRow>> FlowTable::heads() {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(heads_);
  std::vector<FlowHeadRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back(readHead(rows));
  }
}

Result<std::uint64_t> FlowTable::runsOf(std::string_view slug) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(runs_, slug);
  BELAY_ASSIGN(const bool found, rows.next());
  return found ? static_cast<std::uint64_t>(rows.integer(0)) : 0;
}

Result<std::vector<BindingRow>> FlowTable::bindings(std::string_view slug) {
  BELAY_TRY(session_.usable());
  sqlite::Execution rows(bindings_, slug);
  std::vector<BindingRow> found;
  while (true) {
    BELAY_ASSIGN(const bool more, rows.next());
    if (!more) return found;
    found.push_back({rows.string(0), rows.string(1)});
  }
}

}  // namespace belay::journal
