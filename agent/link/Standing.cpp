#include "agent/link/Standing.h"

#include "common/json/Json.h"

namespace belay::link {

using base::Result;
using json::Value;

namespace {

constexpr std::string_view kNote = "link";

}  // namespace

Result<Standing> readStanding(journal::Journal& journal) {
  BELAY_ASSIGN(const std::optional<std::string> note, journal.meta(kNote));
  Standing out;
  if (!note) return out;
  BELAY_ASSIGN(const Value value, json::parse(*note));
  out.identity = {value.text("url"), value.text("host"), value.text("label")};
  out.enrolledMs = value.integer("enrolled_ms");
  out.received = value.integer("received");
  out.processed = value.integer("processed");
  out.sent = value.integer("sent");
  out.handed = value.integer("handed");
  out.callbackMark = value.integer("callback_mark");
  out.changeMark = value.integer("change_mark");
  out.rosterMark = value.integer("roster_mark");
  out.rootMark = value.integer("root_mark");
  out.refusal = value.text("refusal");
  out.refusalCode = value.text("refusal_code");
  out.refusalMs = value.integer("refusal_ms");
  out.hooks = value.text("hooks");
  out.offer = value.text("offer");
  return out;
}

base::Status writeStanding(journal::Journal& journal, const Standing& standing) {
  Value value;
  value.set("url", standing.identity.url).set("host", standing.identity.host);
  value.set("label", standing.identity.label).set("enrolled_ms", standing.enrolledMs);
  value.set("received", standing.received)
      .set("processed", standing.processed)
      .set("sent", standing.sent);
  value.set("handed", standing.handed).set("callback_mark", standing.callbackMark);
  value.set("change_mark", standing.changeMark).set("roster_mark", standing.rosterMark);
  value.set("root_mark", standing.rootMark).set("refusal", standing.refusal);
  value.set("refusal_code", standing.refusalCode).set("refusal_ms", standing.refusalMs);
  value.set("hooks", standing.hooks).set("offer", standing.offer);
  return journal.setMeta(kNote, json::print(value));
}

}  // namespace belay::link
