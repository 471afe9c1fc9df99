#include "agent/rehearsal/StageWorld.h"

#include <algorithm>

#include "agent/engine/Path.h"
#include "agent/flow/Family.h"
#include "agent/steps/Outputs.h"
#include "common/base/Check.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::rehearsal {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

/// What a job wrote is an object in a run's record; whoever writes a test writes the text.
std::string asRecorded(flow::Family family, const std::string& outputJson) {
  if (!flow::runsAsJob(family)) return outputJson;
  auto output = json::parse(outputJson);
  if (!output || !output->isObject()) return outputJson;
  for (const char* name : {"stdout", "stderr", "text"}) {
    Value* text = output->find(name);
    if (!text || !text->isString()) continue;
    Value whole;
    whole.set("text", text->asString()).set("truncated", false).set("ref", Value());
    *text = std::move(whole);
  }
  return json::print(*output);
}

}  // namespace

void StageRandom::fill(std::span<std::uint8_t> out) {
  // SplitMix64.
  for (std::uint8_t& byte : out) {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    byte = static_cast<std::uint8_t>(z ^ (z >> 31));
  }
}

Result<journal::ResourceRow> StageOutputs::store(std::string_view content,
                                                 std::string_view mediaType,
                                                 std::string_view name) {
  journal::ResourceRow row;
  row.digest = crypto::sha256(content).hex();
  row.ref = "res://sha256/" + row.digest;
  row.size = content.size();
  row.mediaType = mediaType;
  row.name = name;
  contents_[row.ref] = content;
  return row;
}

Result<std::string> StageOutputs::load(std::string_view ref) {
  const auto found = contents_.find(ref);
  return found != contents_.end() ? Result<std::string>(found->second) : load_(ref);
}

Result<std::string> StageOutputs::head(std::string_view ref, std::size_t bytesMax) {
  BELAY_ASSIGN(const std::string content, load(ref));
  return steps::Outputs::toUtf8(std::string_view(content).substr(0, bytesMax));
}

std::string Answers::nameOf(std::string_view flow, const std::string& path) const {
  return flow == slug_ ? path : std::string(flow) + ":" + path;
}

std::optional<Given> Answers::next(std::string_view flow, const std::string& path) {
  const std::string whole = nameOf(flow, path);
  auto found = scenario_.given.find(whole);
  if (found == scenario_.given.end())
    found = scenario_.given.find(nameOf(flow, std::string(engine::stepIdOf(path))));
  if (found == scenario_.given.end()) return std::nullopt;
  used_[found->first] = true;
  const std::size_t number = given_[whole]++;
  return found->second[std::min(number, found->second.size() - 1)];
}

void Answers::miss(std::string_view flow, const std::string& path) {
  if (missed_.empty()) missed_ = nameOf(flow, path);
}

std::vector<std::string> Answers::unused() const {
  std::vector<std::string> out;
  for (const auto& [name, answers] : scenario_.given) {
    if (!used_.contains(name)) out.push_back(name);
  }
  return out;
}

Result<trust::RenderedEffect> StagePerformer::describe(const runtime::Attempt& attempt) const {
  // The policy of a host says what is done there; here nothing is done.
  trust::RunEffect run;
  run.executable = "/bin/true";
  run.argv = {"true"};
  run.cwd = "/";
  run.profile = "bare";
  return trust::RenderedEffect{"run", attempt.slug, attempt.key.path, std::move(run)};
}

void StagePerformer::start(const runtime::Attempt& attempt) {
  const std::optional<Given> given = answers_.next(attempt.slug, attempt.key.path);
  if (!end(attempt.run, attempt.key, attempt.family, given))
    return answers_.miss(attempt.slug, attempt.key.path);
  if (attempt.family != flow::Family::kAgent) return;
  // So that a later step can go on with its session.
  const auto rendered = json::parse(attempt.renderedJson);
  Value session;
  session.set("id", "rehearsal");
  Value ledger;
  ledger.set("use", rendered ? rendered->text("use") : "").set("session", std::move(session));
  pending_.back().result.ledgerJson = json::print(ledger);
}

