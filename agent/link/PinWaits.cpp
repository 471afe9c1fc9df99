#include "agent/link/PinWaits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/link/Decisions.h"
#include "common/json/Json.h"
#include "common/statement/Pin.h"

namespace belay::link {

using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

/// Notes of the journal that keep what waits.
struct Slots {
  std::string_view name;
  int count;
  std::size_t bytesMax;
};
constexpr Slots kPins{"link.pin.", 16, 16u << 10};
constexpr Slots kRosters{"link.roster.", 4, 1u << 20};

std::string noteOf(const Slots& slots, int slot) {
  return std::string(slots.name) + std::to_string(slot);
}
std::string releaseNoteOf(int slot) { return noteOf(kPins, slot) + ".release"; }

/// {"order","text", …}, in the order in which they came; those that are empty (null) first.
Result<std::vector<std::pair<int, Value>>> slotsOf(journal::Journal& journal, const Slots& slots) {
  std::vector<std::pair<int, Value>> out;
  for (int slot = 0; slot < slots.count; ++slot) {
    BELAY_ASSIGN(const std::optional<std::string> note, journal.meta(noteOf(slots, slot)));
    Value kept;
    if (note && !note->empty()) {
      BELAY_ASSIGN(kept, json::parse(*note));
    }
    out.emplace_back(slot, std::move(kept));
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second.integer("order") < b.second.integer("order");
  });
  return out;
}

Status clear(journal::Journal& journal, const Slots& slots, int slot) {
  BELAY_TRY(journal.setMeta(noteOf(slots, slot), ""));
  return &slots == &kPins ? journal.setMeta(releaseNoteOf(slot), "") : Status{};
}

/// In the place of the oldest, unless it is there. `note`: what else is to be kept.
Status keep(journal::Journal& journal, const Slots& slots, const std::string& text, Value note) {
  if (text.size() > slots.bytesMax) return {};
  BELAY_ASSIGN(const auto before, slotsOf(journal, slots));
  for (const auto& [slot, kept] : before) {
    if (kept.text("text") == text) return {};
  }
  const int slot = before.front().first;
  note.set("order", before.back().second.integer("order") + 1).set("text", text);
  BELAY_TRY(clear(journal, slots, slot));
  return journal.setMeta(noteOf(slots, slot), json::print(note));
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
  if (!payload) return {};
  Value note;
  note.set("release", payload->releaseName());
  return keep(journal, kPins, pin.lines(), std::move(note));
}

Status keepRoster(journal::Journal& journal, const Value& body) {
  return keep(journal, kRosters, json::print(body), Value(json::Object()));
}

Status judgeRosters(runtime::Runtime& runtime, log::Log& log) {
  BELAY_ASSIGN(const auto slots, slotsOf(runtime.journal(), kRosters));
  for (const auto& [slot, kept] : slots) {
    if (kept.isNull()) continue;
    BELAY_ASSIGN(const Value body, json::parse(kept.text("text")));
    const Status taken = takeRoster(runtime, body, log);
    if (!taken && runtime::endsTransaction(taken.error().code)) return taken;
    if (!taken && mayBeBelievedLater(taken.error().code)) continue;
    if (!taken) log.error("roster.refused", taken.error(), {{"by", "relay"}});
    BELAY_TRY(clear(runtime.journal(), kRosters, slot));
  }
  return {};
}

Status keepRelease(journal::Journal& journal, const CheckedRelease& release) {
  BELAY_ASSIGN(const auto slots, slotsOf(journal, kPins));
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
  BELAY_ASSIGN(const auto slots, slotsOf(runtime.journal(), kPins));
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
    BELAY_TRY(clear(runtime.journal(), kPins, slot));
  }
  return {};
}

}  // namespace belay::link
