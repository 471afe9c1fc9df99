#include "agent/authoring/Dagu.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "agent/authoring/DaguReader.h"
#include "agent/authoring/FlowGraph.h"
#include "agent/authoring/SeriesParallel.h"
#include "agent/authoring/YamlText.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::authoring {

using base::Error;
using base::ErrorCode;
using base::Result;
using flow::Node;
using json::Value;

namespace {

/// One step of the file, with what it waits for.
struct DaguStep {
  std::size_t position = 0;  ///< In the list or map of steps.
  std::string id;
  std::vector<std::string> names;  ///< By which others name it.
  std::optional<std::vector<std::string>> depends;
};

class Translation {
 public:
  Translation(const Node& root, std::string slug)
      : root_(root),
        slug_(std::move(slug)),
        variables_(notes_),
        steps_(notes_, variables_, defaults_) {}

  Result<Value> run() {
    const auto list = root_.find("steps");
    if (!list || list->size() == 0)
      return Error{ErrorCode::kInvalidArgument, "this is no DAG of Dagu: it has no steps"};
    if (list->size() > kDaguStepsMax)
      return Error{ErrorCode::kLimit,
                   "the DAG has more than " + std::to_string(kDaguStepsMax) + " steps"};
    variables_.put("DAG_NAME", slug_);
    variables_.put("DAG_RUN_ID", "${{ run.id }}");
    parameters();
    environment();
    const auto handlers = either("handler_on", "handlerOn");
    for (std::size_t i = 0; i < list->size(); ++i) read(*list, i);
    for (std::size_t i = 0; handlers && i < handlers->size(); ++i)
      steps_.declareOutput(handlers->child(i));
    BELAY_ASSIGN(json::Array body, bodyOf(*list));
    return flowOf(std::move(body));
  }

  std::vector<ImportNote> notes() && { return std::move(notes_).take(); }

 private:
  std::optional<Node> either(std::string_view name, std::string_view other) const {
    auto found = root_.find(name);
    return found ? found : root_.find(other);
  }

  void parameter(const std::string& name, Value schema, const Node& at) {
    const bool digits = base::parseUnsigned(name).has_value();
    if (name.empty() || digits)
      return notes_.dropped(at, "a positional parameter has no name here");
    properties_.set(name, std::move(schema));
    variables_.put(name, "${{ String(" + memberOf("input", name) + ") }}");
    variables_.everywhere(name);
  }

  void parameters() {
    const auto params = root_.find("params");
    if (!params) return;
    bool declared = params->value.isArray();
    for (std::size_t i = 0; declared && i < params->size(); ++i)
      declared = params->child(i).find("name").has_value();
    if (!declared) {
      for (const DaguPair& pair : pairsOf(*params, notes_)) {
        Value schema;
        schema.set("type", "string").set("default", pair.value);
        if (pair.value.find('`') != std::string::npos)
          notes_.changed(*params, "commands in `…` are not run here: " + pair.name + " stays text");
        parameter(pair.name, std::move(schema), *params);
      }
      return;
    }
    for (std::size_t i = 0; i < params->size(); ++i) {
      const Node one = params->child(i);
      Value schema;
      for (std::size_t k = 0; k < one.size(); ++k) {
        const Node member = one.child(k);
        const std::string& key = std::string(member.name);
        if (key == "required" && member.value == Value(true))
          required_.emplace_back(one.value.text("name"));
        else if (key == "type" || key == "default" || key == "enum" || key == "description" ||
                 key == "minimum" || key == "maximum" || key == "pattern")
          schema.set(key, member.value);
        else if (key != "name" && key != "required")
          notes_.dropped(member, "a parameter has no counterpart of this");
      }
      if (schema.isNull()) schema = Value(json::Object{});
      parameter(one.value.text("name"), std::move(schema), one);
    }
  }

  void environment() {
    for (const std::string_view key : {"consts", "env"}) {
      const auto env = root_.find(key);
      if (!env) continue;
      for (const DaguPair& pair : pairsOf(*env, notes_)) {
        variables_.put(pair.name, variables_.expand(*env, pair.value));
        variables_.everywhere(pair.name);
      }
    }
    if (const auto folder = either("working_dir", "workingDir"))
      defaults_.cwd = variables_.expand(*folder, scalarText(folder->value).value_or(""));
    if (const auto shell = root_.find("shell")) defaults_.shell = listTexts(shell->value);
  }

