#include "agent/runtime/RunScope.h"

#include <cstdlib>
#include <utility>

#include "agent/engine/Names.h"
#include "agent/engine/Path.h"
#include "agent/runtime/BlockOutputs.h"
#include "common/base/Units.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using engine::ActiveBlock;
using engine::ChildName;
using script::Name;

namespace {

/// FNV-1a: only has to spread, the seed of the run is random already.
std::uint64_t mix(std::uint64_t seed, std::string_view text) {
  for (const char c : text) seed = (seed ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
  return seed;
}

void writeFailure(json::Writer& out, const engine::Failure& failure) {
  out.beginObject()
      .member("code", failure.code)
      .member("class", flow::failureClassName(failure.kind));
  out.member("message", failure.message);
}

}  // namespace

RunScope::RunScope(LiveRun& run, LargeOutputs& outputs, std::string_view path, std::uint32_t visit,
                   std::int64_t nowMs)
    : live_(run), run_(run.state), flow_(*run.flow), outputs_(outputs), path_(path), nowMs_(nowMs) {
  seed_ = mix(run_.created.seed ^ (std::uint64_t{visit} << 32), path);
}

std::string RunScope::resolve(std::string_view id) const {
  for (std::string_view scope = engine::scopeOf(path_);; scope = engine::scopeOf(scope)) {
    std::string path = engine::pathIn(scope, id);
    const bool isOverlay = overlay_ && overlay_->key.path == path;
    if (isOverlay || run_.done.count(path) != 0 || scope.empty()) return path;
  }
}

template <typename Condition>
std::optional<RunScope::Enclosing> RunScope::enclosing(Condition holds) const {
  for (std::string_view scope = engine::scopeOf(path_); !scope.empty();
       scope = engine::scopeOf(scope)) {
    auto name = engine::childOf(scope);
    const auto block = name ? run_.blocks.find(name->container) : run_.blocks.end();
    if (block != run_.blocks.end() && holds(block->second, *name))
      return Enclosing{&block->second, std::move(*name)};
  }
  return std::nullopt;
}

const std::string* RunScope::item(std::string_view as) const {
  const auto around = enclosing([this, as](const ActiveBlock& block, const ChildName& name) {
    if (block.started.kind != engine::BlockKind::kForEach) return false;
    if (as.empty()) return true;
    const auto step = flow_.flow.indexOf(engine::stepIdOf(name.container));
    return step && flow_.flow.steps[*step].control.as == as;
  });
  if (!around) return nullptr;
  auto items = live_.items.of(*around->block, outputs_);
  if (!items) {
    broken_ = std::move(items).error().in("the items of step " + around->name.container);
    return nullptr;
  }
  const std::size_t number = std::strtoul(around->name.child.c_str(), nullptr, 10);
  return number < (*items)->size() ? &(**items)[number] : nullptr;
}

const std::string* RunScope::named(std::string_view name) const {
  return name.empty() ? nullptr : item(name);
}

std::optional<std::string> RunScope::index() const {
  if (index_) return index_;
  const auto around = enclosing([](const ActiveBlock& block, const ChildName&) {
    return block.started.kind != engine::BlockKind::kParallel;
  });
  return around ? std::optional(around->name.child) : std::nullopt;
}

void RunScope::overlay(const engine::StepFinished& finished) {
  overlay_ = &finished;
  made_ = {};
}

std::string runJson(const engine::RunState& run) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("id", run.id.str()).member("flow", run.created.slug);
  writer.member("digest", run.created.flowDigest).member("source", run.created.source);
  writer.member("started_by", run.created.startedBy);
  writer.member("started_at", base::formatInstant(run.createdAtMs)).endObject();
  return out;
}

std::string RunScope::errorJson() const {
  std::string out;
  json::Writer writer(out);
  const bool now = overlay_ && overlay_->failure;
  writeFailure(writer, now ? *overlay_->failure : run_.lastError->failure);
  writer.member("step", now ? overlay_->key.path : run_.lastError->step).endObject();
  return out;
}

