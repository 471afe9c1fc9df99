#include "agent/authoring/StepDocs.h"

#include <array>
#include <cmath>

#include "common/base/Check.h"
#include "common/json/Json.h"
#include "embedded/Embedded.h"

namespace belay::authoring {

using flow::KeyRow;
using flow::Shape;
using json::Value;

namespace {

struct ShapeWords {
  Shape shape;
  std::string_view kind;
  std::string_view measure;  ///< What bounds count; empty: the value itself.
};

constexpr std::array<ShapeWords, 30> kShapes{{
    {Shape::kText, "text", "characters"},
    {Shape::kScript, "shell script", "characters"},
    {Shape::kSql, "statement", "characters"},
    {Shape::kIdentifier, "identifier", ""},
    {Shape::kFunctionName, "function name", ""},
    {Shape::kItemName, "name", ""},
    {Shape::kExpression, "expression", ""},
    {Shape::kFlag, "true or false", ""},
    {Shape::kInteger, "whole number", ""},
    {Shape::kNumber, "number", ""},
    {Shape::kDuration, "duration", "ms"},
    {Shape::kInstant, "instant", ""},
    {Shape::kSize, "size", "bytes"},
    {Shape::kRelease, "release", ""},
    {Shape::kChoice, "choice", ""},
    {Shape::kWords, "text or list of texts", "items"},
    {Shape::kTextList, "list of texts", "items"},
    {Shape::kIntegerList, "list of whole numbers", ""},
    {Shape::kChoiceList, "list of choices", "items"},
    {Shape::kMap, "map", "members"},
    {Shape::kAny, "any value", ""},
    {Shape::kConstants, "object", ""},
    {Shape::kJsonSchema, "JSON Schema", ""},
    {Shape::kObject, "object", ""},
    {Shape::kObjectList, "list of objects", "items"},
    {Shape::kSteps, "list of steps", "items"},
    {Shape::kBranches, "lists of steps by name", "members"},
    {Shape::kNext, "step, end, or expression", ""},
    {Shape::kStep, "step or end", ""},
    {Shape::kPrompt, "text or {template: NAME}", "characters"},
}};

ShapeWords wordsOf(Shape shape) {
  for (const ShapeWords& row : kShapes) {
    if (row.shape == shape) return row;
  }
  return {shape, "fail, skip, or step", ""};
}

json::Array textsOf(std::span<const std::string_view> words) {
  json::Array out;
  for (const std::string_view word : words) out.emplace_back(word);
  return out;
}

json::Array keysOf(const flow::ObjectRow& object) {
  json::Array out;
  for (const KeyRow& key : object.keys) out.push_back(describeKey(key));
  return out;
}

bool takes(const flow::FamilyRow& row, std::string_view key) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 8> kOptions{
      {{"timeout", flow::kTakesTimeout},
       {"retry", flow::kTakesRetry},
       {"effect", flow::kTakesEffect},
       {"review", flow::kTakesReview},
       {"rate_limit", flow::kTakesEffect},
       {"compensate", flow::kTakesNext},
       {"persist", flow::kTakesPersist},
       {"next", flow::kTakesNext}}};
  for (const auto& [name, bit] : kOptions) {
    if (name == key) return (row.options & bit) != 0;
  }
  return true;
}

}  // namespace

Value describeKey(const KeyRow& row) {
  const ShapeWords words = wordsOf(row.shape);
  Value out;
  out.set("key", row.name)
      .set("kind", words.kind)
      .set("required", (row.flags & flow::kRequired) != 0);
  if (row.flags & flow::kTemplate) out.set("template", true);
  if (row.flags & flow::kSecrets) out.set("secrets", true);
  if (!row.choices.empty()) out.set("choices", textsOf(row.choices));
  if (row.least != 0) out.set("least", row.least);
  if (std::isfinite(row.most)) out.set("most", row.most);
  if ((row.least != 0 || std::isfinite(row.most)) && !words.measure.empty())
    out.set("measure", words.measure);
  if (!row.fallback.empty()) {
    auto fallback = json::parse(row.fallback);
    BELAY_CHECK(fallback.ok());  // The tables are ours.
    out.set("default", std::move(*fallback));
  }
  out.set("help", row.help);
  if (row.object) {
    out.set("keys", keysOf(*row.object));
    if (!row.object->exactlyOne.empty()) out.set("exactly_one", textsOf(row.object->exactlyOne));
  }
  return out;
}

Value describeFamily(const flow::FamilyRow& row) {
  Value out;
  out.set("family", row.key.name).set("help", row.key.help);
  out.set("effect", flow::effectClassName(row.effect));
  if (!row.timeout.empty()) out.set("timeout", row.timeout);
  const Value key = describeKey(row.key);
  for (const std::string_view name :
       {"kind", "template", "least", "most", "measure", "exactly_one"}) {
    if (const Value* member = key.find(name)) out.set(name, *member);
  }
  const Value* keys = key.find("keys");
  out.set("keys", keys ? *keys : Value(json::Array{}));
  json::Array options;
  for (const KeyRow& option : flow::stepKeys()) {
    if (takes(row, option.name)) options.push_back(describeKey(option));
  }
  out.set("options", std::move(options));
  return out;
}

std::vector<Example> examplesOf(std::string_view family) {
  constexpr std::string_view kBetween = "\n---\n";
  std::vector<Example> out;
  const embedded::File* file =
      embedded::find("config/templates/steps/" + std::string(family) + ".yaml");
  std::string_view rest = file ? file->content : std::string_view();
  while (!rest.empty()) {
    const std::size_t end = rest.find(kBetween);
    const std::string_view text = end == std::string_view::npos ? rest : rest.substr(0, end + 1);
    const std::string_view first = text.substr(0, text.find('\n'));
    out.push_back({first.starts_with("# ") ? first.substr(2) : first, text});
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + kBetween.size());
  }
  return out;
}

}  // namespace belay::authoring
