#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/authoring/Dagu.h"
#include "agent/flow/Node.h"
#include "common/json/Value.h"

namespace belay::authoring {

/// "continueOn" and "continue_on" are one key.
std::string snakeName(std::string_view name);
/// Text, numbers and words as the text that Dagu would see; nothing for lists and objects.
std::optional<std::string> scalarText(const json::Value& value);
/// The words of a text, or the items of a list; objects are left out.
std::vector<std::string> listTexts(const json::Value& value);
/// A whole number that may stand as text.
std::optional<std::int64_t> wholeNumber(const json::Value& value);
/// An identifier of Belay from a name; never empty.
std::string identifierFrom(std::string_view name);
/// A text of JavaScript in quotes.
std::string scriptText(std::string_view text);
/// "input.NAME", or input["NAME"] for a name with other characters.
std::string memberOf(std::string_view object, std::string_view name);

/// What was not translated, or not as it was.
class ImportNotes {
 public:
  void dropped(const flow::Node& node, std::string message);
  void changed(const flow::Node& node, std::string message);
  std::vector<ImportNote> take() &&;

 private:
  void add(ImportNote::Kind kind, const flow::Node& node, std::string message);
  std::vector<ImportNote> notes_;
};

/// The variables of a DAG, and what stands for them in a flow.
class DaguVariables {
 public:
  explicit DaguVariables(ImportNotes& notes) : notes_(notes) {}

  /// `value` is a text of a flow, expressions in it.
  void put(const std::string& name, std::string value) { values_[name] = std::move(value); }
  /// Goes into the environment of every command, as params and env do; others where named.
  void everywhere(const std::string& name) { everywhere_.push_back(name); }
  bool knows(const std::string& name) const { return values_.contains(name); }
  /// Texts that come now stand for one of several items: ${ITEM} and ${ITEM.field} are its.
  void standInItem(bool inItem) { inItem_ = inItem; }

  /// A text of Dagu as a text of a flow: variables become expressions.
  std::string expand(const flow::Node& node, std::string_view text) const;
  /// A text for a shell: variables stay, for they come by the environment.
  std::string forShell(const flow::Node& node, std::string_view text) const;
  /// The environment of a command that has this text, and `own` variables first.
  json::Value environment(std::string_view text,
                          const std::map<std::string, std::string>& own) const;

 private:
  std::optional<std::string> itemPart(std::string_view reference) const;

  ImportNotes& notes_;
  bool inItem_ = false;
  std::map<std::string, std::string> values_;
  std::vector<std::string> everywhere_;
};

/// What steps take from the DAG around them.
struct DaguDefaults {
  std::string cwd;
  std::vector<std::string> shell;
};

/// Translates one step into steps of a flow that follow each other.
class DaguSteps {
 public:
  DaguSteps(ImportNotes& notes, DaguVariables& variables, const DaguDefaults& defaults)
      : notes_(notes), variables_(variables), defaults_(defaults) {}

  /// A name that no other step has.
  std::string uniqueId(std::string_view wanted);
  /// `id` is from uniqueId(). `end` is where an unmet condition leads.
  json::Array translate(const flow::Node& node, const std::string& id);
  /// A condition as expression; what must run before goes to `steps`.
  std::string condition(const flow::Node& node, const std::string& id, json::Array& steps);
  /// Steps that end the list unless all conditions hold.
  void guard(const flow::Node& conditions, const std::string& id, const std::string& next,
             json::Array& steps);
  /// Steps that come now stand in a branch.
  void standInBranch(bool inBranch) { inBranch_ = inBranch; }
  /// Whether an unmet condition can end the list.
  bool guards() const { return guards_; }
  /// Names of variables that outputs of steps go to, for the state of the flow.
  const std::set<std::string>& outputs() const { return outputs_; }
  void declareOutput(const flow::Node& step);

 private:
  struct Parts;
  static std::optional<flow::Node> memberAt(const flow::Node& node, std::string_view name,
                                            std::string_view other);
  std::string allOf(const flow::Node& conditions, const std::string& id, json::Array& steps);
  void common(const flow::Node& node, Parts& parts);
  void finish(const flow::Node& node, Parts& parts, json::Value& step);
  json::Value keptOutput(std::string name, const std::string& id);
  void retry(const flow::Node& node, Parts& parts);
  void continueOn(const flow::Node& node, Parts& parts);
  void work(const flow::Node& node, Parts& parts);
  void childWork(const flow::Node& node, Parts& parts);
  json::Value itemsOf(const flow::Node& source);
  void forEachItem(const flow::Node& parallel, json::Value flow, Parts& parts);
  void noteReading(const flow::Node& node, const flow::Node& command);
  void shellWork(const flow::Node& node, Parts& parts);
  void namedWork(const flow::Node& node, Parts& parts, const std::string& type);
  void httpWork(const flow::Node& node, Parts& parts);
  void sshWork(const flow::Node& node, Parts& parts);
  void jqWork(const flow::Node& node, Parts& parts);
  void waitWork(const flow::Node& node, Parts& parts, const std::string& type);
  void placeholder(const flow::Node& node, Parts& parts, const std::string& what);
  json::Value repeated(const flow::Node& policy, Parts& parts, json::Array inner);
  json::Value script(const flow::Node& node, const std::string& text,
                     const std::map<std::string, std::string>& own);

  ImportNotes& notes_;
  DaguVariables& variables_;
  const DaguDefaults& defaults_;
  std::set<std::string> ids_{"end", "fail", "skip"};
  std::set<std::string> outputs_;
  bool inBranch_ = false;
  bool guards_ = false;
};

/// A text that stands in `…` of JavaScript.
std::string inBackticks(std::string_view text);
/// A text of a flow as an expression: a${{ input.x }}b as `a${ input.x }b`.
std::string templateText(std::string text);

/// Pairs of a map, of a list of maps, or of texts like "A=1 B=2", in their order.
struct DaguPair {
  std::string name;
  std::string value;
};
std::vector<DaguPair> pairsOf(const flow::Node& node, ImportNotes& notes);

}  // namespace belay::authoring
