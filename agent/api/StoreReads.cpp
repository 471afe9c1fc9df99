#include <array>
#include <utility>

#include "agent/api/Reads.h"
#include "agent/journal/ResourceTable.h"
#include "agent/steps/SearchStep.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Digest.h"
#include "common/json/Json.h"

// Reads of what runs leave behind: keys and values, resources, and the journal itself.

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr std::size_t kEntriesMost = 1000;

Result<Value> kvToJson(const journal::KvRow& row) {
  Value out;
  out.set("space", row.space).set("key", row.key);
  BELAY_ASSIGN(Value value, json::parse(row.valueJson));
  out.set("value", std::move(value));
  if (row.expiresMs != 0) out.set("expires_at", base::formatInstant(row.expiresMs));
  out.set("updated_at", base::formatInstant(row.updatedMs));
  return out;
}

Value resourceToJson(const journal::ResourceRow& row) {
  Value out;
  out.set("ref", row.ref).set("digest", row.digest).set("size", row.size);
  out.set("name", row.name).set("media_type", row.mediaType);
  out.set("run", row.run.str()).set("step", row.step);
  out.set("created_at", base::formatInstant(row.createdMs));
  constexpr std::array<std::string_view, 3> kKeeps{"run", "retained", "ephemeral"};
  out.set("flow", row.slug).set("keep", kKeeps.at(static_cast<std::size_t>(row.keep)));
  out.set("indexed", row.indexed);
  return out;
}

}  // namespace

Result<Value> readKvList(ReadContext& context, const ReadArguments& arguments) {
  BELAY_ASSIGN(const std::size_t most, arguments.limit(100, kEntriesMost));
  BELAY_ASSIGN(std::vector<journal::KvRow> rows,
               context.journal.kvList(arguments.param("space"), arguments.text("prefix"),
                                      context.nowMs, most + 1));
  const bool more = rows.size() > most;
  if (more) rows.resize(most);
  json::Array entries;
  for (const journal::KvRow& row : rows) {
    BELAY_ASSIGN(Value entry, kvToJson(row));
    entries.push_back(std::move(entry));
  }
  Value out;
  out.set("space", arguments.param("space")).set("entries", std::move(entries)).set("more", more);
  return out;
}

Result<Value> readKv(ReadContext& context, const ReadArguments& arguments) {
  const std::string& space = arguments.param("space");
  // Not part of the path: a key may hold a slash.
  const std::string key = arguments.text("key");
  BELAY_ASSIGN(const std::optional<journal::KvRow> row,
               context.journal.kv(space, key, context.nowMs));
  if (!row) {
    return Error{ErrorCode::kNotFound,
                 "there is no key \"" + base::visible(key) + "\" in the space \"" +
                     base::visible(space) + "\"",
                 {"belay kv list --space " + base::visible(space)}};
  }
  BELAY_ASSIGN(Value entry, kvToJson(*row));
  Value out;
  out.set("entry", std::move(entry));
  return out;
}

Result<Value> readResources(ReadContext& context, const ReadArguments& arguments) {
  journal::ResourceFilter filter;
  if (const std::string* run = arguments.query("run")) {
    BELAY_ASSIGN(const base::RunId id, findRun(context.journal, *run));
    filter.run = id.str();
  }
  filter.slug = arguments.text("flow");
  filter.largestFirst = arguments.flag("largest");
  BELAY_ASSIGN(const std::size_t most, arguments.limit(100, kEntriesMost));
  filter.most = most + 1;
  BELAY_ASSIGN(std::vector<journal::ResourceRow> rows, context.journal.resources(filter));
  const bool more = rows.size() > most;
  if (more) rows.resize(most);
  json::Array resources;
  for (const journal::ResourceRow& row : rows) resources.push_back(resourceToJson(row));
  Value out;
  out.set("resources", std::move(resources)).set("more", more);
  return out;
}

Result<Value> readResource(ReadContext& context, const ReadArguments& arguments) {
  const std::string ref = "res://sha256/" + arguments.param("digest");
  BELAY_ASSIGN(const std::optional<journal::ResourceRow> row, context.journal.resource(ref));
  if (!row) {
    return Error{ErrorCode::kResourceNotFound,
                 "there is no resource " + base::visible(ref),
                 {"belay resource list"}};
  }
  Value out;
  out.set("resource", resourceToJson(*row));
  return out;
}

Result<Value> readResourceUsage(ReadContext& context, const ReadArguments&) {
  BELAY_ASSIGN(const std::vector<journal::ResourceUsage> usages,
               context.journal.resourceTable().usages());
  json::Array flows;
  for (const journal::ResourceUsage& usage : usages) {
    Value one;
    one.set("flow", usage.slug).set("resources", usage.resources).set("bytes", usage.bytes);
    flows.push_back(std::move(one));
  }
  Value out;
  out.set("flows", std::move(flows));
  return out;
}

Result<Value> readSearch(ReadContext& context, const ReadArguments& arguments) {
  steps::SearchOptions options;
  options.query = arguments.text("query");
  options.slug = arguments.text("flow");
  if (const std::string targets = arguments.text("targets"); !targets.empty()) {
    options.targets.clear();
    for (const std::string_view target : base::split(targets, ',')) options.targets.emplace_back(target);
  }
  BELAY_ASSIGN(options.limit, arguments.limit(20, 100));
  BELAY_ASSIGN(json::Array hits, steps::search({context.journal, nullptr, nullptr}, options));
  Value out;
  out.set("hits", std::move(hits));
  return out;
}

Result<Value> readJournalStats(ReadContext& context, const ReadArguments&) {
  BELAY_ASSIGN(const journal::JournalStats stats, context.journal.stats());
  Value out;
  out.set("file_bytes", stats.fileBytes).set("wal_bytes", stats.walBytes);
  out.set("pages", stats.pages).set("free_pages", stats.freePages);
  out.set("runs", stats.runs).set("events", stats.events).set("open_waits", stats.openWaits);
  out.set("timers", stats.timers).set("kv", stats.kv).set("resources", stats.resources);
  out.set("commits", stats.commits).set("schema_version", stats.schemaVersion);
  out.set("full_mode", context.journal.fullMode());
  Value data;
  data.set("journal", std::move(out));
  return data;
}

}  // namespace belay::api