bool StagePerformer::end(const base::RunId& run, const engine::StepKey& key, flow::Family family,
                         const std::optional<Given>& given) {
  const bool fits =
      given && (given->kind == Given::Kind::kOutput || given->kind == Given::Kind::kFailure ||
                given->kind == Given::Kind::kUnknown);
  if (!fits) return false;
  runtime::StepResult result;
  result.durationMs = given->takes.count();
  if (given->kind == Given::Kind::kFailure) {
    result.ok = false;
    result.failure = given->failure;
  } else if (given->kind == Given::Kind::kUnknown) {
    result.ambiguous = true;
    result.reason = "the test says that it is not known";
  } else {
    result.outputJson = asRecorded(family, given->json);
  }
  pending_.push_back(
      {clock_.sinceBoot().count() + given->takes.count(), run, key, std::move(result)});
  return true;
}

void StagePerformer::cancel(const base::RunId& run, const engine::StepKey& key) {
  std::erase_if(pending_,
                [&](const Pending& one) { return one.run == run && one.key.path == key.path; });
}

void StagePerformer::deliver() {
  const std::int64_t now = clock_.sinceBoot().count();
  std::vector<Pending> later;
  for (Pending& one : std::exchange(pending_, {})) {
    if (one.dueMs <= now)
      sink_(one.run, one.key, std::move(one.result));
    else
      later.push_back(std::move(one));
  }
  pending_ = std::move(later);
}

std::optional<std::int64_t> StagePerformer::nextDueMs() const {
  const auto next =
      std::min_element(pending_.begin(), pending_.end(),
                       [](const Pending& a, const Pending& b) { return a.dueMs < b.dueMs; });
  return next == pending_.end() ? std::nullopt : std::optional(next->dueMs);
}

std::optional<base::RunId> StageChildren::begin(const engine::RunState& above,
                                                const engine::StepStarted& step,
                                                const std::string& slug) {
  const std::string& flow = above.created.slug;
  const std::optional<Given> given = answers_.next(flow, step.key.path);
  if (!given && flows_.contains(slug)) return std::nullopt;
  // No run is ambiguous: it is there, or it is not.
  const bool known = given && given->kind != Given::Kind::kUnknown;
  if (!known || !performer_.end(above.id, step.key, flow::Family::kFlow, given))
    answers_.miss(flow, step.key.path);
  if (given && !given->child.empty()) return given->child;
  auto id = base::RunId::parse("r" + base::makeSortableId(clock_.wallMs(), random_));
  BELAY_CHECK(id.ok());
  return std::move(*id);
}

Result<runtime::InlineOutcome> StageEmit::perform(const runtime::InlineContext& context) {
  BELAY_ASSIGN(const script::Evaluated rendered,
               context.evaluator.renderValue(context.module, context.spec, context.scope));
  BELAY_ASSIGN(const Value spec, json::parse(rendered.json));
  const Value* body = spec.find("body");
  BELAY_ASSIGN(const runtime::Emitted emitted,
               waits_->emit(spec.text("event"), body ? json::print(*body) : "null",
                            "run:" + context.run.id.str()));
  return runtime::InlineOutcome{
      "{\"answered\":" + std::to_string(emitted.answered) + ",\"runs\":[]}", {}};
}

Result<runtime::InlineOutcome> StageInline::perform(const runtime::InlineContext& context) {
  const auto given = answers_.next(context.run.created.slug, context.key.path);
  if (!given) return real_.perform(context);
  if (given->kind == Given::Kind::kOutput) return runtime::InlineOutcome{given->json, {}};
  return Error{ErrorCode::kStepFailed, given->failure.message};
}

}  // namespace belay::rehearsal
