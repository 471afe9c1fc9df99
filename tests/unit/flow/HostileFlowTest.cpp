// Flow files that were made to hurt: large, deep, cut in the middle, with random bytes. None may
// crash, and none may take many times what an honest file of that size takes.
#include <algorithm>
#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "common/base/Files.h"
#include "tests/support/Sanitized.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/CommandLineTestRunner.h>
#include <CppUTest/MemoryLeakWarningPlugin.h>
#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::flow::Checked;
using belay::flow::Format;

namespace {

std::string repeated(const std::string& piece, std::size_t bytes) {
  std::string out;
  while (out.size() + piece.size() < bytes) out += piece;
  return out;
}

/// The detector of leaks walks through all that is allocated whenever something is freed: it would
/// be what is measured.
class WithoutLeakDetector {
 public:
  WithoutLeakDetector() { MemoryLeakWarningPlugin::saveAndDisableNewDeleteOverloads(); }
  ~WithoutLeakDetector() { MemoryLeakWarningPlugin::restoreNewDeleteOverloads(); }
};

double secondsOf(const std::string& text, Format format = Format::kYaml) {
  const WithoutLeakDetector off;
  const belay::test::CpuTime used;
  static_cast<void>(belay::flow::validateFlow(text, "f", format));
  return used.seconds();
}

/// How many times `honest` the text takes; the least of three tries when that is much, because a
/// machine that does other things makes one of them slow.
double timesOf(const std::string& text, double honest, double most) {
  double least = secondsOf(text) / honest;
  for (int again = 0; again < 2 && least >= most; ++again)
    least = std::min(least, secondsOf(text) / honest);
  return least;
}

/// So many steps that nobody could mind.
std::string honestSteps(int count) {
  std::string text = "slug: x\nsteps:\n";
  for (int i = 0; i < count; ++i)
    text += "- {id: s" + std::to_string(i) + ", set: {n: \"${{ state.n + 1 }}\"}}\n";
  return text;
}

}  // namespace

TEST_GROUP(HostileFlow){};

TEST(HostileFlow, aFileOverTheBoundIsRefusedUnread) {
  const std::string text =
      "slug: x\nsteps: [{id: a, set: {b: 1}}]\n#" + std::string(belay::flow::kFlowBytesMax, 'x');
  const Checked checked = belay::flow::checkFlow(text, "f", Format::kYaml);
  LONGS_EQUAL(1, checked.diagnostics.size());
  CHECK(checked.diagnostics[0].code == ErrorCode::kFlowTooLarge);
}

TEST(HostileFlow, twoThousandStepsAreTakenAndOneMoreIsNot) {
  const std::string text = honestSteps(2000);
  CHECK(text.size() < belay::flow::kFlowBytesMax);
  const Checked checked = belay::flow::checkFlow(text, "f", Format::kYaml);
  CHECK(checked.flow.has_value());
  LONGS_EQUAL(2000, checked.flow->steps.size());
  CHECK(!belay::flow::checkFlow(text + "- {id: last, set: {n: 1}}\n", "f", Format::kYaml)
             .flow.has_value());
}

TEST(HostileFlow, stepsCostTheSameHoweverManyThereAre) {
  const double few = secondsOf(honestSteps(200));
  const double times = timesOf(honestSteps(2000), few, 30);
  CHECK_TEXT(times < 30, std::to_string(times).c_str());
}

TEST(HostileFlow, largeFilesEndSoon) {
  const std::size_t size = 60'000;
  const double honest = secondsOf(honestSteps(1200));
  const std::string top = "slug: x\nsteps:\n";
  std::string ids = top;
  for (int i = 0; ids.size() < size; ++i)
    ids += "- {id: s" + std::to_string(i % 3000) + ", next: t" + std::to_string(i) +
           ", set: {a: 1}}\n";
  std::string keys;
  for (int i = 0; keys.size() < size; ++i) keys += "key" + std::to_string(i) + ": 1\n";
  std::string schema = "slug: x\ninput: {properties: {";
  for (int i = 0; schema.size() < size; ++i)
    schema += "p" + std::to_string(i) + ": {type: string},";
  const std::vector<std::string> texts{
      ids,
      keys,
      schema + "}}\n",
      top + repeated("- 1\n", size),
      top + repeated("- {}\n", size),
      top + "- id: a\n  set: {a: \"" + repeated("${{ a }}", size) + "\"}\n",
      top + "- id: a\n  set: {a: \"" + repeated("${{", size) + "\"}\n",
      top + "- id: a\n  set: {a: \"${{ " + repeated("(", size) + " }}\"}\n",
      top + "- id: a\n  set: {a: \"${{ " + repeated("steps.b ", size) + " }}\"}\n",
      top + "- id: a\n  run: {script: \"${{ " + repeated("a.", size) + " }}\"}\n",
      top + "- id: a\n  run: {command: [" + repeated("sh,-c,", size) + "]}\n",
      top + "- id: a\n  set: " + repeated("{a: ", size) + "\n",
      top + "- id: a\n  switch: [" + repeated("{next: b},", size) + "]\n",
      "slug: x\nrequires: [" + repeated("{name: a},", size) + "]\n",
      "slug: x\ninput: {pattern: \"" + repeated("(a|", size) + "\"}\n",
      "slug: x\ninput: " + repeated("{not: ", size) + "\n",
      "slug: x\nfunctions: {" + repeated("f: x,", size) + "}\n",
      "a: &a [x]\nb: [" + repeated("*a,", size) + "]\n",
  };
  for (const std::string& text : texts) {
    const double times = timesOf(text, honest, 6);
    CHECK_TEXT(times < 6, (std::to_string(times) + " times: " + text.substr(0, 60)).c_str());
  }
}

