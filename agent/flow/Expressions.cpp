#include "agent/flow/Expressions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "agent/script/Scanner.h"
#include "agent/script/Template.h"
#include "common/base/Text.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::flow {

using base::Error;
using base::ErrorCode;
using base::Status;
using script::Token;

namespace {

std::string shown(std::string_view expression) {
  constexpr std::size_t kShown = 60;
  return "${{ " + base::visible(base::shortened(base::trim(expression), kShown)) + " }}";
}

/// Programs whose argument after one of `codeFlags` is code.
struct Interpreter {
  std::string_view name;
  std::string_view codeFlags;  ///< Letters of short options.
  bool operandsFirst = false;  ///< Options may stand behind operands.
};
constexpr std::array<Interpreter, 13> kInterpreters{{{"sh", "c"},
                                                     {"bash", "c"},
                                                     {"dash", "c"},
                                                     {"ash", "c"},
                                                     {"zsh", "c"},
                                                     {"ksh", "c"},
                                                     {"fish", "c"},
                                                     {"su", "c", true},
                                                     {"python", "c"},
                                                     {"python3", "c"},
                                                     {"perl", "eE"},
                                                     {"ruby", "e"},
                                                     {"node", "ep"}}};
/// Letters of options of these programs that take the next argument.
constexpr std::string_view kTakesOperand = "oOWXIr";

const Interpreter* interpreterOf(std::string_view program) {
  const std::size_t slash = program.rfind('/');
  const std::string_view name =
      slash == std::string_view::npos ? program : program.substr(slash + 1);
  const auto found = std::find_if(kInterpreters.begin(), kInterpreters.end(),
                                  [&](const Interpreter& row) { return row.name == name; });
  return found == kInterpreters.end() ? nullptr : &*found;
}

bool takesCode(const Interpreter& interpreter, std::string_view argument) {
  return argument.size() >= 2 && argument[0] == '-' && argument[1] != '-' &&
         argument.find_first_of(interpreter.codeFlags, 1) != std::string_view::npos;
}

/// The argument of a command that a shell or an interpreter takes as code.
std::optional<Node> codeOf(const Node& command) {
  const json::Array& words = command.value.asArray();
  const Interpreter* interpreter = nullptr;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (!words[i].isString() || !words[i + 1].isString()) return std::nullopt;
    const std::string& word = words[i].asString();
    if (const Interpreter* found = interpreterOf(word)) {
      interpreter = found;
    } else if (interpreter && takesCode(*interpreter, word)) {
      return command.child(i + 1);
    } else if (word.size() == 2 && word[0] == '-' &&
               kTakesOperand.find(word[1]) != std::string_view::npos) {
      ++i;
    } else if (interpreter && !word.starts_with('-') && !interpreter->operandsFirst) {
      interpreter = nullptr;  // A file of code; what follows are its own arguments.
    }
  }
  return std::nullopt;
}

struct Found {
  std::string shown;
  std::string variable;
};

/// The first expression; a text that cannot be read, or only has the escape of one, has none.
Found firstExpression(const std::string& text) {
  const auto parsed = script::Template::parse(text);
  if (!parsed.ok()) return {shown("…"), "VALUE"};
  const auto part = std::find_if(parsed->parts().begin(), parsed->parts().end(),
                                 [](const script::TemplatePart& row) { return row.isExpression; });
  if (part == parsed->parts().end()) return {"$" + shown("…"), "VALUE"};
  return {shown(part->text), variableFor(part->text)};
}

/// Names that a shell or the host gives a meaning of its own.
constexpr std::array<std::string_view, 12> kTakenVariables{"PATH", "HOME",   "USER",    "SHELL",
                                                           "PWD",  "IFS",    "ENV",     "LANG",
                                                           "TERM", "TMPDIR", "LOGNAME", "MAIL"};

