#include "agent/rehearsal/Scenario.h"

#include <algorithm>
#include <array>
#include <span>

#include "agent/engine/Names.h"
#include "agent/flow/Flow.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/json/Json.h"

namespace belay::rehearsal {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 8> kEntryKeys{"name",  "input", "now",     "trigger",
                                                     "given", "kv",    "actions", "expect"};
constexpr std::array<std::string_view, static_cast<std::size_t>(Given::Kind::kCount)> kAnswers{
    "output", "fails", "approve", "reject", "body", "nothing", "unknown"};
constexpr std::array<std::string_view, static_cast<std::size_t>(Action::Verb::kCount)> kVerbs{
    "pause", "resume", "stop", "cancel", "resolve"};
constexpr std::array<std::string_view, 4> kActionKeys{"after", "do", "step", "as"};
constexpr std::array<std::string_view, 10> kGivenKeys{"output", "fails",   "approve", "reject",
                                                      "body",   "nothing", "unknown", "comment",
                                                      "form",   "takes"};
constexpr std::array<std::string_view, 4> kFailureKeys{"class", "code", "message", "nothing_left"};

Error wrong(const std::string& pointer, const std::string& why) {
  return Error{ErrorCode::kInputInvalid, (pointer.empty() ? "the test" : pointer) + " " + why};
}

Status onlyKeys(const Value& object, Words known, const std::string& pointer) {
  if (!object.isObject()) return wrong(pointer, "must be an object");
  for (const json::Member& member : object.asObject()) {
    if (std::find(known.begin(), known.end(), member.first) != known.end()) continue;
    const auto near = base::nearest(member.first, known);
    return wrong(pointer, "has the unknown member \"" + base::visible(member.first.substr(0, 60)) +
                              "\"" + (near ? "; did you mean \"" + *near + "\"?" : ""));
  }
  return {};
}

Status readFailure(const Value& value, const std::string& pointer, engine::Failure& out) {
  BELAY_TRY(onlyKeys(value, kFailureKeys, pointer));
  const std::string name = value.text("class", "other");
  const auto kind = flow::failureClassFrom(name);
  if (!kind && name != "other") {
    return wrong(pointer + "/class",
                 "is no class of failures: timeout, rate_limited, unavailable, server_error, "
                 "exit_code, connection or other");
  }
  out.kind = kind.value_or(flow::FailureClass::kOther);
  out.code = value.text("code", "BLY-STEP-FAILED");
  out.message = value.text("message", "the test says that it fails");
  out.nothingLeft = value.flag("nothing_left");
  return {};
}

Result<Given> readGiven(const Value& value, const std::string& pointer) {
  BELAY_TRY(onlyKeys(value, kGivenKeys, pointer));
  Given out;
  int answers = 0;
  const Value* answer = nullptr;
  for (std::size_t i = 0; i < kAnswers.size(); ++i) {
    if (const Value* found = value.find(kAnswers[i])) {
      ++answers;
      answer = found;
      out.kind = static_cast<Given::Kind>(i);
    }
  }
  if (answers != 1) {
    return wrong(pointer, "needs one of output, fails, approve, reject, body, nothing or unknown");
  }
  if (out.kind == Given::Kind::kFailure)
    BELAY_TRY(readFailure(*answer, pointer + "/fails", out.failure));
  if (out.kind == Given::Kind::kOutput || out.kind == Given::Kind::kBody)
    out.json = json::print(*answer);
  if (const Value* form = value.find("form")) out.json = json::print(*form);
  out.comment = value.text("comment");
  if (const Value* takes = value.find("takes")) {
    const auto time = takes->isString() ? base::parseDuration(takes->asString())
                                        : Result<std::chrono::milliseconds>(Error{
                                              ErrorCode::kInputInvalid, "must be a duration"});
    if (!time) return wrong(pointer + "/takes", "must be a duration like 30s or 2h");
    out.takes = *time;
  }
  return out;
}

Status readAnswers(const Value& given, Scenario& out) {
  if (!given.isObject()) return wrong("/given", "must be an object of answers by step");
  for (const json::Member& member : given.asObject()) {
    const std::string pointer = "/given/" + json::pointerToken(member.first);
    std::vector<Given>& answers = out.given[member.first];
    if (!member.second.isArray()) {
      BELAY_ASSIGN(Given one, readGiven(member.second, pointer));
      answers.push_back(std::move(one));
      continue;
    }
    for (std::size_t i = 0; i < member.second.asArray().size(); ++i) {
      BELAY_ASSIGN(Given one,
                   readGiven(member.second.asArray()[i], pointer + "/" + std::to_string(i)));
      answers.push_back(std::move(one));
    }
    if (answers.empty()) return wrong(pointer, "must not be empty");
  }
  return {};
}

Result<Action> readAction(const Value& value, const std::string& pointer) {
  BELAY_TRY(onlyKeys(value, kActionKeys, pointer));
  Action out;
  const auto after = base::parseDuration(value.text("after"));
  if (!after) return wrong(pointer + "/after", "must be a duration like 30s or 2h");
  out.after = *after;
  const auto verb = std::find(kVerbs.begin(), kVerbs.end(), value.text("do"));
  if (verb == kVerbs.end())
    return wrong(pointer + "/do", "must be pause, resume, stop, cancel or resolve");
  out.verb = static_cast<Action::Verb>(verb - kVerbs.begin());
  if (out.verb != Action::Verb::kResolve) return out;
  out.step = value.text("step");
  const auto as = engine::resolutionFrom(value.text("as"));
  if (out.step.empty() || !as)
    return wrong(pointer, "needs step, and as: succeeded, failed or retry");
  out.as = *as;
  return out;
}

Status readActions(const Value& list, Scenario& out) {
  if (!list.isArray()) return wrong("/actions", "must be a list");
  for (std::size_t i = 0; i < list.asArray().size(); ++i) {
    BELAY_ASSIGN(Action one, readAction(list.asArray()[i], "/actions/" + std::to_string(i)));
    out.actions.push_back(std::move(one));
  }
  std::stable_sort(out.actions.begin(), out.actions.end(),
                   [](const Action& a, const Action& b) { return a.after < b.after; });
  return {};
}

}  // namespace

Result<Scenario> readScenario(const Value& entry) {
  BELAY_TRY(onlyKeys(entry, kEntryKeys, ""));
  Scenario out;
  out.name = entry.text("name");
  if (out.name.empty()) return wrong("", "needs a name");
  if (const Value* input = entry.find("input")) {
    if (!input->isObject()) return wrong("/input", "must be an object");
    out.input = *input;
  }
  if (const Value* now = entry.find("now")) {
    const auto at = now->isString() ? base::parseInstant(now->asString())
                                    : Result<std::int64_t>(Error{ErrorCode::kInputInvalid, ""});
    if (!at) return wrong("/now", "must be an instant like 2026-01-31T09:00:00Z");
    out.startMs = *at;
  }
  if (const Value* trigger = entry.find("trigger")) {
    if (!trigger->isObject()) return wrong("/trigger", "must be an object");
    out.triggerJson = json::print(*trigger);
  }
  if (const Value* given = entry.find("given")) BELAY_TRY(readAnswers(*given, out));
  if (const Value* kv = entry.find("kv")) {
    if (!kv->isObject()) return wrong("/kv", "must be an object of values by key");
    for (const json::Member& member : kv->asObject())
      out.kv.emplace_back(member.first, json::print(member.second));
  }
  if (const Value* actions = entry.find("actions")) BELAY_TRY(readActions(*actions, out));
  if (const Value* expect = entry.find("expect")) out.expect = *expect;
  return out;
}

}  // namespace belay::rehearsal
