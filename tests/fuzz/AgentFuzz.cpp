// Any bytes where the driver of a coding agent reads what the agent writes: lines of each adapter's
// stream, and the task and result that pass between driver and daemon. The first byte names the
// adapter.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "agent/agents/Adapter.h"
#include "agent/agents/DriveResult.h"
#include "agent/agents/LineSplitter.h"
#include "agent/agents/LockFile.h"
#include "agent/agents/Tally.h"
#include "common/base/Check.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

constexpr std::array<const char*, 6> kAdapters = {"claude-code", "codex", "gemini",
                                                  "opencode",    "acp",   "command"};

agents::DriveSpec specFor(std::uint8_t which) {
  agents::DriveSpec spec;
  spec.adapter = kAdapters[which % kAdapters.size()];
  spec.binary = "/bin/agent";
  spec.prompt = "p";
  spec.cwd = "/work";
  spec.rawFolder = "/raw";
  spec.permissions.allow = {{"execute", "git *", ""}, {"edit", "", "src/*"}};
  spec.session.used = {10, 10, 1, 1};
  if (spec.adapter == "command") spec.permissions = {true, false, {}, {}};
  if ((which & 0x40) != 0 && spec.adapter == "acp") spec.session = {"s", true, {}};
  return spec;
}

void readStream(std::uint8_t which, std::string_view text) {
  const agents::DriveSpec spec = specFor(which);
  const auto adapter = agents::makeAdapter(spec);
  static_cast<void>(
      adapter->launch([](const std::string&) { return std::optional<std::string>(); }));
  agents::Tally tally(spec);
  agents::LineSplitter lines(512);
  std::size_t taken = 0;
  std::string_view line;
  for (std::size_t at = 0; at < text.size(); at += 100) {
    lines.add(text.substr(at, 100));
    if (at + 100 >= text.size()) lines.finish();
    while (lines.next(line)) {
      BELAY_CHECK(line.size() <= 512);
      taken += line.size();
      std::vector<agents::Event> events;
      const bool known = adapter->parse(line, events);
      BELAY_CHECK(known || events.empty());
      for (const agents::Event& event : events) tally.take(event);
      static_cast<void>(adapter->takeInput());
    }
  }
  BELAY_CHECK(taken <= text.size());
  tally.ending().exitCode = which >> 4;
  const agents::Verdict verdict = adapter->classify(tally.ending());
  // No stream makes a success of another exit status, nor of a last event that did not come.
  const bool lenient = spec.adapter == "acp";
  if (verdict.outcome == agents::Outcome::kOk) {
    BELAY_CHECK(lenient || tally.ending().exitCode == 0);
    BELAY_CHECK(!adapter->hasStream() ||
                (tally.finished() && tally.ending().last->outcome == agents::Outcome::kOk));
  } else {
    BELAY_CHECK(!verdict.detail.empty());
  }
  agents::DriveResult result = tally.result();
  result.outcome = verdict.outcome;
  BELAY_CHECK(agents::parseDriveResult(agents::printDriveResult(result)).ok());
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = belay::fuzz::textOf(data + 1, size - 1);
  belay::fuzz::readStream(data[0], text);
  const auto spec = belay::agents::parseDriveSpec(text);
  if (spec) {
    const std::string printed = belay::agents::printDriveSpec(*spec);
    const auto again = belay::agents::parseDriveSpec(printed);
    BELAY_CHECK(again.ok() && belay::agents::printDriveSpec(*again) == printed);
  }
  const auto result = belay::agents::parseDriveResult(text);
  if (result)
    BELAY_CHECK(belay::agents::parseDriveResult(belay::agents::printDriveResult(*result)).ok());
  static_cast<void>(belay::agents::parseLockFile(text));
  return 0;
}
