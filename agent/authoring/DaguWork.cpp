#include <algorithm>
#include <array>

#include "agent/authoring/DaguParts.h"
#include "common/base/Text.h"
#include "common/json/Json.h"

namespace belay::authoring {

using flow::Node;
using json::Value;

namespace {

std::optional<Node> firstOf(const Node& node, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (auto found = node.find(name)) return found;
  }
  return std::nullopt;
}

std::string textAt(const Node& node, std::initializer_list<std::string_view> names) {
  const auto found = firstOf(node, names);
  return found ? scalarText(found->value).value_or("") : "";
}

/// The settings of an executor, in the current form or an older one. A node knows the one above it
/// by its address: both stay here.
class Settings {
 public:
  explicit Settings(const Node& step)
      : executor_(step.find("executor")),
        found_(executor_ && executor_->value.isObject() ? executor_->find("config")
                                                        : firstOf(step, {"with", "config"})) {}
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  explicit operator bool() const { return found_.has_value(); }
  const Node* operator->() const { return &*found_; }
  const Node& operator*() const { return *found_; }

 private:
  const std::optional<Node> executor_;
  const std::optional<Node> found_;
};

/// Whether a text may be the name of a DAG as well as a command.
bool mayNameDag(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.front() != '/' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-/").find(c) != std::string_view::npos;
         });
}

/// The older format calls a DAG by `run`; what tells it from a command is its parameters, or that
/// it is a file of a DAG.
bool runsDag(const Node& step) {
  const auto run = step.find("run");
  if (!run) return false;
  const std::string text = scalarText(run->value).value_or("");
  const bool file = text.ends_with(".yaml") || text.ends_with(".yml");
  return step.find("params") || (file && text.find(' ') == std::string::npos);
}

/// "http.request" and "http" are "http".
std::string typeOf(const Node& node) {
  std::string type = textAt(node, {"action", "type"});
  if (const auto executor = node.find("executor"))
    type = executor->value.isObject() ? textAt(*executor, {"type"})
                                      : scalarText(executor->value).value_or("");
  if (type == "command" || type == "shell") type.clear();
  return type;
}

}  // namespace

void DaguSteps::work(const Node& node, Parts& parts) {
  const std::string type = typeOf(node);
  const bool child = firstOf(node, {"call"}) || type == "dag" || type == "subworkflow" ||
                     type.starts_with("dag.") || runsDag(node);
  const auto parallel = node.find("parallel");
  if (parallel && !child) notes_.dropped(*parallel, "only calls of other DAGs have this");
  if (child) {
    for (const std::string_view other : {"command", "script", "cmd"}) {
      if (const auto member = node.find(other))
        notes_.dropped(*member, "a step does one thing, and the call of the DAG is taken");
    }
    childWork(node, parts);
  } else if (!type.empty()) {
    namedWork(node, parts, type);
  } else {
    shellWork(node, parts);
  }
  if (const auto approval = node.find("approval")) {
    Value ask, wait, step;
    const std::string prompt =
        approval->value.isObject() ? textAt(*approval, {"prompt"}) : std::string();
    ask.set("summary", prompt.empty() ? "Go on behind " + parts.id + "?"
                                      : variables_.expand(*approval, prompt));
    wait.set("approval", std::move(ask)).set("on_reject", "fail");
    step.set("id", uniqueId(parts.id + "-approval")).set("wait", std::move(wait));
    parts.after.push_back(std::move(step));
    notes_.changed(*approval,
                   "only the prompt of the approval is taken over; a refusal fails the run");
  }
}

/// A call of another DAG is a run of the flow of that name, which is its live release.
void DaguSteps::childWork(const Node& node, Parts& parts) {
  const Settings settings(node);
  std::string name = textAt(node, {"call", "run"});
  if (name.empty() && settings) name = textAt(*settings, {"dag", "name"});
  const std::string file = name.substr(name.rfind('/') + 1);
  if (file.empty()) return placeholder(node, parts, "a call of a DAG without its name");
  const auto parallel = node.find("parallel");
  variables_.standInItem(parallel.has_value());
  Value flow, input;
  flow.set("slug", identifierFrom(file.substr(0, file.find('.'))));
  const auto own = node.find("params");
  const auto set = settings ? settings->find("params") : std::nullopt;
  if (const auto& params = own ? own : set) {
    for (const DaguPair& pair : pairsOf(*params, notes_))
      input.set(pair.name, variables_.expand(*params, pair.value));
  }
  notes_.changed(node, "the flow " + flow.text("slug") + " must be live: import the DAG " + name +
                           ", push and release it");
  if (typeOf(node) == "dag.enqueue")
    notes_.changed(node, "the step waits for the run that it starts, and fails with it");
  // Without parameters of its own each run has its item.
  if (input.isNull() && parallel) {
    input.set("ITEM", variables_.expand(*parallel, "${ITEM}"));
    notes_.changed(*parallel, "each run gets its item as input.ITEM");
  }
  variables_.standInItem(false);
  if (!input.isNull()) flow.set("input", std::move(input));
  if (parallel) return forEachItem(*parallel, std::move(flow), parts);
  parts.family = "flow";
  parts.step.set("flow", std::move(flow));
}

