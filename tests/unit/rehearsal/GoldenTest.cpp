// Flows with the histories that they once had, in tests/golden: NAME.yaml holds a flow or names its
// file, what it was given and what is expected, NAME.jsonl its events. Histories are read as a
// journal's rows are, applied, and written again byte for byte; and the same flow still takes the
// same way. What was recorded on a host (queues, a schedule, children) has no `test`: its record
// says what it was given. Code goes through its record, too, as in a new process, and whatever it
// numbers, names or orders in another way is a divergence. They stay for ever: a later version must
// read them.
// BELAY_UPDATE_GOLDEN writes those of flows that are not there yet, and never one that is.
#include <stdlib.h>

#include <set>
#include <string>
#include <vector>

#include "agent/engine/Engine.h"
#include "agent/flow/Bundle.h"
#include "agent/rehearsal/History.h"
#include "agent/runtime/CodeFeed.h"
#include "agent/runtime/RunScope.h"
#include "agent/script/Program.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/unit/rehearsal/Rehearse.h"

#include <CppUTest/TestHarness.h>

using belay::flow::Format;
using belay::journal::EventRow;
using belay::json::Value;
using belay::rehearsal::Played;
using belay::rehearsal::Scenario;
using belay::rehearsal::Script;

namespace {

const std::string kFolder = "tests/golden/";

std::vector<std::string> names(const std::string& ending = ".yaml") {
  std::vector<std::string> out;
  const auto files = belay::base::listFolder(kFolder);
  CHECK(files.ok());
  for (const std::string& file : *files) {
    if (file.ends_with(ending)) out.push_back(file.substr(0, file.size() - ending.size()));
  }
  return out;
}

std::string contentOf(const std::string& file) {
  const auto text = belay::base::readFile(kFolder + file, 1u << 20);
  CHECK_TEXT(text.ok(), file.c_str());
  return *text;
}

std::string print(const std::vector<EventRow>& events) {
  std::string out;
  for (const auto& event : events)
    out += std::to_string(event.atMs) + " " + event.name + " " + event.body + "\n";
  return out;
}

std::vector<EventRow> readHistory(const std::string& text) {
  std::vector<EventRow> out;
  for (const std::string_view line : belay::base::split(text, '\n')) {
    if (line.empty()) continue;
    const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    out.push_back({out.size() + 1, std::string(line.substr(first + 1, second - first - 1)),
                   std::stoll(std::string(line.substr(0, first))),
                   std::string(line.substr(second + 1))});
  }
  return out;
}

struct Golden {
  std::vector<Script> scripts;
  Scenario scenario;
};

Script scriptOf(const std::string& text, const std::string& file, Format format) {
  auto parsed = belay::flow::storedFlow(text, file, belay::flow::formatName(format));
  CHECK_TEXT(parsed.ok(), parsed.ok() ? "" : parsed.error().message.c_str());
  const belay::journal::FlowRow row{parsed->digest, parsed->slug.str(),
                                    std::string(belay::flow::formatName(format)), text, 0};
  return {std::move(*parsed), row};
}

/// The flow as it stands there, or the file of this name with those that it includes.
Script scriptOf(const Value& flow) {
  if (!flow.isString())
    return scriptOf(belay::json::print(flow), "golden.flow.json", Format::kJson);
  const std::string file = flow.asString();
  const Format format = file.ends_with(".js") ? Format::kCode : Format::kYaml;
  belay::flow::Bundle bundle{format, contentOf(file), {}};
  std::vector<std::string> texts{bundle.content};
  const std::string folder = file.substr(0, file.rfind('/') + 1);
  for (std::size_t i = 0; i < texts.size() && format == Format::kYaml; ++i) {
    for (const std::string& name : belay::flow::includedNames(texts[i], Format::kYaml)) {
      if (!bundle.files.emplace(name, contentOf(folder + name)).second) continue;
      if (name.ends_with(".yaml")) texts.push_back(bundle.files[name]);
    }
  }
  if (bundle.files.empty()) return scriptOf(bundle.content, file, format);
  return scriptOf(belay::flow::printBundle(bundle), file, Format::kBundle);
}

Golden read(const std::string& name) {
  const auto document = belay::yaml::parse(contentOf(name + ".yaml"));
  CHECK_TEXT(document.ok(), name.c_str());
  Golden out;
  out.scripts.push_back(scriptOf(*document->root.find("flow")));
  if (const Value* others = document->root.find("flows")) {
    for (const Value& flow : others->asArray()) out.scripts.push_back(scriptOf(flow));
  }
  const Value* test = document->root.find("test");
  const auto scenario = [&]() -> belay::base::Result<Scenario> {
    if (test == nullptr) {
      return belay::rehearsal::scenarioOf(name, readHistory(contentOf(name + ".jsonl")),
                                          out.scripts[0].flow, &belay::test::noResource);
    }
    Value named = *test;
    named.set("name", name);
    return belay::rehearsal::readScenario(named);
  }();
  CHECK_TEXT(scenario.ok(), scenario.ok() ? "" : scenario.error().message.c_str());
  out.scenario = *scenario;
  return out;
}

Played play(const std::string& name, const Golden& golden) {
  auto played = belay::rehearsal::play(golden.scripts, golden.scenario, &belay::test::noResource);
  CHECK_TEXT(played.ok(), played.ok() ? "" : (name + ": " + played.error().message).c_str());
  CHECK_TEXT(played->missing.empty() && played->stuck.empty(),
             (name + ": " + played->missing + played->stuck).c_str());
  STRCMP_EQUAL("", (belay::test::problems(*played, golden.scenario)).c_str());
  return std::move(*played);
}

std::string calls(const std::vector<EventRow>& history) {
  std::string out;
  for (const EventRow& row : history)
    if (row.name == "code_advanced") out += row.body + "\n";
  return out;
}

/// Takes code through its record, as a new process does (runtime/CodeSteps.h); gives where they
/// part.
std::string divergence(const belay::flow::Flow& flow, const std::vector<EventRow>& history) {
  belay::engine::RunState state;
  belay::runtime::CodeFeed feed;
  for (const EventRow& row : history) {
    auto body = belay::engine::decodeBody(row.name, row.body);
    feed.note(row.atMs, *body);
    CHECK(belay::engine::apply(state, belay::engine::Event{row.atMs, std::move(*body)}).ok());
  }
  belay::script::ProgramStart start;
  start.source = flow.code->source;
  start.inputJson = state.created.inputJson;
  start.stateJson = state.created.stateJson;
  start.runJson = belay::runtime::runJson(state);
  start.triggerJson = state.created.triggerJson;
  start.seed = state.created.seed;
  start.nowMs = state.createdAtMs;
  belay::runtime::CodeLedger ledger(flow, {});
  auto program = belay::script::Program::load(start, {}, ledger);
  CHECK_TEXT(program.ok(), program.ok() ? "" : program.error().message.c_str());
  bool started = false;
  for (belay::runtime::CodeRound& round : feed.takeRounds()) {
    ledger.expect(round);
    if (!std::exchange(started, true)) CHECK((*program)->start().ok());
    for (const auto& result : round.results) {
      const auto& finished = result.finished;
      belay::script::Settlement settlement;
      settlement.path = finished.key.path;
      settlement.visit = finished.key.visit;
      settlement.atMs = result.atMs;
      settlement.ok = finished.next.kind != belay::engine::Next::Kind::kFail;
      settlement.valueJson = finished.outputJson;
      if (!settlement.ok) {
        settlement.failureJson =
            R"({"class":")" + std::string(belay::flow::failureClassName(finished.failure->kind)) +
            R"(","step":")" + finished.key.path + R"("})";
      }
      CHECK((*program)->settle(settlement).ok());
    }
    if (const auto met = ledger.met(); !met) return met.error().message;
  }
  if (!(*program)->end()) return "the record ends, and the code goes on";
  return (*program)->end()->outputJson == state.finished->outputJson
             ? ""
             : "output " + (*program)->end()->outputJson + " and not " + state.finished->outputJson;
}

}  // namespace

