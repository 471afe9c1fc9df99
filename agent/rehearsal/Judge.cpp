#include "agent/rehearsal/Judge.h"

#include <algorithm>
#include <array>

#include "agent/engine/Names.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/base/Utf8.h"
#include "common/json/Json.h"

namespace belay::rehearsal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::size_t kShownMax = 300;

std::string shown(const Value& value) {
  return base::shortened(json::print(value), kShownMax);
}

Value parsed(const std::string& text) {
  auto value = text.empty() ? Result<Value>(Value()) : json::parse(text);
  return value ? std::move(*value) : Value();
}

/// Where `actual` is not what is expected: a JSON Pointer and why; empty: nowhere.
std::string difference(const Value& expected, const Value& actual, const std::string& pointer) {
  if (expected.isString() && actual.isObject() && actual.find("truncated") && actual.find("text"))
    return difference(expected, *actual.find("text"), pointer);
  if (expected.isObject() && actual.isObject()) {
    for (const json::Member& member : expected.asObject()) {
      const Value* found = actual.find(member.first);
      const std::string below = pointer + "/" + json::pointerToken(member.first);
      if (!found) return below + " is not there";
      std::string inside = difference(member.second, *found, below);
      if (!inside.empty()) return inside;
    }
    return {};
  }
  if (expected == actual) return {};
  return (pointer.empty() ? "it" : pointer) + " is " + shown(actual) + ", expected " +
         shown(expected);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? "nothing" : out;
}

Result<std::vector<std::string>> wordsOf(const Value& list, const std::string& what) {
  const bool fits =
      list.isArray() && std::all_of(list.asArray().begin(), list.asArray().end(),
                                    [](const Value& item) { return item.isString(); });
  if (!fits) return Error{ErrorCode::kInputInvalid, "/expect/" + what + " must be a list of steps"};
  std::vector<std::string> out;
  for (const Value& item : list.asArray()) out.push_back(item.asString());
  return out;
}

class Judgement {
 public:
  Judgement(const Played& played, const Value& expect) : played_(played), expect_(expect) {}

  Result<std::vector<std::string>> take() {
    status();
    BELAY_TRY(paths());
    if (const Value* output = expect_.find("output"))
      compare("output", *output, parsed(finished().outputJson));
    if (const Value* state = expect_.find("state"))
      compare("state", *state, parsed(played_.state.stateJson));
    if (const Value* error = expect_.find("error")) compare("error", *error, errorOf());
    BELAY_TRY(steps());
    BELAY_TRY(duration());
    return std::move(problems_);
  }

 private:
  engine::RunFinished finished() const {
    return played_.state.finished.value_or(engine::RunFinished{});
  }

  Value errorOf() const {
    Value out{json::Object{}};
    const engine::RunFinished end = finished();
    if (!end.failure) return out;
    out.set("code", end.failure->code).set("message", end.failure->message);
    out.set("step", end.failedStep);
    return out;
  }

  void status() {
    const std::string expected = expect_.text("status", "succeeded");
    const std::string actual(engine::runStatusName(played_.state.status()));
    if (expected == actual) return;
    std::string why;
    if (const auto end = finished(); end.failure)
      why = ": " + end.failedStep + ": " + end.failure->message + " [" + end.failure->code + "]";
    problems_.push_back("the run is " + actual + ", expected " + expected + why);
  }

  Status paths() {
    const std::vector<std::string> actual = pathOf(played_.events);
    if (const Value* path = expect_.find("path")) {
      BELAY_ASSIGN(const std::vector<std::string> expected, wordsOf(*path, "path"));
      if (expected != actual)
        problems_.push_back("the path is " + joined(actual) + ", expected " + joined(expected));
    }
    if (const Value* some = expect_.find("path_has")) {
      BELAY_ASSIGN(const std::vector<std::string> expected, wordsOf(*some, "path_has"));
      auto at = actual.begin();
      for (const std::string& step : expected) {
        at = std::find(at, actual.end(), step);
        if (at == actual.end()) {
          problems_.push_back("the path is " + joined(actual) +
                              ", expected in it, in this order, " + joined(expected));
          break;
        }
        ++at;
      }
    }
    return {};
  }

  void compare(const std::string& what, const Value& expected, const Value& actual) {
    const std::string where = difference(expected, actual, "");
    if (!where.empty()) problems_.push_back("of the " + what + ", " + where);
  }

  Status steps() {
    const Value* steps = expect_.find("steps");
    if (!steps) return {};
    if (!steps->isObject())
      return Error{ErrorCode::kInputInvalid, "/expect/steps must be an object by step"};
    for (const json::Member& member : steps->asObject()) {
      const auto done = played_.state.done.find(member.first);
      Value actual{json::Object{}};
      if (done == played_.state.done.end()) {
        actual.set("status", "not run").set("visits", 0);
      } else {
        actual.set("status", engine::outcomeName(done->second.outcome));
        actual.set("visits", static_cast<std::int64_t>(done->second.key.visit));
        actual.set("output", parsed(done->second.outputJson));
        if (done->second.failure) actual.set("error", done->second.failure->code);
      }
      compare("step " + member.first, member.second, actual);
    }
    return {};
  }

  Status duration() {
    const Value* takes = expect_.find("takes");
    if (!takes) return {};
    const auto expected =
        takes->isString() ? base::parseDuration(takes->asString())
                          : Result<std::chrono::milliseconds>(Error{ErrorCode::kInputInvalid, ""});
    if (!expected) return Error{ErrorCode::kInputInvalid, "/expect/takes must be a duration"};
    if (expected->count() == played_.tookMs) return {};
    problems_.push_back("it takes " +
                        base::formatDuration(std::chrono::milliseconds{played_.tookMs}) +
                        ", expected " + takes->asString());
    return {};
  }

  const Played& played_;
  const Value& expect_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> pathOf(const std::vector<journal::EventRow>& events) {
  std::vector<std::string> out;
  for (const journal::EventRow& event : events) {
    const auto body = engine::decodeBody(event.name, event.body);
    const auto* end = body ? std::get_if<engine::StepFinished>(&*body) : nullptr;
    if (end && end->outcome != engine::StepOutcome::kSkipped) out.push_back(end->key.path);
  }
  return out;
}

Result<std::vector<std::string>> judge(const Played& played, const Value& expect) {
  constexpr std::array<std::string_view, 8> kKeys{"status", "path",  "path_has", "output",
                                                  "state",  "error", "steps",    "takes"};
  if (!expect.isNull() && !expect.isObject())
    return Error{ErrorCode::kInputInvalid, "/expect must be an object"};
  for (std::size_t i = 0; expect.isObject() && i < expect.asObject().size(); ++i) {
    const std::string& name = expect.asObject()[i].first;
    if (std::find(kKeys.begin(), kKeys.end(), name) != kKeys.end()) continue;
    const auto near = base::nearest(name, kKeys);
    return Error{ErrorCode::kInputInvalid, "/expect has the unknown member \"" +
                                               base::visible(name.substr(0, 60)) + "\"" +
                                               (near ? "; did you mean \"" + *near + "\"?" : "")};
  }
  return Judgement(played, expect).take();
}

}  // namespace belay::rehearsal