/// A list as it is; a text as an expression that makes a list of it.
Value DaguSteps::itemsOf(const Node& source) {
  if (source.value.isArray()) {
    json::Array items;
    for (std::size_t i = 0; i < source.size(); ++i) {
      const Node item = source.child(i);
      if (item.value.isString()) {
        items.emplace_back(variables_.expand(item, item.value.asString()));
      } else if (item.value.isObject()) {
        Value fields{json::Object{}};
        for (const DaguPair& pair : pairsOf(item, notes_))
          fields.set(pair.name, variables_.expand(item, pair.value));
        items.push_back(std::move(fields));
      } else {
        items.push_back(item.value);
      }
    }
    return Value(std::move(items));
  }
  notes_.changed(source,
                 "a text is taken as JSON, or else cut at spaces, commas, semicolons and |, within "
                 "double quotes too");
  const std::string text = scalarText(source.value).value_or("");
  return Value(
      "${{ (text => { try { const read = JSON.parse(text); return Array.isArray(read) ? "
      "read : [read] } catch { return text.split(/[\\s,;|]+/).filter(Boolean) } })(" +
      templateText(variables_.expand(source, inBackticks(text))) + ") }}");
}

/// One run for each item, the failure of one does not end the others.
void DaguSteps::forEachItem(const Node& parallel, Value flow, Parts& parts) {
  std::int64_t most = 10;
  std::optional<Node> source(parallel);
  if (parallel.value.isObject()) {
    source.reset();
    for (std::size_t i = 0; i < parallel.size(); ++i) {
      const Node member = parallel.child(i);
      const std::string key = snakeName(member.name);
      if (key == "items")
        source.emplace(member);
      else if (key == "max_concurrent" && wholeNumber(member.value))
        most = std::clamp<std::int64_t>(*wholeNumber(member.value), 1, 1000);
      else
        notes_.dropped(member, "for_each has no counterpart of this");
    }
  }
  if (!source) return placeholder(parallel, parts, "a fan-out without items");
  Value call, each;
  call.set("id", uniqueId(parts.id + "-run")).set("flow", std::move(flow));
  if (!parts.retry.isNull()) {
    call.set("retry", std::exchange(parts.retry, Value()));
    notes_.changed(parallel, "the call of one item is tried again, not all of them");
  }
  each.set("items", itemsOf(*source)).set("max_parallel", most).set("on_item_error", "wait_all");
  each.set("steps", json::Array{std::move(call)});
  notes_.changed(parallel, "equal items have a run each, and the output is the list of theirs");
  parts.family = "for_each";
  parts.step.set("for_each", std::move(each));
}

/// What a command may have meant in another format.
void DaguSteps::noteReading(const Node& node, const Node& command) {
  for (const std::string_view other : {"run", "cmd"}) {
    const auto member = node.find(other);
    if (member && member->name != command.name)
      notes_.dropped(*member, "a step does one thing, and " + std::string(command.name) +
                                  " is taken: where " + std::string(other) +
                                  " starts a DAG, make it a step of its own");
  }
  const std::string named = scalarText(command.value).value_or("");
  // The current format gives a step an id.
  const bool older = node.find("name") && !node.find("id");
  if (!older || command.name != "run" || node.find("script") || !mayNameDag(named)) return;
  notes_.changed(command, named +
                              " is taken as a command; in the older format of Dagu it is the name "
                              "of a DAG: then write flow: {slug: " +
                              identifierFrom(named) + "}");
}

