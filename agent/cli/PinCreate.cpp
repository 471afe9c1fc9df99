#include "agent/cli/Commands.h"
#include "agent/cli/Signing.h"
#include "common/base/Text.h"
#include "common/crypto/Sha256.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;
using statement::Pin;

namespace {

constexpr Flag kFlags[] = {
    {"release", 0, "N|DIGEST", "the release to pin, of this host (required)"},
    {"size", 0, "BYTES", "with a whole DIGEST: the size of its content; this host is not asked"},
    {"previous", 0, "FILE", "the pin before; else the newest one of this host"},
    {"counter", 0, "N", "the place in the chain; else the next one"},
    {"channel", 0, "NAME", "the channel (stable)"},
    {"fleet", 0, "DIGEST", "the fleet; else that of the pin before, or of this host"},
    {"selector", 0, "TEXT", "which hosts: \"*\" (all of them), host:ID, group:NAME", true},
    {"out", 0, "FILE", "where to write the pin (required)"},
    kKeyFlag,
    kPassphraseFlag,
};

/// Data of a read that must succeed.
Result<Value> ask(Invocation& invocation, const std::string& target) {
  BELAY_ASSIGN(api::Envelope answer, invocation.get(target));
  if (answer.error) return *answer.error;
  return std::move(answer.data);
}

Status setRelease(Invocation& invocation, Pin& pin) {
  const std::string which = invocation.flag("release");
  if (which.empty()) return Error{ErrorCode::kUsage, "--release is missing: the release to pin"};
  constexpr std::string_view kPrefix = "sha256:";
  if (invocation.has("size")) {
    const auto digest = which.starts_with(kPrefix)
                            ? crypto::Digest::fromHex(which.substr(kPrefix.size()))
                            : std::nullopt;
    if (!digest) return Error{ErrorCode::kUsage, "--size goes with --release sha256:…, all of it"};
    pin.release = *digest;
    BELAY_ASSIGN(pin.size, numberFlag(invocation, "size", 1));
    return {};
  }
  Target target(pathOf("/v1/flows", pin.flow, "/export"));
  target.add("release", which);
  BELAY_ASSIGN(const Value data, ask(invocation, target.str()));
  const Value* exported = data.find("export");
  if (!exported) return Error{ErrorCode::kInternal, "the daemon gave no release"};
  // Not what the host says it is, but what it is.
  const std::string content = exported->text("content");
  pin.release = crypto::sha256(content);
  pin.size = static_cast<std::int64_t>(content.size());
  if (pin.releaseName() == exported->text("digest")) return {};
  return Error{ErrorCode::kFlowDigest, "the content of release " + shown(which) + " is " +
                                           pin.releaseName() + ", not " +
                                           shown(exported->text("digest"))};
}

/// The pin that this one follows, by --previous or by what this host has.
struct Before {
  std::int64_t counter = 0;
  crypto::Digest digest;
  crypto::Digest fleet;
};
Result<Before> readBefore(Invocation& invocation, Pin& pin) {
  Before out;
  if (invocation.has("previous")) {
    BELAY_ASSIGN(const auto file, readStatement(invocation, invocation.flag("previous")));
    if (file.typ() != Pin::kTyp) {
      return Error{ErrorCode::kStatementKind, "the pin before is a " + file.typ()};
    }
    BELAY_ASSIGN(const Pin before, Pin::parse(file.unverifiedPayload()));
    if (before.flow != pin.flow) {
      return Error{ErrorCode::kUsage, "the pin before is one of flow " + before.flow};
    }
    if (!invocation.has("channel")) pin.channel = before.channel;
    return Before{before.counter, file.digest(), before.fleet};
  }
  if (invocation.has("size")) return out;  // This host is not asked.
  BELAY_ASSIGN(const Value data, ask(invocation, pathOf("/v1/flows", pin.flow)));
  const Value* flow = data.find("flow");
  const Value* newest = flow ? flow->find("pin_waiting") : nullptr;
  if (flow && !newest) newest = flow->find("pin");
  if (!newest || newest->text("channel") != pin.channel) return out;
  out.counter = newest->integer("counter");
  out.digest = crypto::Digest::fromHex(newest->text("digest")).value_or(crypto::Digest{});
  return out;
}

Status setFleet(Invocation& invocation, const Before& before, Pin& pin) {
  pin.fleet = before.fleet;
  std::string said = invocation.flag("fleet");
  if (said.empty() && pin.fleet == crypto::Digest{}) {
    BELAY_ASSIGN(const Value data, ask(invocation, "/v1/trust"));
    if (const Value* trust = data.find("trust")) said = trust->text("fleet");
    if (said.empty()) {
      return Error{ErrorCode::kTrustNone,
                   "this host has no fleet; name it: --fleet DIGEST",
                   {"belay trust install --root FILE --root-digest DIGEST --roster FILE"}};
    }
  }
  if (said.empty()) return {};
  const auto fleet = crypto::Digest::fromHex(said);
  if (!fleet) return Error{ErrorCode::kUsage, "--fleet takes 64 lower-case digits"};
  pin.fleet = *fleet;
  return {};
}

Result<api::Envelope> create(Invocation& invocation) {
  if (!invocation.has("out")) return Error{ErrorCode::kUsage, "--out FILE is missing"};
  Pin pin;
  pin.flow = invocation.argument(0);
  if (invocation.has("channel")) pin.channel = invocation.flag("channel");
  BELAY_TRY(setRelease(invocation, pin));
  BELAY_ASSIGN(const Before before, readBefore(invocation, pin));
  BELAY_TRY(setFleet(invocation, before, pin));
  BELAY_ASSIGN(pin.counter, numberFlag(invocation, "counter", before.counter + 1));
  if (pin.counter <= before.counter) {
    return Error{ErrorCode::kStatementOld, "counter " + std::to_string(pin.counter) +
                                               " is not above that of the pin before, " +
                                               std::to_string(before.counter)};
  }
  if (pin.counter > 1 && before.digest == crypto::Digest{}) {
    return Error{ErrorCode::kUsage, "a counter above 1 needs the pin before: --previous FILE"};
  }
  pin.prev = before.digest;
  pin.createdMs = invocation.nowMs();
  if (invocation.has("selector")) pin.selector = invocation.flags("selector");
  return writeDocument(invocation, pin, invocation.flag("out"));
}

std::string print(const Invocation&, const Value& data) {
  return "wrote pin " + std::to_string(data.integer("counter")) + " of " + data.text("flow") +
         ", release " + data.text("release") + ", to " + shown(data.text("file")) + "\n";
}

}  // namespace

const Command kPinCreateCommand{
    "pin create",
    "SLUG",
    "make a pin: which release of a flow is to be live, signed",
    "Release, counter and fleet come from this host, or from flags and files, without a daemon. "
    "Where several persons must sign, the others run `belay pin sign FILE`. To go back, pin an "
    "older release: the counter goes up all the same.",
    kFlags,
    &create,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
