#include "agent/flow/Builder.h"

#include <utility>

#include "agent/flow/Concurrency.h"
#include "agent/flow/Expressions.h"
#include "agent/flow/Family.h"
#include "agent/flow/Nested.h"
#include "common/base/Check.h"
#include "common/base/Units.h"
#include "common/crypto/Sha256.h"
#include "common/json/Json.h"

namespace belay::flow {

namespace {

using json::Value;

/// An identifier that has been checked.
template <typename Id>
Id idOf(const std::string& text) {
  auto id = Id::parse(text);
  BELAY_CHECK(id.ok());
  return std::move(*id);
}

std::optional<std::string> textOf(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  if (!value || !value->isString()) return std::nullopt;
  return value->asString();
}

void readDuration(const Value& object, std::string_view name, std::chrono::milliseconds& out) {
  if (const auto text = textOf(object, name)) out = *base::parseDuration(*text);
}

void readNumber(const Value& object, std::string_view name, double& out) {
  if (const Value* value = object.find(name)) out = value->asNumber();
}

/// Key by key: what is not said stays as it was.
void readBackoff(const Value& backoff, Backoff& out) {
  readDuration(backoff, "initial", out.initial);
  readDuration(backoff, "max", out.max);
  readNumber(backoff, "factor", out.factor);
  readNumber(backoff, "jitter", out.jitter);
}

/// Key by key: what is not said stays as it was.
void readRetry(const Value* value, Retry& retry) {
  if (!value) return;
  retry.maxAttempts = static_cast<std::uint32_t>(value->integer("max_attempts", retry.maxAttempts));
  if (const Value* backoff = value->find("backoff")) readBackoff(*backoff, retry.backoff);
  if (const Value* on = value->find("on")) {
    retry.on.clear();
    for (const Value& name : on->asArray()) retry.on.push_back(*failureClassFrom(name.asString()));
  }
}

/// `when`, as the expression without its braces.
std::optional<std::string> expressionOf(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  if (!value) return std::nullopt;
  if (value->isBool()) return value->asBool() ? "true" : "false";
  return soleExpression(value->asString());
}

OnError onErrorOf(const Value& step) {
  const std::string text = step.text("on_error", "fail");
  if (text == "fail") return {OnError::Kind::kFail, {}};
  if (text == "skip") return {OnError::Kind::kSkip, {}};
  return {OnError::Kind::kStep, idOf<base::StepId>(text)};
}

/// Said more of than when, what is kept is meant to be kept.
void setPersist(const Value& step, Step& out) {
  const Value* persist = step.find("persist");
  const bool more = persist && persist->isObject();
  const std::string text = more ? persist->text("when", "always") : step.text("persist", "auto");
  out.persist = text == "always"  ? Persist::kAlways
                : text == "never" ? Persist::kNever
                                  : Persist::kAuto;
  if (!more) return;
  const std::string keep = persist->text("keep", "run");
  out.keeping.keep = keep == "retained"    ? Keep::kRetained
                     : keep == "ephemeral" ? Keep::kEphemeral
                                           : Keep::kRun;
  out.keeping.fileName = persist->text("filename");
  out.keeping.contentType = persist->text("content_type");
  out.keeping.index = persist->flag("index");
}

EffectClass effectOf(const Value& step, const FamilyRow& row) {
  if (const auto named = textOf(step, "effect")) return *effectClassFrom(*named);
  if (row.family == Family::kDb)
    return step.find("db")->flag("write") ? EffectClass::kOnce : EffectClass::kIdempotent;
  if (row.family != Family::kHttp) return row.effect;
  const std::string method = step.find("http")->text("method", "GET");
  return method == "POST" || method == "PATCH" ? EffectClass::kOnce : EffectClass::kIdempotent;
}

WaitOptions waitOf(const Value& spec) {
  WaitOptions wait;
  if (spec.find("handoff")) {
    wait.kind = WaitKind::kCallback;
    wait.failOnReject = true;
  } else if (spec.find("approval"))
    wait.kind = WaitKind::kApproval;
  else if (spec.find("callback"))
    wait.kind = WaitKind::kCallback;
  else if (spec.find("event"))
    wait.kind = WaitKind::kEvent;
  if (wait.kind == WaitKind::kTime) return wait;
  const bool approval = wait.kind == WaitKind::kApproval;
  const std::string onTimeout = spec.text("on_timeout", approval ? "reject" : "fail");
  wait.onTimeout = onTimeout == "reject"     ? OnTimeout::kReject
                   : onTimeout == "continue" ? OnTimeout::kContinue
                                             : OnTimeout::kFail;
  wait.timeout = spec.text("timeout", kApprovalTimeout);
  wait.failOnReject |= spec.text("on_reject") == "fail";
  if (const Value* event = spec.find("event"))
    wait.match = expressionOf(*event, "match").value_or("");
  return wait;
}

/// Nothing where the step has none.
std::optional<Review> reviewOf(const Value& step) {
  const Value* value = step.find("review");
  if (!value) return std::nullopt;
  Value spec = value->isObject() ? *value : Value(json::Object{});
  Review review;
  review.timeout = spec.text("timeout", kApprovalTimeout);
  if (spec.text("on_timeout") == "fail") review.onTimeout = OnTimeout::kFail;
  spec.erase("timeout");
  spec.erase("on_timeout");
  review.spec = json::print(spec);
  return review;
}

std::optional<base::RateLimit> rateLimitOf(const Value& object) {
  const Value* value = object.find("rate_limit");
  if (!value) return std::nullopt;
  return base::RateLimit{static_cast<std::uint32_t>(value->integer("max")),
                         *base::parseDuration(value->text("per"))};
}

struct Defaults {
  std::optional<std::string> timeout;
  Retry retry;
};

const FamilyRow& familyOf(const Value& step) {
  for (const json::Member& member : step.asObject()) {
    if (const FamilyRow* row = findFamily(member.first)) return *row;
  }
  BELAY_CHECK(false);
  return familyTable().front();
}

/// The handle that a step uses and those that it falls back to, in order, each with its name.
Value handlesOf(const std::string& use, const AgentHandles& handles) {
  std::vector<std::string> names{use};
  if (const Value* fallback = handles.at(use).find("fallback")) {
    for (const Value& name : fallback->asArray()) names.push_back(name.asString());
  }
  json::Array out;
  for (const std::string& name : names) {
    Value handle = handles.at(name);
    handle.erase("fallback");
    out.push_back(std::move(handle.set("name", name)));
  }
  return Value(std::move(out));
}

/// The spec as it can be rendered when the step is entered: with the text of a template in place of
/// its name, the handles of an agent, and without the expression that is evaluated when an event
/// comes.
Value renderable(Value spec, Family family, const Flow& flow) {
  const auto name = family == Family::kNotify ? textOf(spec, "template") : std::nullopt;
  if (name) {
    spec.set("text", flow.templates.at(*name));
    spec.erase("template");
  }
  if (const Value* html = family == Family::kNotify ? spec.find("html") : nullptr) {
    if (const auto used = textOf(*html, "template")) spec.set("html", flow.templates.at(*used));
  }
  for (const char* key : {"prompt", "system"}) {
    if (family != Family::kAgent && family != Family::kLlm) break;
    const Value* text = spec.find(key);
    const auto prompt = text ? textOf(*text, "template") : std::nullopt;
    if (prompt) spec.set(key, flow.templates.at(*prompt));
  }
  if (family == Family::kAgent) spec.set("agents", handlesOf(spec.text("use"), flow.agents));
  if (const Value* handoff = family == Family::kWait ? spec.find("handoff") : nullptr) {
    // To all but the routes of tasks it is a callback.
    Value callback = *handoff;
    spec.set("callback", std::move(callback.set("handoff", true)));
    spec.erase("handoff");
  }
  Value* event = family == Family::kWait ? spec.find("event") : nullptr;
  if (event) event->erase("match");
  return spec;
}

Step buildStep(const Value& value, const Defaults& defaults, const Flow& flow) {
  const FamilyRow& row = familyOf(value);
  const Value& spec = *value.find(row.key.name);
  Step step;
  step.id = idOf<base::StepId>(value.text("id"));
  step.title = value.text("title");
  step.family = row.family;
  step.when = expressionOf(value, "when");
  if (row.options & kTakesTimeout) {
    step.timeout = textOf(value, "timeout");
    if (!step.timeout)
      step.timeout = defaults.timeout ? *defaults.timeout : std::string(row.timeout);
  }
  if (row.options & kTakesRetry) {
    // Another attempt of a child flow is all of that flow again: only the step itself asks for it.
    if (row.options & kTakesEffect) step.retry = defaults.retry;
    readRetry(value.find("retry"), step.retry);
  }
  step.review = reviewOf(value);
  step.rateLimit = rateLimitOf(value);
  step.onError = onErrorOf(value);
  setPersist(value, step);
  step.effect = effectOf(value, row);
  step.next = textOf(value, "next");
  step.maxVisits = static_cast<std::uint32_t>(value.integer("max_visits", step.maxVisits));
  if (row.family == Family::kWait) step.wait = waitOf(spec);
  if (row.family == Family::kSwitch) {
    for (const Value& option : spec.asArray())
      step.cases.push_back({expressionOf(option, "when"), option.text("next")});
  } else if (row.family == Family::kForEach) {
    step.spec = json::print(*spec.find("items"));
  } else if (row.family != Family::kParallel && row.family != Family::kLoop) {
    step.spec = json::print(renderable(spec, row.family, flow));
  }
  return step;
}

Control controlOf(const Value& spec, Family family) {
  Control control;
  control.failFast = spec.text(family == Family::kParallel ? "on_branch_error" : "on_item_error",
                               "fail_fast") == "fail_fast";
  control.maxParallel = static_cast<std::uint32_t>(spec.integer("max_parallel", 1));
  control.as = spec.text("as");
  control.whileHolds = expressionOf(spec, "while");
  control.untilHolds = expressionOf(spec, "until");
  control.maxRounds = static_cast<std::uint32_t>(spec.integer("max", 0));
  control.failAtMax = spec.text("on_max", "fail") == "fail";
  control.interval = textOf(spec, "interval");
  if (const Value* backoff = spec.find("backoff")) readBackoff(*backoff, control.backoff.emplace());
  return control;
}

bool holdsSteps(Family family) {
  return family == Family::kParallel || family == Family::kForEach || family == Family::kLoop;
}

/// Builds lists of steps into a flow.
class Lists {
 public:
  Lists(Flow& flow, const Defaults& defaults) : flow_(flow), defaults_(defaults) {}

