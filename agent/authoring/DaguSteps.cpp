#include <algorithm>

#include "agent/authoring/DaguParts.h"
#include "agent/authoring/FlowGraph.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::authoring {

using flow::Node;
using json::Value;

namespace {

/// Of a repeat policy, whose condition is one of its own keys.
bool isPolicy(std::string_view key) {
  return key == "repeat" || key == "limit" || key == "interval_sec" || key == "exit_code" ||
         key == "backoff" || key == "max_interval_sec";
}

}  // namespace

std::string DaguSteps::uniqueId(std::string_view wanted) {
  const std::string start = identifierFrom(wanted);
  std::string id = start;
  for (int i = 2; !ids_.insert(id).second; ++i) id = start + "-" + std::to_string(i);
  return id;
}

void DaguSteps::declareOutput(const Node& step) {
  const auto output = step.value.isObject() ? step.find("output") : std::nullopt;
  if (!output || !output->value.isString()) return;
  std::string name = output->value.asString();
  if (name.starts_with("$")) name.erase(0, 1);
  outputs_.insert(name);
  variables_.put(name, "${{ " + memberOf("state", name) + " }}");
}

Value DaguSteps::script(const Node& node, const std::string& text,
                        const std::map<std::string, std::string>& own) {
  Value run;
  run.set("script", variables_.forShell(node, text));
  Value env = variables_.environment(text, own);
  if (!env.asObject().empty()) run.set("env", std::move(env));
  if (!defaults_.shell.empty()) {
    json::Array shell;
    for (const std::string& word : defaults_.shell) shell.emplace_back(word);
    run.set("shell", std::move(shell));
  }
  if (!defaults_.cwd.empty()) run.set("cwd", defaults_.cwd);
  return run;
}

std::string DaguSteps::condition(const Node& node, const std::string& id, json::Array& steps) {
  std::string text, expected;
  bool negate = false;
  if (node.value.isObject()) {
    for (std::size_t i = 0; i < node.size(); ++i) {
      const Node member = node.child(i);
      const std::string key = snakeName(member.name);
      if (key == "condition")
        text = scalarText(member.value).value_or("");
      else if (key == "expected")
        expected = scalarText(member.value).value_or("");
      else if (key == "negate")
        negate = member.value == Value(true);
      else if (!isPolicy(key))
        notes_.dropped(member, "this part of a condition has no counterpart");
    }
  } else {
    text = scalarText(node.value).value_or("");
  }
  const bool quoted = text.size() > 2 && text.front() == '`' && text.back() == '`';
  std::string left;
  if (quoted || expected.empty()) {
    const std::string check = uniqueId(id + "-check");
    const std::string command = quoted ? text.substr(1, text.size() - 2) : text;
    Value step;
    step.set("id", check).set("run", script(node, command, {}));
    step.set("effect", "idempotent").set("on_error", "skip");
    steps.push_back(std::move(step));
    const std::string output = memberOf("steps", check) + "?.output";
    left = expected.empty() ? output + "?.exit_code === 0"
                            : "String(" + output + "?.stdout ?? \"\").trim()";
  } else {
    left = templateText(variables_.expand(node, inBackticks(text)));
  }
  if (!expected.empty()) {
    left =
        expected.starts_with("re:")
            ? "new RegExp(" + scriptText("^(" + expected.substr(3) + ")$") + ").test(" + left + ")"
            : left + " === " + scriptText(expected);
  }
  return negate ? "!(" + left + ")" : left;
}

std::string DaguSteps::allOf(const Node& conditions, const std::string& id, json::Array& steps) {
  std::string all;
  const auto one = [&](const Node& node) {
    all += (all.empty() ? "" : " && ") + condition(node, id, steps);
  };
  if (conditions.value.isArray()) {
    for (std::size_t i = 0; i < conditions.size(); ++i) one(conditions.child(i));
  } else {
    one(conditions);
  }
  return all;
}

void DaguSteps::guard(const Node& conditions, const std::string& id, const std::string& next,
                      json::Array& steps) {
  const std::string all = allOf(conditions, id, steps);
  if (all.empty()) return;
  guards_ = true;
  if (inBranch_) {
    notes_.changed(conditions,
                   "where this does not hold only the branch ends, and what waits for it goes on");
  }
  Value holds, otherwise;
  holds.set("when", "${{ " + all + " }}").set("next", next);
  otherwise.set("next", "end");
  Value step;
  step.set("id", uniqueId(id + "-if"));
  step.set("switch", json::Array{std::move(holds), std::move(otherwise)});
  steps.push_back(std::move(step));
}

