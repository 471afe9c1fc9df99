// The mistakes of tests/data/mistakes (its README.md says how they are written): about each bad
// file exactly what stands there is said, and about the good file beside it nothing.
// BELAY_UPDATE_GOLDEN=1 writes anew what is said.
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/flow/Bundle.h"
#include "agent/flow/CodeCalls.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/yaml/Yaml.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Format;
using belay::json::Value;
namespace json = belay::json;

namespace {

const std::string kFolder = "tests/data/mistakes/";
const std::string kFunction = "\nexport default async function (ctx, input) {}\n";

struct Section {
  std::string head;  ///< "## NAME (KIND)"
  std::string kind;
  std::string body;
  std::string said;
};

/// What stands before the first section, and the sections.
struct Page {
  std::string preface;
  std::vector<Section> sections;

  explicit Page(const std::string& text) {
    for (const std::string_view piece : belay::base::split(text, '\n')) {
      const std::string line = std::string(piece) + "\n";
      if (line.starts_with("## ")) {
        const std::size_t open = line.rfind('(');
        sections.push_back({line, line.substr(open + 1, line.rfind(')') - open - 1), "", ""});
      } else if (sections.empty()) {
        preface += line;
      } else {
        (line.starts_with("> ") ? sections.back().said : sections.back().body) += line;
      }
    }
    for (Section& section : sections) section.body.erase(section.body.find_last_not_of('\n') + 1);
    preface.erase(preface.find_last_not_of('\n') + 1);
  }

  std::string text() const {
    std::string out = preface + "\n";
    for (const Section& section : sections)
      out += "\n" + section.head + section.body + "\n" + section.said;
    return out;
  }
};

/// `text` with what `change` gives for all that stands between `open` and `close`.
template <typename Change>
std::string replaced(std::string text, std::string_view open, std::string_view close,
                     Change change) {
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string::npos;) {
    const std::size_t end = text.find(close, at + open.size());
    CHECK_TEXT(end != std::string::npos, text.c_str());
    const std::string made = change(text.substr(at + open.size(), end - at - open.size()));
    text.replace(at, end + close.size() - at, made);
    at += made.size();
  }
  return text;
}

std::string rendered(const std::string& body, bool good) {
  const std::string chosen = replaced(body, "<<", ">>", [good](const std::string& mark) {
    const std::size_t arrow = mark.find(" -> ");
    CHECK_TEXT(arrow != std::string::npos, mark.c_str());
    return good ? mark.substr(arrow + 4) : mark.substr(0, arrow);
  });
  const std::string whole = replaced(chosen, "<*", "*>", [](const std::string& repeat) {
    const std::size_t space = repeat.find(' ');
    std::string out;
    for (int i = 1; i <= std::stoi(repeat.substr(0, space)); ++i) {
      std::string one = repeat.substr(space + 1);
      for (std::size_t at = 0; (at = one.find('#', at)) != std::string::npos;)
        one.replace(at, 1, std::to_string(i));
      out += one;
    }
    return out;
  });
  const std::size_t byte = whole.find("@00@");
  if (byte == std::string::npos) return whole;
  return whole.substr(0, byte) + std::string(1, '\0') + whole.substr(byte + 4);
}

std::string saidOfCall(const std::string& definition) {
  const auto flow = belay::flow::parseFlow("export const flow = {slug: \"x\"};" + kFunction, "f.js",
                                           Format::kCode);
  const auto checked = belay::flow::checkCall(*flow, "a", definition);
  if (checked) return {};
  return "> call: error: " + checked.error().message + " [" +
         std::string(belay::base::errorText(checked.error().code)) + "]\n";
}