TEST(HostileFlow, aliasesCostTheSameHoweverManyThereAre) {
  const auto aliases = [](std::size_t bytes) {
    return "a: &a [x]\nb: [" + repeated("*a,", bytes) + "]\n";
  };
  const double times = timesOf(aliases(120'000), secondsOf(aliases(15'000)), 24);
  CHECK_TEXT(times < 24, std::to_string(times).c_str());
}

TEST(HostileFlow, everyPieceOfAnExampleIsHandled) {
  for (const std::string& path : belay::test::exampleFlows()) {
    const auto content = belay::base::readFile(path, 1u << 20);
    CHECK(content.ok());
    for (std::size_t length = 0; length < content->size(); length += 11) {
      static_cast<void>(belay::flow::validateFlow(content->substr(0, length), path, Format::kYaml));
    }
  }
}

TEST(HostileFlow, changedBytesAreHandled) {
  // A small generator with a fixed seed: the same changes in every run.
  std::uint64_t state = 0x9E3779B97F4A7C15ULL;
  const auto random = [&state](std::size_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::size_t>(state % below);
  };
  const std::string pieces = "{}[]:,&*!|>'\"%@`#-?\n\t \\0aZ$~<=\xC3\x28";
  for (const std::string& path : belay::test::exampleFlows()) {
    const auto content = belay::base::readFile(path, 1u << 20);
    CHECK(content.ok());
    for (int round = 0; round < 150; ++round) {
      std::string text = *content;
      for (std::size_t changes = 1 + random(6); changes > 0; --changes) {
        const std::size_t at = random(text.size());
        if (random(2) == 0)
          text[at] = pieces[random(pieces.size())];
        else
          text.insert(at, 1, pieces[random(pieces.size())]);
      }
      static_cast<void>(belay::flow::validateFlow(text, path, Format::kYaml));
    }
  }
}

TEST(HostileFlow, whatIsDeepIsRefused) {
  const auto yaml = belay::flow::validateFlow(
      "slug: x\nstate: " + std::string(100, '[') + std::string(100, ']'), "f", Format::kYaml);
  LONGS_EQUAL(1, yaml.size());
  CHECK(yaml[0].code == ErrorCode::kYamlRefused);
  const auto json =
      belay::flow::validateFlow("{\"slug\": " + std::string(100'000, '['), "f", Format::kJson);
  LONGS_EQUAL(1, json.size());
  CHECK(json[0].code == ErrorCode::kJsonSyntax);
}

TEST(HostileFlow, aliasesCannotMakeAFlowThatIsTooLargeToBeStored) {
  std::string text = "slug: x\nstate:\n  a: &a \"" + repeated("\\x01", 200'000) + "\"\n  b: [*a";
  for (int i = 0; i < 100; ++i) text += ", *a";
  const Checked checked =
      belay::flow::checkFlow(text + "]\nsteps: [{id: a, set: {b: 1}}]\n", "f", Format::kYaml);
  CHECK(!checked.flow.has_value());
  CHECK(checked.diagnostics[0].code == ErrorCode::kYamlRefused);
}

TEST(HostileFlow, hiddenCharactersAreShown) {
  const auto found = belay::flow::validateFlow(
      "slug: x\n\"na\\u202Eme\": 1\nsteps: [{id: a, set: {b: 1}}]\n", "f", Format::kYaml);
  LONGS_EQUAL(1, found.size());
  CHECK(found[0].message.find("\\u{202e}") != std::string::npos);
}