  std::size_t add(const Value& list, Block block) {
    const std::size_t number = flow_.blocks.size();
    flow_.blocks.push_back(std::move(block));
    for (const Value& value : list.asArray()) {
      const std::size_t index = flow_.steps.size();
      flow_.blocks[number].steps.push_back(index);
      flow_.steps.push_back(buildStep(value, defaults_, flow_));
      flow_.steps[index].block = number;
      if (const Value* given = value.find("compensate")) {
        Value undo = *given;
        undo.set("id", value.text("id"));
        flow_.steps[index].undo = flow_.undos.size();
        flow_.undos.push_back(buildStep(undo, defaults_, flow_));
      }
      if (holdsSteps(flow_.steps[index].family)) within(value, index);
    }
    return number;
  }

 private:
  void within(const Value& value, std::size_t index) {
    const Family family = flow_.steps[index].family;
    Control control = controlOf(*value.find(familyRow(family).key.name), family);
    for (const NestedList& nested : nestedLists(value)) {
      const std::size_t number = add(*nested.steps, {std::string(nested.name), index, {}});
      if (nested.finalize)
        control.finalize = number;
      else
        control.blocks.push_back(number);
    }
    flow_.steps[index].control = std::move(control);
  }

  Flow& flow_;
  const Defaults& defaults_;
};

std::map<std::string, std::string> textsOf(const Value& root, std::string_view name) {
  std::map<std::string, std::string> out;
  const Value* map = root.find(name);
  if (!map) return out;
  for (const json::Member& member : map->asObject())
    out.emplace(member.first, member.second.asString());
  return out;
}

Defaults defaultsOf(const Value& root) {
  Defaults defaults;
  if (const Value* given = root.find("defaults")) {
    defaults.timeout = textOf(*given, "timeout");
    readRetry(given->find("retry"), defaults.retry);
  }
  return defaults;
}

/// All but the steps.
Flow buildHead(const Value& root, std::string_view text) {
  Flow flow;
  flow.slug = idOf<base::Slug>(root.text("slug"));
  flow.name = root.text("name");
  flow.description = root.text("description");
  if (const Value* tags = root.find("tags")) {
    for (const Value& tag : tags->asArray()) flow.tags.push_back(tag.asString());
  }
  if (const Value* input = root.find("input")) flow.input = *input;
  if (const Value* state = root.find("state")) flow.state = json::print(*state);
  if (const Value* output = root.find("output")) flow.output = json::print(*output);
  flow.templates = textsOf(root, "templates");
  flow.functions = textsOf(root, "functions");
  if (const Value* requirements = root.find("requires")) {
    for (const Value& entry : requirements->asArray())
      flow.requirements.push_back({entry.text("name"), entry.text("type")});
  }
  if (const Value* agents = root.find("agents")) {
    for (const json::Member& member : agents->asObject()) flow.agents.insert(member);
  }
  flow.concurrency = concurrencyOf(root);
  flow.onNewRelease = onNewReleaseOf(root);
  flow.triggers = buildTriggers(root);
  flow.rateLimit = rateLimitOf(root);
  flow.digest = "sha256:" + crypto::sha256(text).hex();
  return flow;
}

}  // namespace

Flow buildFlow(const Value& root, std::string_view text) {
  Flow flow = buildHead(root, text);
  const Defaults defaults = defaultsOf(root);
  Lists lists(flow, defaults);
  static_cast<void>(lists.add(*root.find("steps"), {}));
  if (const Value* last = root.find("on_failure")) flow.onFailure = lists.add(*last, {});
  return flow;
}

Flow buildCodeFlow(const Value& metadata, std::string_view text, std::string_view source) {
  Flow flow = buildHead(metadata, text);
  flow.code = Code{std::string(source), metadata};
  return flow;
}

Step buildStep(const Value& step, const Flow& flow, const Value& root) {
  return buildStep(step, defaultsOf(root), flow);
}

}  // namespace belay::flow