void DaguSteps::retry(const Node& node, Parts& parts) {
  Value backoff;
  backoff.set("factor", 1).set("jitter", 0);
  Value retry;
  for (std::size_t i = 0; node.value.isObject() && i < node.size(); ++i) {
    const Node member = node.child(i);
    const std::string key = snakeName(member.name);
    const auto number = wholeNumber(member.value);
    if (key == "limit" && number)
      retry.set("max_attempts", std::clamp<std::int64_t>(*number + 1, 1, 100));
    else if (key == "interval_sec" && number)
      backoff.set("initial", std::to_string(std::max<std::int64_t>(*number, 1)) + "s");
    else if (key == "max_interval_sec" && number)
      backoff.set("max", std::to_string(std::max<std::int64_t>(*number, 1)) + "s");
    else if (key == "backoff" && (member.value.isNumber() || member.value.isBool()))
      backoff.set("factor",
                  member.value.isNumber() ? member.value : Value(member.value.asBool() ? 2 : 1));
    else
      notes_.dropped(member, "retry has no counterpart of this");
  }
  if (!retry.find("max_attempts")) return notes_.dropped(node, "the retry says no limit");
  const std::string initial = backoff.text("initial");
  if (!initial.empty() && !backoff.find("max"))
    backoff.set("max", initial.size() > 5 ? initial : "1h");
  retry.set("backoff", std::move(backoff));
  parts.retry = std::move(retry);
  notes_.changed(node,
                 "effect: idempotent was set, since Dagu makes a failed attempt again whatever it "
                 "did: make sure that twice does no harm");
}

void DaguSteps::continueOn(const Node& node, Parts& parts) {
  const auto word = [&](const Node& one, const std::string& text) {
    if (text == "failed" || text == "failure")
      parts.goesOn = true;
    else if (text == "skipped")
      parts.goesOnSkipped = true;
    else
      notes_.dropped(one, "on_error has no counterpart of this");
  };
  if (!node.value.isObject()) {
    for (const std::string& text : listTexts(node.value)) word(node, text);
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const Node member = node.child(i);
    const std::string key = snakeName(member.name);
    if (key == "exit_code") {
      parts.okCodes = listTexts(member.value);
      notes_.changed(member, "these exit codes are a success here (ok_exit_codes)");
    } else if ((key == "failure" || key == "failed" || key == "skipped") && member.value.isBool()) {
      if (member.value.asBool()) word(member, key);
    } else {
      notes_.dropped(member, "on_error has no counterpart of this");
    }
  }
}

/// The keys that say how a step is run; those that say what it does are left to work().
void DaguSteps::common(const Node& node, Parts& parts) {
  static constexpr std::string_view kElsewhere[] = {
      "id",     "depends", "output", "preconditions", "precondition", "repeat_policy", "command",
      "script", "run",     "shell",  "executor",      "type",         "config",        "action",
      "with",   "call",    "params", "cmd",           "approval",     "args",          "parallel"};
  for (std::size_t i = 0; i < node.size(); ++i) {
    const Node member = node.child(i);
    const std::string key = snakeName(member.name);
    const auto text = scalarText(member.value);
    if (key == "name" || key == "description") {
      // Dagu's ids are wider than Belay's: what was changed stays visible as title.
      if (text && (key == "description" || *text != parts.id) && !text->empty())
        parts.step.set("title", oneLine(*text, 60));
    } else if (key == "env") {
      for (const DaguPair& pair : pairsOf(member, notes_))
        parts.env[pair.name] = variables_.expand(member, pair.value);
    } else if (key == "dir" || key == "working_dir") {
      parts.cwd = variables_.expand(member, text.value_or(""));
    } else if (key == "timeout_sec" && wholeNumber(member.value)) {
      parts.timeout = std::to_string(*wholeNumber(member.value)) + "s";
    } else if (key == "retry_policy") {
      retry(member, parts);
    } else if (key == "continue_on") {
      continueOn(member, parts);
    } else if (std::find(std::begin(kElsewhere), std::end(kElsewhere), key) ==
               std::end(kElsewhere)) {
      notes_.dropped(member, "steps have no counterpart of " + base::visible(member.name));
    }
  }
}