TEST_GROUP(GoldenHistories){};

TEST(GoldenHistories, thereAreManyOfThem) {
  CHECK(names().size() >= 60);
  // And none without its flow.
  CHECK(names() == names(".jsonl"));
}

TEST(GoldenHistories, newOnesAreWritten) {
  for (const std::string& name : names()) {
    const std::string path = kFolder + name + ".jsonl";
    if (belay::base::fileExists(path)) continue;
    CHECK_TEXT(::getenv("BELAY_UPDATE_GOLDEN") != nullptr, ("there is no " + path).c_str());
    CHECK(belay::base::writeFileDurably(path, print(play(name, read(name)).events), 0644).ok());
  }
}

TEST(GoldenHistories, theyAreReadAndWrittenByteForByte) {
  std::set<std::string> seen;
  for (const std::string& name : names(".jsonl")) {
    const auto text = belay::base::readFile(kFolder + name + ".jsonl", 4u << 20);
    CHECK_TEXT(text.ok(), name.c_str());
    belay::engine::RunState state;
    std::string again;
    for (const auto& row : readHistory(*text)) {
      auto body = belay::engine::decodeBody(row.name, row.body);
      CHECK_TEXT(body.ok(), (name + ": " + row.name).c_str());
      again += std::to_string(row.atMs) + " " + std::string(belay::engine::eventName(*body)) + " " +
               belay::engine::encodeBody(*body) + "\n";
      const auto effects =
          belay::engine::apply(state, belay::engine::Event{row.atMs, std::move(*body)});
      CHECK_TEXT(effects.ok(), effects.ok() ? "" : (name + ": " + effects.error().message).c_str());
      seen.insert(row.name);
    }
    STRCMP_EQUAL(text->c_str(), again.c_str());
    CHECK_TEXT(state.finished.has_value(), name.c_str());
  }
  // Every kind of event is in one of them.
  for (const char* kind :
       {"run_created", "step_started", "step_finished", "attempt_failed", "wait_opened",
        "wait_resolved", "step_ambiguous", "ambiguity_resolved", "run_paused", "run_resumed",
        "run_stop_requested", "run_cancel_requested", "run_finished", "run_retried",
        "block_started", "round_started", "code_advanced", "run_admitted", "step_held"}) {
    CHECK_TEXT(seen.contains(kind), kind);
  }
}