const std::string* RunScope::json(Name name) const {
  const auto made = [this, name](auto make) {
    std::optional<std::string>& slot = made_.at(static_cast<std::size_t>(name));
    if (!slot) slot = make();
    return &*slot;
  };
  switch (name) {
    case Name::kInput:
      return &run_.created.inputJson;
    case Name::kState:
      return overlay_ && !overlay_->stateJson.empty() ? &overlay_->stateJson : &run_.stateJson;
    case Name::kRun:
      return made([this] { return runJson(run_); });
    case Name::kTrigger:
      return run_.created.triggerJson.empty() ? nullptr : &run_.created.triggerJson;
    case Name::kError:
      if (!run_.lastError && !(overlay_ && overlay_->failure)) return nullptr;
      return made([this] { return errorJson(); });
    case Name::kEvent:
      return event_;
    case Name::kItem:
      return item();
    case Name::kIndex: {
      std::optional<std::string>& slot = made_.at(static_cast<std::size_t>(name));
      if (!slot) slot = index();
      return slot ? &*slot : nullptr;
    }
  }
  return nullptr;
}

/// Of a step whose end is not yet recorded: it is still in flight.
base::RunId RunScope::overlayChild() const {
  const engine::ActiveStep* active = run_.findActive(overlay_->key.path);
  return active ? active->started.child : base::RunId();
}

std::optional<std::string> RunScope::step(std::string_view id) const {
  const std::string path = resolve(id);
  const bool isOverlay = overlay_ && overlay_->key.path == path;
  const auto found = run_.done.find(path);
  if (!isOverlay && found == run_.done.end()) return branchOutputs(id);
  const engine::StepKey& key = isOverlay ? overlay_->key : found->second.key;
  const std::string& output = isOverlay ? overlay_->outputJson : found->second.outputJson;
  const std::string& ref = isOverlay ? overlay_->outputRef : found->second.outputRef;
  const auto& failure = isOverlay ? overlay_->failure : found->second.failure;
  const engine::StepOutcome outcome = isOverlay ? overlay_->outcome : found->second.outcome;

  std::string out;
  out.reserve(output.size() + 64);  // Read so often that growing it shows.
  json::Writer writer(out);
  writer.beginObject().member("status", engine::outcomeName(outcome));
  writer.member("visit", static_cast<std::int64_t>(key.visit));
  const base::RunId child = isOverlay ? overlayChild() : found->second.child;
  if (!child.empty()) writer.member("run", child.str());
  if (!output.empty()) writer.rawMember("output", output);
  if (!ref.empty()) {
    auto text = outputs_.load(ref);
    if (text)
      writer.rawMember("output", *text);
    else
      broken_ = std::move(text).error().in("the output of step " + std::string(id));
  }
  if (failure) {
    writer.name("error");
    writeFailure(writer, *failure);
    writer.endObject();
  }
  writer.endObject();
  return out;
}

// To the steps of finalize, the parallel around them looks as if it had ended.
std::optional<std::string> RunScope::branchOutputs(std::string_view id) const {
  const auto around = enclosing([id](const ActiveBlock&, const ChildName& name) {
    return name.child == engine::kFinalize && engine::stepIdOf(name.container) == id;
  });
  if (!around) return std::nullopt;
  const ActiveBlock& block = *around->block;
  auto outputs = gatherOutputs(block, outputs_);
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("status", block.failure ? "failed" : "succeeded");
  if (outputs)
    writer.rawMember("output", *outputs);
  else
    broken_ = std::move(outputs).error().in("the output of step " + std::string(id));
  if (block.failure) {
    writer.name("error");
    writeFailure(writer, *block.failure);
    writer.member("step", block.failedStep).endObject();
  }
  writer.endObject();
  return out;
}

std::vector<std::string> RunScope::stepIds() const {
  std::vector<std::string> ids;
  for (const flow::Step& step : flow_.flow.steps) {
    const std::string path = resolve(step.id.str());
    const bool isOverlay = overlay_ && overlay_->key.path == path;
    if (isOverlay || run_.done.count(path) != 0) ids.push_back(step.id.str());
  }
  return ids;
}

}  // namespace belay::runtime