json::Array DaguSteps::translate(const Node& node, const std::string& id) {
  Parts parts;
  parts.id = id;
  if (node.value.isString()) {
    parts.family = "run";
    parts.step.set("run", script(node, node.value.asString(), {}));
  } else {
    common(node, parts);
    work(node, parts);
  }
  Value step;
  step.set("id", id);
  for (json::Member& member : parts.step.asObject())
    step.set(member.first, std::move(member.second));
  finish(node, parts, step);
  json::Array out;
  const auto output = node.value.isObject() ? node.find("output") : std::nullopt;
  Value keep;
  if (output && output->value.isString() && parts.family == "run")
    keep = keptOutput(output->value.asString(), id);
  else if (output)
    notes_.dropped(*output,
                   "this output is not taken over: use " + memberOf("steps", id) + ".output");
  const auto repeat = memberAt(node, "repeat_policy", "repeatPolicy");
  if (repeat) {
    const std::string round = uniqueId(id + "-round");
    step.set("id", round);
    json::Array inner{std::move(step)};
    if (!keep.isNull()) inner.push_back(keptOutput(output->value.asString(), round));
    keep = Value();
    step = repeated(*repeat, parts, std::move(inner));
  }
  const auto conditions = memberAt(node, "preconditions", "precondition");
  if (conditions && parts.goesOnSkipped)
    step.set("when", "${{ " + allOf(*conditions, id, out) + " }}");
  else if (conditions)
    guard(*conditions, id, id, out);
  out.push_back(std::move(step));
  if (!keep.isNull()) out.push_back(std::move(keep));
  for (Value& after : parts.after) out.push_back(std::move(after));
  return out;
}

std::optional<Node> DaguSteps::memberAt(const Node& node, std::string_view name,
                                        std::string_view other) {
  if (!node.value.isObject()) return std::nullopt;
  auto found = node.find(name);
  return found ? found : node.find(other);
}

Value DaguSteps::keptOutput(std::string name, const std::string& id) {
  if (name.starts_with("$")) name.erase(0, 1);
  Value set;
  set.set(name, "${{ String(" + memberOf("steps", id) + "?.output?.stdout ?? \"\").trim() }}");
  Value keep;
  keep.set("id", uniqueId(id + "-output")).set("set", std::move(set));
  return keep;
}

/// Puts the options in that the family takes; says which it does not take.
void DaguSteps::finish(const Node& node, Parts& parts, Value& step) {
  const bool effectful = parts.family == "run" || parts.family == "http";
  const bool retries = effectful || parts.family == "flow";
  if (effectful && !parts.timeout.empty()) step.set("timeout", parts.timeout);
  if (retries && !parts.retry.isNull()) step.set("retry", parts.retry);
  if (effectful && !parts.retry.isNull()) step.set("effect", "idempotent");
  if (!effectful && !parts.timeout.empty()) notes_.dropped(node, "this step takes no timeout");
  if (!retries && !parts.retry.isNull()) notes_.dropped(node, "this step takes no retry");
  if (!parts.shell && (!parts.env.empty() || !parts.cwd.empty() || !parts.okCodes.empty()))
    notes_.dropped(node, "environment, folder and exit codes mean nothing to this kind of step");
  if (parts.goesOn) step.set("on_error", "skip");
}

Value DaguSteps::repeated(const Node& policy, Parts& parts, json::Array inner) {
  bool whileHolds = true;
  std::string holds;
  Value loop;
  loop.set("max", 100'000);
  const auto mode = policy.find("repeat");
  if (mode && mode->value == Value("until")) whileHolds = false;
  const std::string last = memberOf("steps", inner.front().text("id")) + "?.output";
  for (std::size_t i = 0; i < policy.size(); ++i) {
    const Node member = policy.child(i);
    const std::string key = snakeName(member.name);
    const auto number = wholeNumber(member.value);
    if (key == "limit" && number) {
      loop.set("max", std::clamp<std::int64_t>(*number, 1, 100'000));
    } else if (key == "interval_sec" && number) {
      loop.set("interval", std::to_string(*number) + "s");
    } else if (key == "exit_code") {
      std::string codes;
      for (const std::string& code : listTexts(member.value))
        codes += (codes.empty() ? "" : ", ") + code;
      holds = "[" + codes + "].includes(" + last + "?.exit_code)";
      json::Array good{Value(0)};
      for (const std::string& code : listTexts(member.value)) {
        const auto one = base::parseUnsigned(code);
        if (one && *one > 0 && *one < 256) good.emplace_back(*one);
      }
      if (Value* run = inner.front().find("run")) run->set("ok_exit_codes", std::move(good));
    } else if (key == "condition") {
      holds = condition(policy, parts.id, inner);
    } else if (key != "repeat" && key != "expected") {
      notes_.dropped(member, "a loop has no counterpart of this");
    }
  }
  if (holds.empty()) {
    holds = whileHolds ? "true" : "false";
    notes_.changed(policy,
                   "the step is repeated up to the limit, 100000 times where there is none");
  }
  loop.set("on_max", "continue");
  loop.set("until", "${{ " + (whileHolds ? "!(" + holds + ")" : holds) + " }}");
  loop.set("steps", std::move(inner));
  Value out;
  out.set("id", parts.id).set("loop", std::move(loop));
  return out;
}

}  // namespace belay::authoring