/// Names in expressions that begin with a small letter, and that the flow can give no other
/// meaning.
constexpr std::array<std::string_view, 23> kTakenNames{"belay",      "input",      "state",
                                                       "steps",      "run",
                                                       "trigger",    "event",
                                                       "item",       "index",
                                                       "error",      "output",
                                                       "functions",  "undefined",
                                                       "globalThis", "parseInt",
                                                       "parseFloat", "isNaN",
                                                       "isFinite",   "decodeURI",
                                                       "encodeURI",  "escape",
                                                       "unescape",   "encodeURIComponent"};

std::string upper(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c >= 'a' && c <= 'z')
      out += static_cast<char>(c - 'a' + 'A');
    else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
      out += c;
    else
      out += '_';
  }
  return out;
}

/// The text of a string literal without escapes; empty when it is none.
std::string_view plainString(std::string_view literal) {
  const bool isString = literal.size() >= 2 && (literal[0] == '"' || literal[0] == '\'') &&
                        literal.back() == literal[0] &&
                        literal.find('\\') == std::string_view::npos;
  return isString ? literal.substr(1, literal.size() - 2) : std::string_view();
}

}  // namespace

std::string soleExpression(const std::string& text) {
  if (!script::mayHoldExpression(text)) return {};
  const auto parsed = script::Template::parse(text);
  const script::TemplatePart* sole = parsed.ok() ? parsed->sole() : nullptr;
  return sole ? sole->text : std::string();
}

std::string variableFor(std::string_view expression) {
  std::vector<std::string> words;
  script::Scanner scanner(expression);
  for (auto token = scanner.next(); token.ok() && token->kind != Token::Kind::kEnd;
       token = scanner.next()) {
    if (token->kind == Token::Kind::kWord) words.push_back(upper(scanner.textOf(*token)));
    if (words.size() > 50) break;
  }
  std::erase_if(words, [](const std::string& word) {
    return word == "OUTPUT" || word == "STEPS" || word == "INPUT";
  });
  if (words.empty()) return "VALUE";
  std::string name = words.back();
  const bool taken =
      std::find(kTakenVariables.begin(), kTakenVariables.end(), name) != kTakenVariables.end();
  if (taken) name = (words.size() > 1 ? words[words.size() - 2] : std::string("MY")) + "_" + name;
  if (name[0] >= '0' && name[0] <= '9') name = "V_" + name;
  return name.substr(0, 64);
}

void Expressions::checkText(const Node& node) {
  const std::string& text = node.value.asString();
  if (!script::mayHoldExpression(text) || report_.full()) return;
  const auto parsed = script::Template::parse(text);
  if (!parsed.ok()) return reportSyntax(node, "the text", parsed.error());
  for (const script::TemplatePart& part : parsed->parts()) {
    if (part.isExpression) checkExpression(node, part.text);
  }
}

void Expressions::checkSole(const Node& node) {
  const std::string& text = node.value.asString();
  if (!soleExpression(text).empty()) return checkText(node);
  const auto parsed = script::Template::parse(text);
  if (!parsed.ok()) return reportSyntax(node, "the text", parsed.error());
  report_.error(ErrorCode::kFlowBadValue, node, "must be one expression, true or false",
                "write \"${{ " + base::visible(base::trim(text).substr(0, 60)) + " }}\"");
}

bool Expressions::refuse(const Node& node) {
  if (!script::mayHoldExpression(node.value.asString())) return true;
  report_.error(ErrorCode::kFlowBadValue, node,
                "an expression cannot stand here: the value is fixed when the flow is written");
  return false;
}

void Expressions::refuseInScript(const Node& node) {
  const std::string& text = node.value.asString();
  if (!script::mayHoldExpression(text) || report_.full()) return;
  const Found found = firstExpression(text);
  report_.error(ErrorCode::kFlowExpressionInScript, node,
                "the script holds " + found.shown + ", and a shell would read its value as code",
                "write env: {" + found.variable + ": \"" + found.shown +
                    "\"} beside script, and \"$" + found.variable + "\" in it");
}