/// The lines that are said about one side of a section.
std::string said(const Section& section, bool good) {
  std::string text = rendered(section.body, good);
  if (section.kind == "call") return saidOfCall(text);
  std::map<std::string, std::string> files;
  for (std::size_t at; (at = text.rfind("\n+++ ")) != std::string::npos; text.erase(at)) {
    const std::size_t line = text.find('\n', at + 1);
    files[text.substr(at + 5, line - at - 5)] = text.substr(line + 1);
  }
  Format format = Format::kYaml;
  if (section.kind == "steps") text = "slug: x\nsteps:\n" + text;
  if (section.kind == "top") text = "slug: x\n" + text + "\nsteps: [{id: a, set: {b: 1}}]\n";
  if (section.kind == "literal") text = "export const flow = " + text + ";" + kFunction;
  if (section.kind == "json") format = Format::kJson;
  if (section.kind == "bundle") format = Format::kBundle;
  if (section.kind == "code" || section.kind == "literal") format = Format::kCode;
  if (!files.empty()) {
    text = belay::flow::printBundle({format, text, files});
    format = Format::kBundle;
  }
  belay::script::SyntaxChecker checker;
  belay::flow::SyntaxCheck syntax = belay::test::syntaxOf(checker);
  syntax.nowMs = [] { return std::int64_t{1'760'000'000'000}; };  // 2025-10-09
  const auto checked = belay::flow::checkFlow(text, "f", format, syntax);
  std::string out;
  bool fails = false;
  constexpr std::size_t kLinesMax = 12;  // Of more, the first and the last.
  const std::size_t count = checked.diagnostics.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto& diagnostic = checked.diagnostics[i];
    if (count > kLinesMax && i == 1) out += "> " + std::to_string(count - 2) + " more\n";
    if (count <= kLinesMax || i == 0 || i + 1 == count) out += "> " + diagnostic.text() + "\n";
    fails |= diagnostic.severity == belay::flow::Severity::kError;
  }
  CHECK_TEXT(checked.flow.has_value() != fails, section.head.c_str());
  return out;
}

/// Puts a value of another kind into the place of each one of an object, one at a time, and gives
/// the names of the keys that take it.
class Misuse {
 public:
  explicit Misuse(std::set<std::string>& seen) : seen_(seen) {}

  std::string takenBy(Value& root, Value& at, const std::string& around = "flow") {
    std::string taken;
    for (auto& [key, value] : at.asObject()) {
      const std::string name = around + "." + key;
      const Value kept = value;
      if (seen_.insert(name).second) {
        value =
            kept.isObject() || kept.isArray() ? Value(7.5) : Value(json::Object{{"?", Value(1)}});
        if (belay::test::check(json::print(root), Format::kJson).flow) taken += name + " ";
        value = kept;
      }
      if (kData.contains(key)) continue;
      if (value.isObject()) taken += takenBy(root, value, key);
      for (std::size_t i = 0; value.isArray() && i < value.asArray().size(); ++i) {
        Value& item = value.asArray()[i];
        if (item.isObject()) taken += takenBy(root, item, key);
      }
    }
    return taken;
  }

 private:
  /// What stands within these is data, or JSON Schema.
  const std::set<std::string> kData{"input", "output", "set",  "state",  "json",
                                    "value", "data",   "form", "schema", "context"};
  std::set<std::string>& seen_;
};

}  // namespace

TEST_GROUP(Mistakes){};

TEST(Mistakes, noKeyTakesAValueOfAnotherKind) {
  std::set<std::string> seen;
  std::string taken;
  auto files = belay::test::exampleFlows();
  files.insert(files.begin(), "tests/data/flows/every-key.flow.yaml");
  for (const std::string& path : files) {
    Value root = belay::yaml::parse(belay::base::readFile(path, 1u << 20).value())->root;
    CHECK(belay::test::check(json::print(root), Format::kJson).flow.has_value());
    taken += Misuse(seen).takenBy(root, root);
  }
  // Where any value may stand.
  STRCMP_EQUAL(
      "handoff.context flow.output function.input db.params params.items http.json kv.value "
      "put.content ",
      taken.c_str());
  CHECK(seen.size() > 120);
}

TEST(Mistakes, eachIsNamedAndWhatIsRightInsteadIsTaken) {
  std::string problems;
  std::size_t count = 0;
  const auto names = belay::base::listFolder(kFolder);
  CHECK(names.ok());
  for (const std::string& name : *names) {
    if (!name.ends_with(".txt")) continue;
    Page page(belay::base::readFile(kFolder + name, 1u << 20).value());
    for (Section& section : page.sections) {
      ++count;
      const std::string was = said(section, false);
      if (std::getenv("BELAY_UPDATE_GOLDEN")) section.said = was;
      if (was.empty()) problems += section.head + "nothing is said\n";
      if (was != section.said) problems += section.head + was + "expected\n" + section.said;
      const std::string good = said(section, true);
      if (!good.empty()) problems += section.head + "the good side\n" + good;
    }
    if (std::getenv("BELAY_UPDATE_GOLDEN"))
      CHECK(belay::base::writeFileDurably(kFolder + name, page.text(), 0644).ok());
  }
  STRCMP_EQUAL("", problems.c_str());
  CHECK(count > 100);
}