  void read(const Node& list, std::size_t position) {
    const Node node = list.child(position);
    steps_.declareOutput(node);
    DaguStep step;
    step.position = position;
    std::string name = node.value.text("id");
    if (!name.empty()) step.names.push_back(name);
    const std::string title = node.value.isObject() ? node.value.text("name") : "";
    if (!title.empty()) step.names.push_back(title);
    if (!node.name.empty()) step.names.emplace_back(node.name);  // Steps as a map.
    if (name.empty()) name = !title.empty() ? title : std::string(node.name);
    if (name.empty()) name = "step-" + std::to_string(position + 1);
    step.id = steps_.uniqueId(name);
    if (const std::string wanted = identifierFrom(name); step.id != wanted) {
      const bool taken = std::any_of(read_.begin(), read_.end(),
                                     [&](const auto& one) { return one.id == wanted; });
      notes_.changed(node, (taken ? "another step has the name " + wanted + " already"
                                  : wanted + " is no name for a step here") +
                               ": this one is " + step.id +
                               (names_.contains(name) ? ", and depends on it mean the first" : ""));
    }
    names_.insert(step.names.begin(), step.names.end());
    const Value* depends = node.value.find("depends");
    if (depends) {
      step.depends = depends->isString() ? std::vector{depends->asString()} : listTexts(*depends);
    }
    read_.push_back(std::move(step));
  }

  /// Of each step the positions of those that it waits for.
  std::vector<std::vector<std::size_t>> order(const Node& list) {
    std::unordered_map<std::string, std::size_t> byName;
    for (const DaguStep& step : read_) {
      for (const std::string& name : step.names) byName.emplace(name, step.position);
    }
    const bool chain = root_.value.text("type") == "chain";
    std::vector<std::vector<std::size_t>> before(read_.size());
    bool any = false;
    for (const DaguStep& step : read_) {
      if (!step.depends && chain && step.position > 0) before[step.position] = {step.position - 1};
      if (!step.depends) continue;
      any = true;
      for (const std::string& name : *step.depends) {
        const auto found = byName.find(name);
        if (found != byName.end() && found->second != step.position)
          before[step.position].push_back(found->second);
        else
          notes_.dropped(*list.child(step.position).find("depends"),
                         "no step has the name " + base::visible(name));
      }
    }
    if (!any && !root_.value.find("type") && read_.size() > 1) {
      notes_.changed(list,
                     "steps without depends and type run together, as Dagu does now; for one after "
                     "the other write type: chain before the import");
    }
    return before;
  }

  Result<json::Array> bodyOf(const Node& list) {
    const Plan plan = planOf(order(list));
    if (plan.cyclic)
      return Error{ErrorCode::kInvalidArgument, "the steps wait for each other in a circle"};
    if (!plan.exact) {
      notes_.changed(
          list,
          "depends is no series of parallel parts: steps of one level wait for all steps "
          "of the level before");
    }
    json::Array body;
    addPart(list, plan.whole, body);
    return body;
  }

  void addPart(const Node& list, const Part& part, json::Array& out) {
    if (part.kind == Part::Kind::kStep) {
      for (Value& step : steps_.translate(list.child(part.step), read_[part.step].id))
        out.push_back(std::move(step));
      return;
    }
    if (part.kind == Part::Kind::kSeries) {
      for (const Part& inner : part.parts) addPart(list, inner, out);
      return;
    }
    Value branches{json::Object{}};
    for (const Part& inner : part.parts) {
      json::Array branch;
      ++branches_;
      steps_.standInBranch(true);
      addPart(list, inner, branch);
      steps_.standInBranch(--branches_ > 0);
      branches.set(read_[firstStep(inner)].id, std::move(branch));
    }
    Value parallel, step;
    parallel.set("branches", std::move(branches)).set("on_branch_error", "wait_all");
    step.set("id", steps_.uniqueId("together")).set("parallel", std::move(parallel));
    out.push_back(std::move(step));
  }

