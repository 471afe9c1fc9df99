#include "agent/steps/SearchStep.h"

#include <algorithm>
#include <utility>

#include "agent/engine/Names.h"
#include "agent/journal/ResourceTable.h"
#include "agent/steps/Fields.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::steps {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::size_t kRunsLookedAt = 2'000;
constexpr std::size_t kHydrateBytes = 16u << 10;

class Searcher {
 public:
  Searcher(const SearchWorld& world, const SearchOptions& options, const SearchQuery& query)
      : world_(world), options_(options), query_(query) {}

  Status resources(json::Array& hits) const {
    journal::ResourceSearch search;
    search.match = query_.fts(options_.slug);
    search.slug = options_.slug;
    search.most = options_.limit;
    BELAY_ASSIGN(const std::vector<journal::ResourceRow> rows,
                 world_.journal.resourceTable().search(search));
    for (const journal::ResourceRow& row : rows) {
      Value hit;
      hit.set("target", "resource").set("ref", row.ref).set("name", row.name);
      hit.set("media_type", row.mediaType).set("size", row.size).set("flow", row.slug);
      hit.set("run", row.run.str()).set("step", row.step);
      hit.set("created_at", base::formatInstant(row.createdMs));
      if (options_.hydrate && world_.outputs) {
        // What is gone from the disk is a hit without its text.
        if (auto text = world_.outputs->head(row.ref, kHydrateBytes)) hit.set("text", *text);
      }
      hits.push_back(std::move(hit));
    }
    return {};
  }

  Status flows(json::Array& hits) const {
    BELAY_ASSIGN(const std::vector<journal::FlowHeadRow> heads, world_.journal.flowHeads());
    std::size_t found = 0;
    for (const journal::FlowHeadRow& head : heads) {
      if (found >= options_.limit) break;
      if (!options_.slug.empty() && head.slug != options_.slug) continue;
      BELAY_ASSIGN(const std::optional<journal::FlowRow> flow,
                   world_.journal.flowByDigest(head.draftDigest));
      if (!query_.matches(head.slug + "\n" + (flow ? flow->content : ""))) continue;
      Value hit;
      hit.set("target", "flow").set("flow", head.slug);
      hits.push_back(std::move(hit));
      ++found;
    }
    return {};
  }

  Status runs(json::Array& hits) const {
    journal::RunFilter filter;
    filter.slug = options_.slug;
    filter.most = kRunsLookedAt;
    BELAY_ASSIGN(const std::vector<journal::RunRow> rows, world_.journal.runs(filter));
    std::size_t found = 0;
    for (const journal::RunRow& row : rows) {
      if (found >= options_.limit) break;
      const std::string status(engine::runStatusName(row.status));
      std::string all = row.id.str();
      for (const std::string* part : {&row.slug, &status, &row.step, &row.errorCode,
                                      &row.errorMessage, &row.startedBy})
        all += "\n" + *part;
      if (!query_.matches(all)) continue;
      Value hit;
      hit.set("target", "run").set("run", row.id.str()).set("flow", row.slug);
      hit.set("status", status).set("step", row.step).set("error", row.errorMessage);
      hit.set("created_at", base::formatInstant(row.createdMs));
      hits.push_back(std::move(hit));
      ++found;
    }
    return {};
  }

  Status connections(json::Array& hits) const {
    std::size_t found = 0;
    if (!world_.connections) return {};
    for (const vault::ConnectionPtr& connection : world_.connections->all()) {
      if (found >= options_.limit) break;
      const std::string& name = connection->name;
      const std::string type(connection->type());
      if (!query_.matches(name + "\n" + type)) continue;
      Value hit;
      hit.set("target", "connection").set("name", name).set("type", type);
      hits.push_back(std::move(hit));
      ++found;
    }
    return {};
  }

 private:
  const SearchWorld& world_;
  const SearchOptions& options_;
  const SearchQuery& query_;
};

}  // namespace

Result<json::Array> search(const SearchWorld& world, const SearchOptions& options) {
  BELAY_ASSIGN(const SearchQuery query, SearchQuery::parse(options.query));
  const Searcher searcher(world, options, query);
  json::Array hits;
  for (const std::string& target : options.targets) {
    if (target == "resources") {
      BELAY_TRY(searcher.resources(hits));
    } else if (target == "flows") {
      BELAY_TRY(searcher.flows(hits));
    } else if (target == "runs") {
      BELAY_TRY(searcher.runs(hits));
    } else if (target == "connections") {
      BELAY_TRY(searcher.connections(hits));
    } else {
      return Error{ErrorCode::kSearchQuery,
                   "targets are resources, flows, runs and connections, not " + target};
    }
  }
  return hits;
}

Result<runtime::InlineOutcome> SearchStep::perform(const runtime::InlineContext& context) {
  BELAY_ASSIGN(const script::Evaluated rendered,
               context.evaluator.renderValue(context.module, context.spec, context.scope));
  BELAY_ASSIGN(const Value spec, json::parse(rendered.json));
  const Fields fields(spec, context.key.path);
  SearchOptions options;
  BELAY_ASSIGN(options.query, fields.text("query"));
  if (fields.has("targets")) {
    BELAY_ASSIGN(options.targets, fields.texts("targets"));
  }
  BELAY_ASSIGN(const std::int64_t limit, fields.integer("limit", 10));
  if (limit < 1 || limit > 100) return fields.wrong("limit", "must be from 1 to 100");
  options.limit = static_cast<std::size_t>(limit);
  BELAY_ASSIGN(options.hydrate, fields.flag("hydrate", false));
  BELAY_ASSIGN(const std::string scope, fields.text("scope", "flow"));
  const std::string& slug = context.run.created.slug;
  if (scope == "host") {
    BELAY_TRY(policy_.checkHostSearch(slug).status());
  } else {
    options.slug = slug;
    if (std::count(options.targets.begin(), options.targets.end(), "connections") > 0)
      return fields.wrong("targets", "has connections, which are of the host: scope: host");
  }
  BELAY_ASSIGN(json::Array hits, search({context.journal, connections_, outputs_}, options));
  Value out;
  out.set("hits", std::move(hits));
  return runtime::InlineOutcome{json::print(out), {}};
}

}  // namespace belay::steps
