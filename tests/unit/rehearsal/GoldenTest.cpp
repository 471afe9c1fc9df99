// Flows with the histories that they once had, in tests/golden: NAME.yaml holds a flow, what it was
// given and what is expected, NAME.jsonl its events. Histories are read as a journal's rows are,
// applied, and written again byte for byte; and the same flow still takes the same way. Those
// without a flow were recorded on a host, because a rehearsal does not make such ones: queues,
// schedules, children, code. They stay for ever: a later version must read them.
// BELAY_UPDATE_GOLDEN writes those of flows that are not there yet, and never one that is.
#include <stdlib.h>

#include <set>
#include <string>
#include <vector>

#include "agent/engine/Engine.h"
#include "agent/rehearsal/History.h"
#include "common/base/Files.h"
#include "common/base/Text.h"
#include "tests/unit/rehearsal/Rehearse.h"

#include <CppUTest/TestHarness.h>

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

struct Golden {
  std::vector<Script> scripts;
  Scenario scenario;
};

Script scriptOf(const Value& flow) {
  const std::string text = belay::json::print(flow);
  auto parsed = belay::flow::parseFlow(text, "golden.flow.json", belay::flow::Format::kJson);
  CHECK_TEXT(parsed.ok(), parsed.ok() ? "" : parsed.error().message.c_str());
  const belay::journal::FlowRow row{parsed->digest, parsed->slug.str(), "json", text, 0};
  return {std::move(*parsed), row};
}

Golden read(const std::string& name) {
  const auto text = belay::base::readFile(kFolder + name + ".yaml", 1u << 20);
  const auto document = belay::yaml::parse(*text);
  CHECK_TEXT(document.ok(), name.c_str());
  Golden out;
  out.scripts.push_back(scriptOf(*document->root.find("flow")));
  if (const Value* others = document->root.find("flows")) {
    for (const Value& flow : others->asArray()) out.scripts.push_back(scriptOf(flow));
  }
  Value test = *document->root.find("test");
  test.set("name", name);
  auto scenario = belay::rehearsal::readScenario(test);
  CHECK_TEXT(scenario.ok(), scenario.ok() ? "" : scenario.error().message.c_str());
  out.scenario = std::move(*scenario);
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

std::string print(const std::vector<belay::journal::EventRow>& events) {
  std::string out;
  for (const auto& event : events)
    out += std::to_string(event.atMs) + " " + event.name + " " + event.body + "\n";
  return out;
}

std::vector<belay::journal::EventRow> readHistory(const std::string& text) {
  std::vector<belay::journal::EventRow> out;
  for (const std::string_view line : belay::base::split(text, '\n')) {
    if (line.empty()) continue;
    const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    out.push_back({out.size() + 1, std::string(line.substr(first + 1, second - first - 1)),
                   std::stoll(std::string(line.substr(0, first))),
                   std::string(line.substr(second + 1))});
  }
  return out;
}

}  // namespace

TEST_GROUP(GoldenHistories){};

TEST(GoldenHistories, thereAreManyOfThem) { CHECK(names().size() >= 60); }

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