  static std::size_t firstStep(const Part& part) {
    return part.kind == Part::Kind::kStep ? part.step : firstStep(part.parts.front());
  }

  json::Array handler(const Node& node) {
    return steps_.translate(node, steps_.uniqueId("on-" + std::string(node.name)));
  }

  /// Adds what handlers do to the body, and gives what runs on failure.
  json::Array addHandlers(json::Array& body) {
    json::Array failed;
    const auto handlers = either("handler_on", "handlerOn");
    for (std::size_t i = 0; handlers && i < handlers->size(); ++i) {
      const Node one = handlers->child(i);
      const bool always = one.name == "exit";
      if (one.name == "init") {
        json::Array first = handler(one);
        body.insert(body.begin(), std::make_move_iterator(first.begin()),
                    std::make_move_iterator(first.end()));
      } else if (always || one.name == "failure" || one.name == "success") {
        if (always || one.name == "failure") {
          for (Value& step : handler(one)) failed.push_back(std::move(step));
        }
        if (always || one.name == "success") {
          if (steps_.guards()) {
            notes_.changed(one, "this does not run where a condition ends the run before");
          }
          for (Value& step : handler(one)) body.push_back(std::move(step));
        }
      } else {
        notes_.dropped(one, "nothing runs here when a run was stopped or waits");
      }
    }
    return failed;
  }

  void triggers(Value& flow) {
    const auto schedule = root_.find("schedule");
    if (!schedule) return;
    json::Array out;
    const auto add = [&](const Node& at, std::string text) {
      Value trigger;
      if (text.starts_with("CRON_TZ=") || text.starts_with("TZ=")) {
        const std::size_t space = text.find(' ');
        const std::size_t equals = text.find('=');
        trigger.set("schedule", base::trim(text.substr(std::min(space, text.size()))));
        trigger.set("timezone", text.substr(equals + 1, space - equals - 1));
      } else {
        trigger.set("schedule", text);
        notes_.changed(at, "the time zone is UTC here, that of the server in Dagu: set timezone");
      }
      trigger.set("on_missed", either("catchup_window", "catchupWindow") ? "latest" : "skip");
      out.push_back(std::move(trigger));
    };
    const auto member = [&](const Node& one) {
      if (one.name != "start" && one.name != "cron") {
        notes_.dropped(one, "a schedule starts runs here, and does nothing else");
      } else if (one.value.isArray()) {
        for (std::size_t i = 0; i < one.size(); ++i)
          add(one.child(i), scalarText(one.child(i).value).value_or(""));
      } else {
        add(one, scalarText(one.value).value_or(""));
      }
    };
    const auto entry = [&](const Node& one) {
      if (one.value.isObject()) {
        for (std::size_t i = 0; i < one.size(); ++i) member(one.child(i));
      } else {
        add(one, scalarText(one.value).value_or(""));
      }
    };
    if (schedule->value.isArray()) {
      for (std::size_t i = 0; i < schedule->size(); ++i) entry(schedule->child(i));
    } else {
      entry(*schedule);
    }
    if (!out.empty()) flow.set("triggers", std::move(out));
  }

  void otherKeys(Value& flow) {
    static constexpr std::string_view kElsewhere[] = {
        "params",       "env",      "consts", "steps",       "handler_on", "preconditions",
        "precondition", "schedule", "type",   "working_dir", "shell"};
    json::Array tags;
    for (std::size_t i = 0; i < root_.size(); ++i) {
      const Node member = root_.child(i);
      const std::string key = snakeName(member.name);
      if (key == "name") {
        if (const auto text = scalarText(member.value)) flow.set("name", oneLine(*text, 60));
      } else if (key == "description") {
        if (const auto text = scalarText(member.value)) flow.set("description", *text);
      } else if (key == "tags" || key == "labels" || key == "group") {
        std::string text = scalarText(member.value).value_or("");
        std::replace(text.begin(), text.end(), ',', ' ');
        for (std::string& tag : listTexts(text.empty() ? member.value : Value(text)))
          tags.emplace_back(std::move(tag));
        if (member.value.isObject()) {
          for (const DaguPair& pair : pairsOf(member, notes_))
            tags.emplace_back(pair.name + "=" + pair.value);
        }
      } else if (key == "catchup_window") {
        notes_.changed(member,
                       "on_missed: latest was set; see max, spacing and window of triggers");
      } else if (key == "type" && member.value != Value("graph") &&
                 member.value != Value("chain")) {
        notes_.dropped(member,
                       "a DAG of this type cannot be translated: its steps are read as a graph");
      } else if (std::find(std::begin(kElsewhere), std::end(kElsewhere), key) ==
                 std::end(kElsewhere)) {
        notes_.dropped(member, "flows have no counterpart of " + base::visible(member.name));
      }
    }
    if (!tags.empty()) flow.set("tags", std::move(tags));
  }