void Expressions::refuseInSql(const Node& node) {
  const std::string& text = node.value.asString();
  if (!script::mayHoldExpression(text) || report_.full()) return;
  const Found found = firstExpression(text);
  const std::string name = base::toLower(found.variable);
  report_.error(
      ErrorCode::kFlowExpressionInScript, node,
      "the statement holds " + found.shown + ", whose value would be read as SQL",
      "write params: {" + name + ": \"" + found.shown + "\"} beside sql, and :" + name + " in it");
}

void Expressions::refuseInCommand(const Node& command) {
  const std::optional<Node> code = codeOf(command);
  if (!code || !script::mayHoldExpression(code->value.asString()) || report_.full()) return;
  const Found found = firstExpression(code->value.asString());
  report_.error(
      ErrorCode::kFlowExpressionInScript, *code,
      "this argument is code, and holds " + found.shown + ", whose value would be read as code too",
      "write env: {" + found.variable + ": \"" + found.shown + "\"} beside command, and read " +
          found.variable + " in the code");
}

void Expressions::checkTrigger(const Node& node, bool hasEvent) {
  for (std::size_t i = 0; i < node.size() && !report_.full(); ++i)
    checkTrigger(node.child(i), hasEvent);
  // `event` stands last: it is there for some triggers.
  constexpr std::array<std::string_view, 8> kOfRuns{"input", "state", "steps", "run",
                                                    "item",  "index", "error", "event"};
  const std::span<const std::string_view> names(kOfRuns.data(), hasEvent ? 7 : 8);
  checkAbsent(node, {names, "when this trigger is looked at",
                     hasEvent ? "use event or trigger" : "use trigger.scheduled_for"});
}

void Expressions::checkStart(const Node& node) {
  constexpr std::array<std::string_view, 7> kOfBegun{"state", "steps", "run",  "item",
                                                     "index", "error", "event"};
  checkAbsent(node, {kOfBegun, "before the run exists", "use input or trigger"});
}

void Expressions::checkAbsent(const Node& node, const Absent& absent) {
  if (!node.value.isString() || !script::mayHoldExpression(node.value.asString())) return;
  const auto parsed = script::Template::parse(node.value.asString());
  if (!parsed.ok()) return;  // Said already.
  for (const script::TemplatePart& part : parsed->parts()) {
    if (!part.isExpression) continue;
    std::string_view before, name;
    script::Scanner scanner(part.text);
    for (auto token = scanner.next(); token.ok() && token->kind != Token::Kind::kEnd;
         token = scanner.next()) {
      const std::string_view text = scanner.textOf(*token);
      const bool accessed = text == "." || text == "?." || text == "[";
      const bool member = before == "." || before == "?.";
      const auto& names = absent.names;
      if (accessed && !member && std::find(names.begin(), names.end(), name) != names.end()) {
        report_.error(ErrorCode::kFlowUnknownName, node,
                      "there is no " + quoted(name) + " " + std::string(absent.when),
                      absent.hint);
        return;
      }
      before = std::exchange(name, text);
    }
  }
}

void Expressions::checkItemName(const Node& node) {
  const std::string& name = node.value.asString();
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_";
  const auto fits = [kLetters](char c) {
    return kLetters.find(c) != std::string_view::npos || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
  };
  const bool shaped = !name.empty() && name.size() <= 64 &&
                      kLetters.find(name[0]) != std::string_view::npos &&
                      std::all_of(name.begin(), name.end(), fits);
  if (!shaped) {
    report_.error(ErrorCode::kFlowBadValue, node,
                  "must match [a-z_][A-Za-z0-9_]{0,63}, is " + quoted(name));
    return;
  }
  const bool taken = std::find(kTakenNames.begin(), kTakenNames.end(), name) != kTakenNames.end();
  // Words of the language are no names.
  const bool isWord = syntax_.expression && !syntax_.expression("(" + name + ") => 1").ok();
  if (!taken && !isWord) return;
  report_.error(ErrorCode::kFlowBadValue, node,
                quoted(name) + " has a meaning of its own in expressions");
}

