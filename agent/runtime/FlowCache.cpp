#include "agent/runtime/FlowCache.h"

#include <utility>

#include "agent/flow/Validate.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

Result<std::shared_ptr<const LoadedFlow>> prepare(flow::Flow flow) {
  auto loaded = std::make_shared<LoadedFlow>();
  loaded->module.digest = flow.digest;
  loaded->module.functions = flow.functions;
  loaded->module.templates = flow.templates;
  for (const flow::Step& step : flow.steps) {
    BELAY_ASSIGN(json::Value spec,
                 step.spec.empty() ? Result<json::Value>(json::Value()) : json::parse(step.spec));
    loaded->specs.push_back(std::move(spec));
  }
  for (const flow::Step& undo : flow.undos) {
    BELAY_ASSIGN(json::Value spec, json::parse(undo.spec));
    loaded->undos.push_back(std::move(spec));
  }
  if (!flow.output.empty()) {
    BELAY_ASSIGN(loaded->output, json::parse(flow.output));
  }
  if (flow.input) {
    BELAY_ASSIGN(loaded->inputSchema, json::Schema::compile(*flow.input));
  }
  loaded->flow = std::move(flow);
  return std::shared_ptr<const LoadedFlow>(std::move(loaded));
}

}  // namespace

std::shared_ptr<const LoadedFlow> FlowCache::put(flow::Flow flow) {
  const std::string digest = flow.digest;
  if (const auto found = flows_.find(digest); found != flows_.end()) return found->second;
  auto loaded = prepare(std::move(flow));
  // The flow passed validation, which compiles its schema and prints its specs.
  BELAY_CHECK(loaded.ok());
  flows_[digest] = *loaded;
  recent_.push_front(digest);
  if (recent_.size() > most_) {
    flows_.erase(recent_.back());
    recent_.pop_back();
  }
  return *loaded;
}

Result<std::shared_ptr<const LoadedFlow>> FlowCache::get(const std::string& digest) {
  if (const auto found = flows_.find(digest); found != flows_.end()) {
    if (recent_.front() != digest) {
      recent_.remove(digest);
      recent_.push_front(digest);
    }
    return found->second;
  }
  BELAY_ASSIGN(const std::optional<journal::FlowRow> row, journal_.flowByDigest(digest));
  if (!row) return Error{ErrorCode::kNotFound, "flow " + digest + " is not in the journal"};
  auto parsed = flow::storedFlow(row->content, row->slug, row->format);
  if (!parsed) return std::move(parsed).error().in("flow " + digest + " of the journal");
  if (parsed->digest != digest) {
    return Error{ErrorCode::kJournalChainBroken,
                 "flow " + digest + " of the journal has the digest " + parsed->digest};
  }
  return put(std::move(*parsed));
}

}  // namespace belay::runtime
