#include "agent/flow/StepRules.h"

#include <algorithm>
#include <array>
#include <vector>

#include "agent/flow/AgentRules.h"
#include "agent/flow/Nested.h"
#include "agent/script/Template.h"

namespace belay::flow {

using base::ErrorCode;

namespace {

/// All keys that a step may have.
std::vector<std::string_view> knownStepKeys() {
  std::vector<std::string_view> out;
  for (const KeyRow& key : stepKeys()) out.push_back(key.name);
  for (const FamilyRow& row : familyTable()) out.push_back(row.key.name);
  return out;
}

const KeyRow* findStepKey(std::string_view name) {
  const auto keys = stepKeys();
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const KeyRow& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::string textOf(const Node& node, std::string_view name) {
  const json::Value* value = node.value.find(name);
  return value && value->isString() ? value->asString() : std::string();
}

bool has(const Node& node, std::string_view name) { return node.value.find(name) != nullptr; }

constexpr std::array<std::string_view, 3> kReservedIds{"end", "fail", "skip"};

}  // namespace

void StepRules::check(const Node& steps) {
  if (!steps.value.isArray()) return;
  const auto list = names_.listAt.find(&steps.value);
  if (list == names_.listAt.end()) {
    report_.error(
        ErrorCode::kFlowBadValue, steps,
        "lists of steps stand more than " + std::to_string(kNestingMax) + " deep in each other",
        "make a flow of its own of the inner ones");
    return;
  }
  for (std::size_t i = 0; i < steps.size() && !report_.full(); ++i) {
    expressions_.standIn(list->second);
    step(steps.child(i));
  }
  expressions_.standIn(0);
}

void StepRules::step(const Node& step) {
  if (!shapes_.isObject(step, "a step")) return;
  own(step);
  forEachNestedList(step, [this](const Node& list) { check(list); });
}

void StepRules::own(const Node& step) {
  for (std::size_t i = 0; i < step.size() && !report_.full(); ++i) {
    const Node member = step.child(i);
    if (const KeyRow* key = findStepKey(member.name))
      shapes_.value(member, *key);
    else if (const FamilyRow* row = findFamily(member.name))
      familyKeys(step, member, *row);
    else
      shapes_.unknownKey(member, "a step", knownStepKeys(), {});
  }
  shapes_.required(step, stepKeys(), "a step");
  id(step);
  const FamilyRow* row = family(step);
  if (!row || report_.full()) return;
  options(step, *row);
  sameList(step);
  rulesOf(*step.find(row->key.name), row->family);
  compensate(step, *row);
}

void StepRules::compensate(const Node& step, const FamilyRow& row) {
  const auto undo = step.find("compensate");
  if (!undo || !undo->value.isObject()) return;
  option(step, row, kTakesNext, "compensate", "a switch has no effect");
  const std::size_t list = names_.listOf[names_.stepAt.at(&step.value)];
  if (names_.isOnFailure(list)) {
    report_.errorAtName(ErrorCode::kFlowBadValue, *undo,
                        "compensate means nothing in on_failure, which runs after all of them");
    return;
  }
  for (const FamilyRow& family : familyTable()) {
    const auto spec = undo->find(family.key.name);
    if (!spec || !spec->value.isObject()) continue;
    if (const auto callback = spec->find("callback")) {
      report_.errorAtName(ErrorCode::kFlowBadValue, *callback,
                          "nothing waits for the callback of a compensation");
      return;
    }
    rulesOf(*spec, family.family);
    effect(*undo, family);
    return;
  }
}

/// What a loop asks after a round sees the steps of the round.
void StepRules::familyKeys(const Node& step, const Node& member, const FamilyRow& row) {
  const std::size_t list = names_.listOf[names_.stepAt.at(&step.value)];
  const json::Value* body = row.family == Family::kLoop ? member.value.find("steps") : nullptr;
  const auto inner = names_.listAt.find(body);
  expressions_.standIn(inner == names_.listAt.end() ? list : inner->second);
  shapes_.value(member, row.key);
  expressions_.standIn(list);
}

/// A step can only go on with one of its own list.
void StepRules::sameList(const Node& step) {
  const std::size_t list = names_.listOf[names_.stepAt.at(&step.value)];
  if (const auto next = step.find("next")) target(*next, list);
  if (const auto onError = step.find("on_error")) target(*onError, list);
  const auto cases = step.find("switch");
  for (std::size_t i = 0; cases && cases->value.isArray() && i < cases->size(); ++i) {
    const Node option = cases->child(i);
    if (const auto next = option.find("next")) target(*next, list);
  }
}

void StepRules::target(const Node& node, std::size_t list) {
  if (!node.value.isString()) return;
  const auto found = names_.stepIndex.find(node.value.asString());
  if (found == names_.stepIndex.end() || names_.listOf[found->second] == list) return;
  report_.error(
      ErrorCode::kFlowUnknownStep, node,
      "the step " + quoted(node.value.asString()) + " stands in another list of steps",
      "a step can go on with the steps of its own list, or end that list with: next: end");
}

void StepRules::id(const Node& step) {
  const auto node = step.find("id");
  if (!node || !node->value.isString()) return;
  const std::string& id = node->value.asString();
  if (std::find(kReservedIds.begin(), kReservedIds.end(), id) != kReservedIds.end()) {
    report_.error(ErrorCode::kFlowBadValue, *node,
                  quoted(id) + " has a meaning of its own and cannot be a step's id");
  }
  const auto first = names_.stepIndex.find(id);
  const std::size_t index = names_.stepAt.at(&step.value);
  if (first != names_.stepIndex.end() && first->second != index) {
    report_.error(ErrorCode::kFlowDuplicateStep, *node,
                  "the id " + quoted(id) + " stands twice: steps " +
                      std::to_string(first->second + 1) + " and " + std::to_string(index + 1) +
                      " have it");
  }
}

/// The family of a step, or null pointer and an error.
const FamilyRow* StepRules::family(const Node& step) {
  const FamilyRow* found = nullptr;
  bool unknown = false;
  for (const json::Member& member : step.value.asObject()) {
    const FamilyRow* row = findFamily(member.first);
    if (row && found) {
      report_.error(ErrorCode::kFlowNoFamily, step,
                    "a step does one thing, this one has both " + std::string(found->key.name) +
                        " and " + member.first,
                    "make two steps of it");
      return nullptr;
    }
    if (row) found = row;
    unknown |= !row && !findStepKey(member.first);
  }
  // An unknown key is probably the family, and has been reported.
  if (!found && !unknown) {
    std::vector<std::string_view> names;
    for (const FamilyRow& row : familyTable()) names.push_back(row.key.name);
    report_.error(ErrorCode::kFlowNoFamily, step, "a step needs one of " + listOf(names));
  }
  return found;
}

void StepRules::option(const Node& step, const FamilyRow& row, unsigned bit, std::string_view name,
                       std::string_view hint) {
  const auto node = step.find(name);
  if (!node || (row.options & bit)) return;
  report_.errorAtName(
      ErrorCode::kFlowBadValue, *node,
      std::string(name) + " means nothing for a step of the family " + std::string(row.key.name),
      std::string(hint));
}

void StepRules::options(const Node& step, const FamilyRow& row) {
  std::string_view hint;
  if (row.family == Family::kWait) hint = "put timeout inside wait";
  if (row.family == Family::kFlow) hint = "bound the steps of that flow";
  option(step, row, kTakesTimeout, "timeout", hint);
  option(step, row, kTakesRetry, "retry", "");
  option(step, row, kTakesEffect, "effect", "only families with effects change the world outside");
  option(step, row, kTakesPersist, "persist", "");
  option(step, row, kTakesNext, "next", "the cases of a switch say what follows");
  option(step, row, kTakesEffect, "rate_limit", "only families with effects are worth a limit");
  option(
      step, row, kTakesReview, "review",
      "it stands before what changes the world outside; else use a step with wait: {approval: …}");
  effect(step, row);
}

void StepRules::effect(const Node& step, const FamilyRow& row) {
  const auto effect = step.find("effect");
  const bool pure = effect && effect->value.isString() && effect->value.asString() == "pure";
  const bool leaves = (row.options & kTakesEffect) != 0 && row.family != Family::kRun &&
                      row.family != Family::kDb;
  if (pure && leaves) {
    report_.error(ErrorCode::kFlowBadValue, *effect, "what leaves the host is never pure",
                  "write idempotent or once");
  }
  const auto retry = step.find("retry");
  if (!retry || !(row.options & kTakesEffect)) return;
  const std::string method =
      row.family == Family::kHttp ? textOf(*step.find("http"), "method") : "";
  const bool reads = row.family == Family::kDb && !step.find("db")->value.flag("write");
  const bool once = effect ? textOf(step, "effect") == "once"
                           : row.family == Family::kHttp
                               ? method == "POST" || method == "PATCH"
                               : !reads && (row.family == Family::kDb || row.effect == EffectClass::kOnce);
  if (!once) return;
  report_.warning(ErrorCode::kFlowBadValue, *retry,
                  "the effect is of class once, so a failed attempt is made again only when "
                  "nothing left the host",
                  "write effect: idempotent if making it twice does no harm");
}

void StepRules::rulesOf(const Node& spec, Family family) {
  if (family == Family::kSwitch) return switchCases(spec);
  if (!spec.value.isObject()) return;
  // What it is meant to be must be clear before its parts can be held against each other.
  if (const ObjectRow* row = familyRow(family).key.object; row && !row->exactlyOne.empty()) {
    const auto stands = [&](std::string_view name) { return has(spec, name); };
    if (std::count_if(row->exactlyOne.begin(), row->exactlyOne.end(), stands) != 1) return;
  }
  switch (family) {
    case Family::kRun:
      return run(spec);
    case Family::kHttp:
      return http(spec);
    case Family::kKv:
      return kv(spec);
    case Family::kWait:
      return wait(spec);
    case Family::kNotify:
      return notify(spec);
    case Family::kAgent:
      return agent(spec);
    case Family::kDb:
      return connection(spec, {"db"});
    case Family::kLlm:
      return llm(spec);
    case Family::kSsh:
      return ssh(spec);
    case Family::kPlugin:
      connection(spec, {"plugin"});
      return callback(spec);
    case Family::kFunction:
    case Family::kSet:
    case Family::kSleep:
    case Family::kSwitch:
    case Family::kFlow:
    case Family::kEmit:
    case Family::kCount:
      return;
    case Family::kSearch:
      return search(spec);
    case Family::kForEach:
      return forEach(spec);
    case Family::kParallel:
      return parallel(spec);
    case Family::kLoop:
      return loop(spec);
  }
}

void StepRules::onlyWith(const Node& spec, std::string_view key,
                         std::initializer_list<std::string_view> needs) {
  const auto node = spec.find(key);
  if (!node) return;
  if (std::any_of(needs.begin(), needs.end(),
                  [&](std::string_view name) { return has(spec, name); }))
    return;
  std::string list;
  for (const std::string_view name : needs)
    list += (list.empty() ? "" : " or ") + std::string(name);
  report_.errorAtName(ErrorCode::kFlowBadValue, *node,
                      std::string(key) + " means nothing without " + list);
}

void StepRules::run(const Node& spec) {
  onlyWith(spec, "shell", {"script"});
  const auto command = spec.find("command");
  if (command && command->value.isArray()) expressions_.refuseInCommand(*command);
  absolute(spec, "cwd");
  callback(spec);
}

void StepRules::absolute(const Node& spec, std::string_view key) {
  const auto node = spec.find(key);
  const std::string path = textOf(spec, key);
  if (path.empty() || path[0] == '/' || path.starts_with("${{")) return;
  report_.error(ErrorCode::kFlowBadValue, *node, "must be an absolute path, is " + quoted(path));
}

void StepRules::callback(const Node& spec) {
  const auto callback = spec.find("callback");
  const std::string id = textOf(spec, "callback");
  if (!id.empty() && !names_.callbacks.contains(id)) {
    report_.error(ErrorCode::kFlowUnknownStep, *callback,
                  "the flow has no step " + quoted(id) + " that waits for a callback");
  } else if (!id.empty()) {
    target(*callback, names_.listOf[names_.stepAt.at(&spec.above->value)]);
  }
}

void StepRules::ssh(const Node& spec) {
  connection(spec, {"ssh"});
  const bool acts = has(spec, "command") || has(spec, "script");
  if (!acts && !has(spec, "put") && !has(spec, "get")) {
    report_.error(ErrorCode::kFlowMissingKey, spec,
                  "an ssh step needs command, script, put or get");
  }
  if (const auto script = spec.find("script"); script && has(spec, "command")) {
    report_.errorAtName(ErrorCode::kFlowBadValue, *script,
                        "an ssh step has both command and script, only one may stand");
  }
  onlyWith(spec, "shell", {"script"});
  for (const char* key : {"cwd", "env", "stdin", "pty", "detach", "ok_exit_codes", "callback"})
    onlyWith(spec, key, {"command", "script"});
  const auto command = spec.find("command");
  if (command && command->value.isArray()) expressions_.refuseInCommand(*command);
  absolute(spec, "cwd");
  for (const auto& [list, key] : {std::pair{"put", "to"}, std::pair{"get", "from"}}) {
    const auto files = spec.find(list);
    if (!files || !files->value.isArray()) continue;
    for (std::size_t i = 0; i < files->size(); ++i) absolute(files->child(i), key);
  }
  callback(spec);
}

void StepRules::http(const Node& spec) {
  connection(spec, {"http"});
  const auto url = spec.find("url");
  if (!url && !has(spec, "connection")) {
    report_.error(ErrorCode::kFlowMissingKey, spec, "an http step needs url or connection");
  }
  if (url && url->value.isString() && !has(spec, "connection")) {
    const std::string& text = url->value.asString();
    const bool dynamic = text.starts_with("${{");
    if (!dynamic && !text.starts_with("http://") && !text.starts_with("https://")) {
      report_.error(ErrorCode::kFlowBadValue, *url, "a URL must begin with https:// or http://",
                    "name a connection to write only a path");
    }
  }
  httpBody(spec);
}

void StepRules::httpBody(const Node& spec) {
  std::optional<Node> given;
  std::string_view first;
  for (const std::string_view key : {"json", "body", "body_from", "multipart"}) {
    const auto body = spec.find(key);
    if (!body) continue;
    if (given) {
      report_.errorAtName(ErrorCode::kFlowBadValue, *body,
                          "an http step has both " + std::string(first) + " and " +
                              std::string(key) + ", only one may stand");
    } else {
      given.emplace(*body);
      first = key;
    }
  }
  const std::string method = textOf(spec, "method");
  if (!given || (!method.empty() && method != "GET" && method != "HEAD")) return;
  report_.errorAtName(ErrorCode::kFlowBadValue, *given,
                      "a " + (method.empty() ? "GET" : method) + " request has no body",
                      method.empty() ? "write method: POST" : "");
}

void StepRules::kv(const Node& spec) {
  onlyWith(spec, "value", {"set", "append"});
  onlyWith(spec, "by", {"increment"});
  onlyWith(spec, "ttl", {"set", "increment", "append"});
  onlyWith(spec, "if_not_exists", {"set"});
  if ((has(spec, "set") || has(spec, "append")) && !has(spec, "value")) {
    report_.error(
        ErrorCode::kFlowMissingKey, spec,
        std::string(has(spec, "set") ? "set" : "append") + " of a kv step needs the key \"value\"");
  }
}

void StepRules::wait(const Node& spec) {
  onlyWith(spec, "timeout", {"approval", "callback", "event", "handoff"});
  onlyWith(spec, "on_timeout", {"approval", "callback", "event", "handoff"});
  onlyWith(spec, "on_reject", {"approval"});
  const auto onTimeout = spec.find("on_timeout");
  const std::string answer = textOf(spec, "on_timeout");
  if (has(spec, "approval")) {
    if (answer == "continue") {
      report_.error(ErrorCode::kFlowBadValue, *onTimeout,
                    "silence is no approval: on_timeout must be reject or fail");
    }
    return;
  }
  const auto callback = spec.find("callback");
  const auto schema = callback ? callback->find("schema") : std::nullopt;
  if (schema && textOf(*callback, "auth") == "none") {
    report_.errorAtName(ErrorCode::kFlowBadValue, *schema,
                        "a callback without auth brings no body that could fit a schema");
  }
  const bool body = callback || has(spec, "event") || has(spec, "handoff");
  if (body && answer == "reject") {
    report_.error(ErrorCode::kFlowBadValue, *onTimeout,
                  "only an approval can be rejected: on_timeout must be fail or continue");
  }
  if (body && !has(spec, "timeout")) {
    report_.error(ErrorCode::kFlowMissingKey, spec,
                  "each wait says its timeout: this one needs the key \"timeout\"",
                  "write for example timeout: 24h");
  }
}

void StepRules::parallel(const Node& spec) {
  const auto branches = spec.find("branches");
  const auto taken = branches ? branches->find("finalize") : std::nullopt;
  if (!taken) return;
  report_.errorAtName(
      ErrorCode::kFlowBadValue, *taken,
      "a branch cannot be called finalize, which is the name of what runs after all");
}

/// The item of a for_each around must not be hidden.
void StepRules::forEach(const Node& spec) {
  const auto items = spec.find("items");
  const bool given =
      items && items->value.isString() && !soleExpression(items->value.asString()).empty();
  if (items && !items->value.isArray() && !given) {
    report_.error(ErrorCode::kFlowWrongType, *items,
                  "must be a list, or one expression that gives it, is " +
                      std::string(kindWords(items->value)));
  }
  const auto as = spec.find("as");
  if (!as || !as->value.isString()) return;
  for (const Node* above = spec.above; above; above = above->above) {
    const auto around = above->find("for_each");
    if (!around || &around->value == &spec.value) continue;
    if (textOf(*around, "as") != as->value.asString()) continue;
    report_.error(ErrorCode::kFlowBadValue, *as,
                  "a for_each around gives its items the name " + quoted(as->value.asString()));
    return;
  }
}

void StepRules::loop(const Node& spec) {
  const auto interval = spec.find("interval");
  if (!interval || !has(spec, "backoff")) return;
  report_.errorAtName(ErrorCode::kFlowBadValue, *interval,
                      "a loop has both interval and backoff, only one may stand",
                      "backoff.initial is the first pause");
}

void StepRules::notify(const Node& spec) {
  connection(spec, {"chat", "smtp"});
  for (const char* key : {"cc", "bcc", "reply_to", "html", "attachments"}) onlyWith(spec, key, {"to"});
  const auto type = names_.connectionTypes.find(textOf(spec, "connection"));
  const auto to = spec.find("to");
  if (to && type != names_.connectionTypes.end() && type->second == "chat")
    report_.warning(ErrorCode::kFlowBadValue, *to, "a chat has no recipients: to is for mail");
  const auto html = spec.find("html");
  if (const auto name = html ? html->find("template") : std::nullopt) namesTemplate(*name);
  if (const auto name = spec.find("template")) namesTemplate(*name);
}

void StepRules::namesTemplate(const Node& name) {
  if (!name.value.isString()) return;
  const std::string& text = name.value.asString();
  if (std::find(names_.templates.begin(), names_.templates.end(), text) != names_.templates.end())
    return;
  report_.error(ErrorCode::kFlowUnknownName, name, "the flow has no template " + quoted(text),
                didYouMean(text, names_.templates));
}

void StepRules::search(const Node& spec) {
  const auto targets = spec.find("targets");
  if (!targets || !targets->value.isArray() || textOf(spec, "scope") == "host") return;
  const json::Array& all = targets->value.asArray();
  if (std::find(all.begin(), all.end(), json::Value("connections")) == all.end()) return;
  report_.laterError(ErrorCode::kFlowBadValue, *targets, "has connections, which are of the host",
                     "write scope: host");
}

void StepRules::llm(const Node& spec) {
  connection(spec, {"llm"});
  for (const char* key : {"prompt", "system"}) {
    const auto text = spec.find(key);
    if (const auto name = text ? text->find("template") : std::nullopt) namesTemplate(*name);
  }
}

void StepRules::agent(const Node& spec) {
  const auto prompt = spec.find("prompt");
  if (const auto name = prompt ? prompt->find("template") : std::nullopt) namesTemplate(*name);
  const auto use = spec.find("use");
  if (use) checkHandleName(*use, names_, report_);
  const auto workspace = spec.find("workspace");
  if (!workspace || !workspace->value.isObject()) return;
  onlyWith(*workspace, "ref", {"git"});
  onlyWith(*workspace, "branch", {"git"});
  onlyWith(*workspace, "diff", {"dir"});
  onlyWith(*workspace, "keep", {"git", "scratch"});
  absolute(*workspace, "dir");
}

void StepRules::connection(const Node& spec, std::initializer_list<std::string_view> types) {
  const auto node = spec.find("connection");
  if (!node || !node->value.isString() || script::mayHoldExpression(node->value.asString())) return;
  const std::string& name = node->value.asString();
  const auto found = names_.connectionTypes.find(name);
  std::string wanted;
  for (const std::string_view type : types)
    wanted += (wanted.empty() ? "" : " or ") + std::string(type);
  if (found == names_.connectionTypes.end()) {
    std::string hint = didYouMean(name, names_.connections);
    if (hint.empty())
      hint = "add to requires: {name: " + name + ", type: " + std::string(*types.begin()) + "}";
    report_.error(ErrorCode::kFlowUnknownName, *node, "requires has no connection " + quoted(name),
                  std::move(hint));
  } else if (!found->second.empty() &&
             std::find(types.begin(), types.end(), found->second) == types.end()) {
    report_.error(ErrorCode::kFlowBadValue, *node,
                  "the connection " + quoted(name) + " is of type " + std::string(found->second) +
                      ", here it must be " + wanted);
  }
}

void StepRules::switchCases(const Node& spec) {
  if (!spec.value.isArray()) return;
  bool always = false;
  for (std::size_t i = 0; i < spec.size(); ++i) {
    const Node option = spec.child(i);
    if (always) {
      report_.error(ErrorCode::kFlowBadValue, option,
                    "this case is never reached: the one before it has no when");
      return;
    }
    always = option.value.isObject() && !has(option, "when");
  }
  if (!always && spec.size() > 0) {
    report_.warning(ErrorCode::kFlowBadValue, spec,
                    "the last case has a when: if none holds, the step fails",
                    "end with a case that has only next");
  }
}

}  // namespace belay::flow
