#include "agent/runtime/HostEpoch.h"

#include <utility>

#include "common/json/Json.h"
#include "common/json/Writer.h"

namespace belay::runtime {

using base::Result;
using base::Status;
using json::Value;

namespace {

constexpr std::string_view kNote = "host_epoch";
constexpr std::size_t kRandomBytes = 16;

std::optional<Quarantine> readQuarantine(const Value& value) {
  const Value* const found = value.find("quarantine");
  if (!found) return std::nullopt;
  return Quarantine{found->text("cause"), found->text("message"), found->integer("since_ms")};
}

}  // namespace

Result<HostEpoch> readHostEpoch(journal::Journal& journal) {
  BELAY_ASSIGN(const std::optional<std::string> note, journal.meta(kNote));
  HostEpoch out;
  if (!note) {
    BELAY_ASSIGN(const std::optional<std::string> installation, journal.meta("epoch"));
    out.random = installation.value_or("");
    return out;
  }
  BELAY_ASSIGN(const Value value, json::parse(*note));
  out.counter = value.integer("counter");
  out.random = value.text("random");
  out.sessions = value.integer("sessions");
  out.grantedSession = value.integer("granted_session");
  out.grantedDigest = value.text("granted_digest");
  if (const Value* const machine = value.find("machine")) {
    for (const auto& [file, digest] : machine->asObject()) out.machine[file] = digest.asString();
  }
  out.quarantine = readQuarantine(value);
  return out;
}

Status writeHostEpoch(journal::Journal& journal, const HostEpoch& epoch) {
  std::string out;
  json::Writer writer(out);
  writer.beginObject().member("counter", epoch.counter).member("random", epoch.random);
  writer.member("sessions", epoch.sessions).member("granted_session", epoch.grantedSession);
  writer.member("granted_digest", epoch.grantedDigest);
  writer.name("machine").beginObject();
  for (const auto& [file, digest] : epoch.machine) writer.member(file, digest);
  writer.endObject();
  if (epoch.quarantine) {
    writer.name("quarantine").beginObject().member("cause", epoch.quarantine->cause);
    writer.member("message", epoch.quarantine->message);
    writer.member("since_ms", epoch.quarantine->sinceMs).endObject();
  }
  writer.endObject();
  return journal.setMeta(kNote, out);
}

std::string machineChange(const HostEpoch& epoch, const MachineFacts& now) {
  for (const auto& [file, digest] : epoch.machine) {
    const auto found = now.find(file);
    if (found != now.end() && found->second != digest) {
      return file + " is another one than when this state was written: this is a copy, or was "
                    "moved or restored";
    }
  }
  return {};
}

void beginEpoch(HostEpoch& epoch, base::Random& random) {
  ++epoch.counter;
  epoch.random = base::makeToken(random, kRandomBytes);
  // They are taken up anew.
  epoch.machine.clear();
}

}  // namespace belay::runtime