void Expressions::checkFunction(const Node& node) {
  if (!syntax_.function || report_.full()) return;
  const Status status = syntax_.function(node.value.asString());
  if (!status.ok()) reportSyntax(node, "the function", status.error());
}

void Expressions::checkCode(const Node& node) {
  if (!syntax_.code || report_.full()) return;
  const Status status = syntax_.code(node.value.asString());
  if (!status.ok()) reportSyntax(node, "the code", status.error());
}

void Expressions::checkExpression(const Node& node, const std::string& expression) {
  if (syntax_.expression) {
    const Status status = syntax_.expression(expression);
    if (!status.ok()) return reportSyntax(node, shown(expression), status.error());
  }
  checkReferences(node, expression);
}

void Expressions::reportSyntax(const Node& node, std::string_view what, const Error& error) {
  const bool lines = node.value.asString().find('\n') != std::string::npos;
  std::string where;
  if (error.place.line > 0 && lines) where = " in line " + std::to_string(error.place.line);
  if (error.place.column > 0) {
    where += (where.empty() ? " at column " : ", column ") + std::to_string(error.place.column);
  }
  report_.error(error.code, node, std::string(what) + where + ": " + error.message);
}

/// Looks for steps.NAME, steps["NAME"] and the same of functions.
void Expressions::checkReferences(const Node& node, std::string_view expression) {
  std::array<std::string_view, 4> last{};  // The latest tokens, newest last.
  script::Scanner scanner(expression);
  for (auto token = scanner.next(); token.ok() && token->kind != Token::Kind::kEnd;
       token = scanner.next()) {
    std::rotate(last.begin(), last.begin() + 1, last.end());
    last.back() = scanner.textOf(*token);
    const auto& [before, object, access, name] = last;
    if (before == "." || before == "?.") continue;
    if (object != "steps" && object != "functions") continue;
    const bool dotted = (access == "." || access == "?.") && token->kind == Token::Kind::kWord;
    const std::string_view found = dotted          ? name
                                   : access == "[" ? plainString(name)
                                                   : std::string_view();
    if (found.empty()) continue;
    if (object == "steps")
      checkStepName(node, found);
    else
      checkFunctionName(node, found);
  }
}

void Expressions::checkStepName(const Node& node, std::string_view name) {
  if (report_.full()) return;
  if (names_.hasStep(name)) return checkVisible(node, name);
  const std::string start = std::string(name) + "-";
  const auto dashed = std::find_if(names_.steps.begin(), names_.steps.end(),
                                   [&](std::string_view id) { return id.starts_with(start); });
  std::string hint = didYouMean(name, names_.steps);
  // To JavaScript steps.my-step is steps.my minus step.
  if (dashed != names_.steps.end()) hint = "write steps[\"" + std::string(*dashed) + "\"]";
  report_.error(ErrorCode::kFlowUnknownStep, node, "the flow has no step " + quoted(name),
                std::move(hint));
}

/// The outputs of nested steps are seen in their own list and in those within it.
void Expressions::checkVisible(const Node& node, std::string_view name) {
  const std::size_t list = names_.listOf[names_.stepIndex.at(name)];
  if (names_.lists.empty() || names_.sees(list_, list)) return;
  const auto container = names_.lists[list].container;
  if (!container) {
    report_.error(ErrorCode::kFlowUnknownStep, node,
                  "the step " + quoted(name) + " is one of on_failure, which only runs in the end");
    return;
  }
  const std::string holder(names_.steps[*container]);
  report_.error(
      ErrorCode::kFlowUnknownStep, node,
      "the step " + quoted(name) + " is within " + quoted(holder) + " and is not seen from here",
      "use the output of steps." + holder);
}

void Expressions::checkFunctionName(const Node& node, std::string_view name) {
  if (std::find(names_.functions.begin(), names_.functions.end(), name) != names_.functions.end())
    return;
  report_.error(ErrorCode::kFlowUnknownName, node, "the flow has no function " + quoted(name),
                didYouMean(name, names_.functions));
}

}  // namespace belay::flow
