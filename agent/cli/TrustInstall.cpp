#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"root", 0, "FILE", "a root document"},
    {"root-digest", 0, "DIGEST", "which one is meant; the first one of a host needs it"},
    {"roster", 0, "FILE", "a roster"},
    {"least-roster", 0, "N", "refuse the roster when its version is lower"},
    {"card", 0, "FILE", "this host's card: pins for its groups are for this host"},
};

Result<api::Envelope> install(Invocation& invocation) {
  if (!invocation.has("root") && !invocation.has("roster") && !invocation.has("card")) {
    return Error{ErrorCode::kUsage, "name a file: --root FILE, --roster FILE, --card FILE"};
  }
  Value body{json::Object{}};
  for (const char* name : {"root", "roster", "card"}) {
    if (!invocation.has(name)) continue;
    BELAY_ASSIGN(const auto statement, readStatement(invocation, invocation.flag(name)));
    body.set(name, statement.lines());
  }
  if (invocation.has("root-digest")) body.set("root_digest", invocation.flag("root-digest"));
  if (invocation.has("least-roster")) {
    BELAY_ASSIGN(const std::int64_t least, numberFlag(invocation, "least-roster", 1));
    body.set("least_roster", least);
  }
  return invocation.post("/v1/trust", body);
}

std::string print(const Invocation&, const Value& data) {
  const Value* trust = data.find("trust");
  if (!trust) return "";
  std::string out;
  for (const auto& [name, flag] : {std::pair{"root", "new_root"}, {"roster", "new_roster"}}) {
    const Value* document = trust->find(name);
    if (!document) continue;
    out += std::string(name) + " " + std::to_string(document->integer("version")) + ", " +
           document->text("digest") + (data.flag(flag) ? ", is in force" : ", as before") + "\n";
  }
  if (const Value* card = trust->find("card")) {
    out += "card " + std::to_string(card->integer("counter")) + " of " +
           shown(card->text("label")) + (data.flag("new_card") ? ", is in force" : ", as before") +
           "\n";
  }
  return out;
}

}  // namespace

const Command kTrustInstallCommand{
    "trust install",
    "",
    "make this host believe a root document and a roster",
    "The first root document is believed by its digest, which must have come by another way than "
    "the file; later ones by the signatures of the one before. Rosters only go forward, and so do "
    "the "
    "cards of a host (`belay trust card`).",
    kFlags,
    &install,
    &print};

}  // namespace belay::cli
