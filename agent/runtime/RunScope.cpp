#include "agent/runtime/RunScope.h"

#include "agent/engine/Names.h"
#include "common/base/Units.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using script::Name;

namespace {

/// FNV-1a: only has to spread, the seed of the run is random already.
std::uint64_t mix(std::uint64_t seed, std::string_view text) {
  for (const char c : text) seed = (seed ^ static_cast<std::uint8_t>(c)) * 1099511628211ULL;
  return seed;
}

void writeFailure(json::Writer& out, const engine::Failure& failure) {
  out.beginObject().member("code", failure.code).member("class", flow::failureClassName(failure.kind));
  out.member("message", failure.message);
}

}  // namespace

RunScope::RunScope(const engine::RunState& run, const LoadedFlow& flow, LargeOutputs& outputs, std::string_view path,
                   std::uint32_t visit, std::int64_t nowMs)
    : run_(run), flow_(flow), outputs_(outputs), nowMs_(nowMs) {
  seed_ = mix(run.created.seed ^ (std::uint64_t{visit} << 32), path);
}

void RunScope::overlay(const engine::StepFinished& finished) {
  overlay_ = &finished;
  made_ = {};
}

std::string RunScope::runJson() const {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("id", run_.id.str()).member("flow", run_.created.slug);
  writer.member("digest", run_.created.flowDigest).member("source", run_.created.source);
  writer.member("started_by", run_.created.startedBy);
  writer.member("started_at", base::formatInstant(run_.createdAtMs)).endObject();
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
    case Name::kInput: return &run_.created.inputJson;
    case Name::kState: return overlay_ && !overlay_->stateJson.empty() ? &overlay_->stateJson : &run_.stateJson;
    case Name::kRun: return made([this] { return runJson(); });
    case Name::kTrigger: return run_.created.triggerJson.empty() ? nullptr : &run_.created.triggerJson;
    case Name::kError:
      if (!run_.lastError && !(overlay_ && overlay_->failure)) return nullptr;
      return made([this] { return errorJson(); });
    case Name::kEvent: return event_;
    case Name::kItem:
    case Name::kIndex: return nullptr;
  }
  return nullptr;
}

std::optional<std::string> RunScope::step(std::string_view id) const {
  const bool isOverlay = overlay_ && overlay_->key.path == id;
  const auto found = run_.done.find(std::string(id));
  if (!isOverlay && found == run_.done.end()) return std::nullopt;
  const engine::StepKey& key = isOverlay ? overlay_->key : found->second.key;
  const std::string& output = isOverlay ? overlay_->outputJson : found->second.outputJson;
  const std::string& ref = isOverlay ? overlay_->outputRef : found->second.outputRef;
  const auto& failure = isOverlay ? overlay_->failure : found->second.failure;
  const engine::StepOutcome outcome = isOverlay ? overlay_->outcome : found->second.outcome;

  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("status", engine::outcomeName(outcome));
  writer.member("visit", static_cast<std::int64_t>(key.visit));
  if (!output.empty()) writer.rawMember("output", output);
  if (!ref.empty()) {
    // A resource that cannot be read leaves the output undefined; the expression that needs it then fails by name.
    if (const auto text = outputs_.load(ref)) writer.rawMember("output", *text);
  }
  if (failure) {
    writer.name("error");
    writeFailure(writer, *failure);
    writer.endObject();
  }
  writer.endObject();
  return out;
}

std::vector<std::string> RunScope::stepIds() const {
  std::vector<std::string> ids;
  for (const flow::Step& step : flow_.flow.steps) {
    const bool isOverlay = overlay_ && overlay_->key.path == step.id.str();
    if (isOverlay || run_.done.count(step.id.str()) != 0) ids.push_back(step.id.str());
  }
  return ids;
}

}  // namespace belay::runtime
