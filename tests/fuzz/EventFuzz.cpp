// Any lines "name {json}" as the history of a run: what decodes is encoded to the same again, and
// applying it gives a state or says that the history is not one of this engine.

#include <string>

#include "agent/engine/Engine.h"
#include "agent/engine/Event.h"
#include "common/base/Check.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

void checkRoundTrip(const engine::EventBody& body) {
  const std::string encoded = engine::encodeBody(body);
  const auto again = engine::decodeBody(engine::eventName(body), encoded);
  BELAY_CHECK(again.ok() && engine::encodeBody(*again) == encoded);
}

void replay(std::string_view history) {
  engine::RunState state;
  std::int64_t now = 1;
  while (!history.empty()) {
    const auto [line, rest] = split(history, '\n');
    history = rest;
    const auto [name, json] = split(line, ' ');
    auto body = engine::decodeBody(name, json);
    if (!body.ok()) {
      BELAY_CHECK(body.error().code == base::ErrorCode::kJournalCorrupt);
      continue;
    }
    checkRoundTrip(*body);
    const auto effects = engine::apply(state, engine::Event{now++, std::move(*body)});
    if (!effects.ok()) {
      BELAY_CHECK(effects.error().code == base::ErrorCode::kJournalCorrupt);
      return;
    }
    static_cast<void>(engine::owed(state));
    static_cast<void>(state.status());
  }
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  belay::fuzz::replay(belay::fuzz::textOf(data, size));
  return 0;
}