  Value flowOf(json::Array body) {
    json::Array failed = addHandlers(body);
    const auto conditions = either("preconditions", "precondition");
    if (conditions) {
      json::Array first;
      steps_.guard(*conditions, "start", body.front().text("id"), first);
      body.insert(body.begin(), std::make_move_iterator(first.begin()),
                  std::make_move_iterator(first.end()));
    }
    Value flow;
    flow.set("slug", slug_);
    otherKeys(flow);
    if (!properties_.isNull()) {
      Value input;
      input.set("type", "object");
      if (!required_.empty()) input.set("required", std::move(required_));
      input.set("properties", std::move(properties_));
      flow.set("input", std::move(input));
    }
    triggers(flow);
    if (!steps_.outputs().empty()) {
      Value state;
      for (const std::string& name : steps_.outputs()) state.set(name, "");
      flow.set("state", std::move(state));
    }
    flow.set("steps", std::move(body));
    if (!failed.empty()) flow.set("on_failure", std::move(failed));
    return flow;
  }

  const Node& root_;
  const std::string slug_;
  ImportNotes notes_;
  DaguVariables variables_;
  DaguDefaults defaults_;
  DaguSteps steps_;
  std::vector<DaguStep> read_;
  std::set<std::string> names_;  ///< Of those.
  int branches_ = 0;             ///< Within each other.
  Value properties_;
  json::Array required_;
};

/// The first document, and where further ones begin.
struct Documents {
  std::string_view first;
  std::vector<int> further;
};

Documents splitDocuments(std::string_view text) {
  Documents out{text, {}};
  bool content = false;
  int number = 0;
  std::size_t at = 0;
  for (const std::string_view line : base::split(text, '\n')) {
    ++number;
    const bool mark = line == "---" || line.starts_with("--- ");
    if (mark && content) {
      if (out.further.empty()) out.first = text.substr(0, at);
      out.further.push_back(number);
    }
    const std::string_view trimmed = base::trim(line);
    content = content || (!mark && !trimmed.empty() && !trimmed.starts_with("#"));
    at += line.size() + 1;
  }
  return out;
}

std::string slugFor(const Value& root, std::string_view fileName) {
  std::string name = root.text("name");
  if (name.empty()) {
    name = fileName.substr(fileName.rfind('/') + 1);
    name = name.substr(0, name.find('.'));
  }
  return identifierFrom(name);
}

}  // namespace

Result<DaguImport> importDagu(std::string_view text, std::string_view fileName) {
  const Documents documents = splitDocuments(text);
  BELAY_ASSIGN(const yaml::Document document, yaml::parse(documents.first));
  if (!document.root.isObject())
    return Error{ErrorCode::kInvalidArgument, "this is no DAG of Dagu: it is no object"};
  const Node root{document.root, document.places};
  Translation translation(root, slugFor(document.root, fileName));
  BELAY_ASSIGN(const Value flow, translation.run());
  DaguImport out;
  out.notes = std::move(translation).notes();
  for (const int line : documents.further) {
    out.notes.push_back(
        {ImportNote::Kind::kDropped,
         {line, 1},
         "",
         "a further DAG in the file is not translated: import it from a file of its own"});
  }
  out.flow = yamlText(flow);
  return out;
}

}  // namespace belay::authoring