TEST(GoldenHistories, theirFlowsStillTakeTheSameWay) {
  for (const std::string& name : names()) {
    const auto text = belay::base::readFile(kFolder + name + ".jsonl", 4u << 20);
    CHECK_TEXT(text.ok(), name.c_str());
    std::string differences;
    for (const auto& change :
         belay::rehearsal::compare(readHistory(*text), play(name, read(name)))) {
      differences += name + ": " + std::string(belay::rehearsal::changeName(change.kind)) + " " +
                     change.step + ": " + change.was + " > " + change.now + "\n";
    }
    STRCMP_EQUAL("", differences.c_str());
  }
}

TEST(GoldenHistories, theirCodeGoesThroughItsRecord) {
  int found = 0;
  for (const std::string& name : names()) {
    const Golden golden = read(name);
    if (!golden.scripts[0].flow.code) continue;
    ++found;
    const std::vector<EventRow> history = readHistory(contentOf(name + ".jsonl"));
    STRCMP_EQUAL_TEXT("", divergence(golden.scripts[0].flow, history).c_str(), name.c_str());
    // And asks a host for the same in the same order, if nothing of the record is there.
    if (golden.scenario.recorded) continue;
    STRCMP_EQUAL_TEXT(calls(history).c_str(), calls(play(name, golden).events).c_str(),
                      name.c_str());
  }
  CHECK(found >= 2);
}
