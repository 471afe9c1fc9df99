#include "agent/link/PinWaits.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/json/Json.h"
#include "common/statement/Pin.h"

namespace belay::link {

using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr int kSlots = 16;
constexpr std::size_t kPinBytesMax = 16u << 10;

std::string noteOf(int slot) { return "link.pin." + std::to_string(slot); }
std::string releaseNoteOf(int slot) { return noteOf(slot) + ".release"; }

/// A pin that is kept: {"order","text","digest","release"}, or null.
Result<Value> pinIn(journal::Journal& journal, int slot) {
  BELAY_ASSIGN(const std::optional<std::string> note, journal.meta(noteOf(slot)));
  if (!note || note->empty()) return Value{};
  return json::parse(*note);
}

Status clear(journal::Journal& journal, int slot) {
  BELAY_TRY(journal.setMeta(noteOf(slot), ""));
  return journal.setMeta(releaseNoteOf(slot), "");
}

/// In the order in which they came; those that are empty first.
Result<std::array<std::pair<int, Value>, kSlots>> slotsOf(journal::Journal& journal) {
  std::array<std::pair<int, Value>, kSlots> out;
  for (int slot = 0; slot < kSlots; ++slot) {
    BELAY_ASSIGN(Value pin, pinIn(journal, slot));
    out.at(static_cast<std::size_t>(slot)) = {slot, std::move(pin)};
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second.integer("order") < b.second.integer("order");
  });
  return out;
}

/// Made a release, and live by the pin that was taken now.
Status takeKept(runtime::Runtime& runtime, int slot, log::Log& log) {
  BELAY_ASSIGN(const auto note, runtime.journal().meta(releaseNoteOf(slot)));
  if (!note || note->empty()) return {};
  BELAY_ASSIGN(const Value kept, json::parse(*note));
  const KeptRelease release{kept.text("slug"), kept.text("digest"), kept.text("format"),
                            kept.text("content")};
  return takeRelease(runtime, release, log);
}

}  // namespace

bool mayBeBelievedLater(ErrorCode refusal) {
  return refusal == ErrorCode::kTrustNone || refusal == ErrorCode::kStatementKey ||
         refusal == ErrorCode::kStatementRole || refusal == ErrorCode::kStatementQuorum;
}

Status keepPin(journal::Journal& journal, const statement::SignedStatement& pin) {
  const auto payload = statement::Pin::parse(pin.unverifiedPayload());
  const std::string text = pin.lines();
  if (!payload || text.size() > kPinBytesMax) return {};
  BELAY_ASSIGN(const auto slots, slotsOf(journal));
  for (const auto& [slot, kept] : slots) {
    if (kept.text("text") == text) return {};
  }
  const int slot = slots.front().first;
  Value note;
  note.set("order", slots.back().second.integer("order") + 1).set("text", text);
  note.set("release", payload->releaseName());
  BELAY_TRY(clear(journal, slot));
  return journal.setMeta(noteOf(slot), json::print(note));
}

Status keepRelease(journal::Journal& journal, const CheckedRelease& release) {
  BELAY_ASSIGN(const auto slots, slotsOf(journal));
  for (const auto& [slot, kept] : slots) {
    if (kept.isNull() || kept.text("release") != release.flow.digest) continue;
    Value note;
    note.set("slug", release.flow.slug.str()).set("digest", release.flow.digest);
    note.set("format", flow::formatName(release.format)).set("content", release.content);
    BELAY_TRY(journal.setMeta(releaseNoteOf(slot), json::print(note)));
  }
  return {};
}

Status judgePins(runtime::Runtime& runtime, log::Log& log) {
  BELAY_ASSIGN(const auto slots, slotsOf(runtime.journal()));
  for (const auto& [slot, kept] : slots) {
    if (kept.isNull()) continue;
    Value body;
    body.set("statement", kept.text("text"));
    const Status taken = takePin(runtime, body, log);
    if (!taken && runtime::endsTransaction(taken.error().code)) return taken;
    if (!taken && mayBeBelievedLater(taken.error().code)) continue;
    if (taken) {
      const Status released = takeKept(runtime, slot, log);
      if (!released && runtime::endsTransaction(released.error().code)) return released;
      if (!released) log.error("release.refused", released.error(), {{"by", "relay"}});
    } else {
      log.error("pin.refused", taken.error(), {{"by", "relay"}});
    }
    BELAY_TRY(clear(runtime.journal(), slot));
  }
  return {};
}

}  // namespace belay::link