void DaguSteps::shellWork(const Node& node, Parts& parts) {
  const auto script = node.find("script");
  const auto command = firstOf(node, {"command", "run", "cmd"});
  if (command) noteReading(node, *command);
  std::string shell = textAt(node, {"shell"});
  if (const Settings with(node); with) {
    for (std::size_t i = 0; i < with->size(); ++i) {
      const Node member = with->child(i);
      if (member.name == "shell")
        shell = scalarText(member.value).value_or("");
      else
        notes_.dropped(member, "commands have no counterpart of this");
    }
  }
  if (!script && !command) {
    if (node.find("approval")) {
      Value work;
      work.set("code", "return null");
      parts.family = "function";
      parts.step.set("function", std::move(work));
      return;
    }
    return placeholder(node, parts, "a step without a command");
  }
  std::string text;
  if (script) {
    text = scalarText(script->value).value_or("");
    // A command beside a script is the program that reads it.
    if (command) shell = scalarText(command->value).value_or("");
  } else if (command->value.isArray() && command->name == "command") {
    for (const std::string& word : listTexts(command->value))
      text += (text.empty() ? "" : " ") + word;
    notes_.changed(*command, "the list is read as a program and its arguments");
  } else if (command->value.isArray()) {
    for (const std::string& line : listTexts(command->value)) text += line + "\n";
  } else {
    text = scalarText(command->value).value_or("");
  }
  if (text.empty()) return placeholder(node, parts, "an empty command");
  if (const auto args = node.find("args")) {
    for (const std::string& word : listTexts(args->value)) text += " " + word;
  }
  Value run = DaguSteps::script(node, text, parts.env);
  parts.shell = true;
  if (!shell.empty()) {
    json::Array words;
    for (const std::string& word : listTexts(Value(shell))) words.emplace_back(word);
    run.set("shell", std::move(words));
  }
  if (!parts.cwd.empty()) run.set("cwd", parts.cwd);
  if (!parts.okCodes.empty()) {
    json::Array codes{Value(0)};
    for (const std::string& code : parts.okCodes) {
      const auto number = base::parseUnsigned(code);
      if (number && *number > 0 && *number < 256) codes.emplace_back(*number);
    }
    run.set("ok_exit_codes", std::move(codes));
  }
  parts.family = "run";
  parts.step.set("run", std::move(run));
}

void DaguSteps::namedWork(const Node& node, Parts& parts, const std::string& type) {
  if (type == "http" || type == "http.request") return httpWork(node, parts);
  if (type == "ssh" || type == "ssh.run") return sshWork(node, parts);
  if (type == "jq" || type == "jq.filter") return jqWork(node, parts);
  if (type == "wait.duration" || type == "wait.until" || type == "human.task" ||
      type == "log.write" || type == "noop")
    return waitWork(node, parts, type);
  placeholder(node, parts, "the executor " + type);
}

void DaguSteps::httpWork(const Node& node, Parts& parts) {
  Value http;
  std::string line = textAt(node, {"command", "run"});
  const std::size_t space = line.find(' ');
  if (space != std::string::npos) {
    http.set("method", line.substr(0, space));
    http.set("url", variables_.expand(node, base::trim(line.substr(space))));
  } else if (!line.empty()) {
    http.set("url", variables_.expand(node, line));
  }
  const auto body = [&](const Node& from) {
    http.set("body", variables_.expand(from, scalarText(from.value).value_or("")));
  };
  if (const auto script = node.find("script")) body(*script);
  const Settings settings(node);
  for (std::size_t i = 0; settings && i < settings->size(); ++i) {
    const Node member = settings->child(i);
    const std::string key = snakeName(member.name);
    const auto text = scalarText(member.value);
    if (key == "url" || key == "method") {
      http.set(key,
               key == "url" ? variables_.expand(member, text.value_or("")) : text.value_or(""));
    } else if (key == "body" && text) {
      body(member);
    } else if (key == "body") {
      http.set("json", member.value);
    } else if (key == "timeout" && wholeNumber(member.value)) {
      parts.timeout = std::to_string(*wholeNumber(member.value)) + "s";
    } else if ((key == "headers" || key == "query") && member.value.isObject()) {
      Value fields{json::Object{}};
      for (const DaguPair& pair : pairsOf(member, notes_))
        fields.set(pair.name, variables_.expand(member, pair.value));
      http.set(key, std::move(fields));
    } else if (key == "json" || key == "silent" || key == "debug") {
      notes_.changed(member, "output of an http step is its status, headers and body");
    } else {
      notes_.dropped(member, "http steps have no counterpart of this");
    }
  }
  if (http.text("url").empty()) return placeholder(node, parts, "a request without an address");
  parts.family = "http";
  parts.step.set("http", std::move(http));
}

void DaguSteps::sshWork(const Node& node, Parts& parts) {
  const Settings settings(node);
  json::Array command{Value("ssh"), Value("-o"), Value("BatchMode=yes")};
  std::string user, host;
  std::string line = textAt(node, {"command", "script", "run"});
  for (std::size_t i = 0; settings && i < settings->size(); ++i) {
    const Node member = settings->child(i);
    const std::string key = snakeName(member.name);
    const std::string text = variables_.expand(member, scalarText(member.value).value_or(""));
    if (key == "user") {
      user = text;
    } else if (key == "ip" || key == "host") {
      host = text;
    } else if (key == "port" || key == "key") {
      command.emplace_back(key == "port" ? "-p" : "-i");
      command.emplace_back(text);
    } else if (key == "command") {
      line = scalarText(member.value).value_or("");
    } else {
      notes_.dropped(member, "this is a matter of the configuration of ssh on the host");
    }
  }
  if (host.empty() || line.empty())
    return placeholder(node, parts, "a command over ssh without host or command");
  command.emplace_back(user.empty() ? host : user + "@" + host);
  command.emplace_back(variables_.expand(node, line));
  Value run;
  run.set("command", std::move(command));
  parts.family = "run";
  parts.step.set("run", std::move(run));
  notes_.changed(node,
                 "the command goes by the ssh program of the host, with its keys and known hosts");
}

void DaguSteps::jqWork(const Node& node, Parts& parts) {
  const Settings settings(node);
  std::string filter = textAt(node, {"command", "run"});
  std::optional<std::string> data;
  const auto take = [&](const Node& from) {
    const auto text = scalarText(from.value);
    data = text ? variables_.expand(from, *text) : json::print(from.value);
  };
  if (const auto script = node.find("script")) take(*script);
  json::Array command{Value("jq")};
  for (std::size_t i = 0; settings && i < settings->size(); ++i) {
    const Node member = settings->child(i);
    const std::string key = snakeName(member.name);
    if (key == "filter")
      filter = scalarText(member.value).value_or("");
    else if (key == "data" || key == "input")
      take(member);
    else if (key == "raw" && member.value == Value(true))
      command.emplace_back("-r");
    else
      notes_.dropped(member, "this setting of jq is not taken over");
  }
  if (filter.empty() || !data) return placeholder(node, parts, "jq without filter or data");
  command.emplace_back(filter);
  Value run;
  run.set("command", std::move(command)).set("stdin", *data);
  parts.family = "run";
  parts.step.set("run", std::move(run)).set("effect", "pure");
  notes_.changed(node, "the filter is run by the jq program of the host");
}

void DaguSteps::waitWork(const Node& node, Parts& parts, const std::string& type) {
  const Settings settings(node);
  const auto setting = [&](std::string_view name) {
    return settings && settings->value.isObject() ? textAt(*settings, {name}) : std::string();
  };
  static constexpr std::array<std::string_view, 5> kTaken{"duration", "until", "prompt", "form",
                                                          "message"};
  for (std::size_t i = 0; settings && i < settings->size(); ++i) {
    const Node member = settings->child(i);
    if (std::find(kTaken.begin(), kTaken.end(), member.name) == kTaken.end())
      notes_.dropped(member, "this setting is not taken over");
  }
  Value work;
  if (type == "wait.duration" || type == "wait.until") {
    const bool length = type == "wait.duration";
    work.set(length ? "for" : "until",
             variables_.expand(node, setting(length ? "duration" : "until")));
    parts.family = "sleep";
  } else if (type == "human.task") {
    Value ask;
    const std::string prompt = setting("prompt");
    ask.set("summary", prompt.empty() ? parts.id : variables_.expand(node, prompt));
    if (const auto form = settings ? settings->find("form") : std::nullopt)
      ask.set("form", form->value);
    work.set("approval", std::move(ask)).set("on_reject", "fail");
    parts.family = "wait";
    notes_.changed(
        node, "the values of the form are " + memberOf("steps", parts.id) + ".output.form here");
  } else if (type == "log.write") {
    json::Array command{Value("echo"), Value(variables_.expand(node, setting("message")))};
    work.set("command", std::move(command));
    parts.family = "run";
  } else {
    work.set("code", "return null");
    parts.family = "function";
  }
  parts.step.set(parts.family, std::move(work));
}

void DaguSteps::placeholder(const Node& node, Parts& parts, const std::string& what) {
  notes_.dropped(node, what + " has no counterpart: the step fails until it is written");
  Value work;
  work.set("code", "throw new Error(" + scriptText("not translated: " + what) + ")");
  parts.family = "function";
  parts.step.set("function", std::move(work));
}

}  // namespace belay::authoring
