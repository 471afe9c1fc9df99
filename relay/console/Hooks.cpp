#include <chrono>
#include <thread>
#include <utility>

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/crypto/Wipe.h"
#include "common/http/Message.h"
#include "relay/console/Desk.h"
#include "relay/service/Endpoints.h"

namespace belay::console {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;
using mailbox::Mailbox;
using wire::Envelope;

namespace {

constexpr std::uint64_t kSecretBytesMax = 4'096;
constexpr std::chrono::milliseconds kLook{200};
/// Above the longest time that an endpoint may take.
constexpr std::chrono::milliseconds kTestMost{150'000};

constexpr Flag kAddFlags[] = {
    {"events", "KINDS", "what it is told of, with commas between (all)"},
    {"label", "TEXT", "whose it is"},
    {"secret-file", "FILE", "its signing secret, whsec_…; else one is made and shown once"},
};

Result<Envelope> hooks(Invocation& invocation) {
  return run(invocation, {"GET", "/v1/hooks", {}, &service::listEndpoints});
}

std::string print(const Value& data) {
  const Value* const list = data.find("hooks");
  if (!list || list->asArray().empty()) return "no endpoint is told of events\n";
  std::string out;
  for (const Value& each : list->asArray()) {
    out += each.text("hook") + "  " + each.text("state") + "  " + base::visible(each.text("url")) +
           "  " + base::visible(each.text("label")) + "\n          " + each.text("events") + "; " +
           std::to_string(each.integer("waiting")) + " waiting, " +
           std::to_string(each.integer("dead")) + " given up, " +
           std::to_string(each.integer("missed")) + " missed";
    if (!each.text("last_at").empty()) {
      out += "; last " + each.text("last_at") + ": " + base::visible(each.text("last_outcome"));
    }
    if (!each.text("failing_since").empty()) {
      out += "; failing since " + each.text("failing_since");
    }
    out += "\n";
  }
  return out;
}

Result<Envelope> add(Invocation& invocation) {
  const Words& words = invocation.words;
  Value body;
  body.set("url", words.arguments.front()).set("label", words.text("label"));
  if (words.has("events")) {
    json::Array kinds;
    const std::string given = words.text("events");
    for (const std::string_view kind : base::split(given, ',')) kinds.emplace_back(kind);
    body.set("events", std::move(kinds));
  }
  if (words.has("secret-file")) {
    BELAY_ASSIGN(std::string text, base::readFile(words.text("secret-file"), kSecretBytesMax));
    body.set("secret", base::trim(text));
    crypto::wipe(text);
  }
  World& world = invocation.world;
  return run(invocation, {"POST", "/v1/hooks", body, [&](Mailbox& store) {
                            return service::addEndpoint(store, body, world.random,
                                                        world.clock.wallMs());
                          }});
}

std::string printSecret(const Value& data) {
  const std::string secret = data.text("secret");
  return data.text("hook") + (secret.empty() ? "" : "  " + secret) + "\n";
}

Errand errandOf(Invocation& invocation, const service::Settings& settings, const char* what) {
  Value body;
  body.set("do", what);
  const std::string id = invocation.words.arguments.front();
  World& world = invocation.world;
  return {"POST", "/v1/hooks/" + http::percentEncode(id), body,
          [&world, id, body, url = settings.url, most = settings.eventQueue](Mailbox& store) {
            return service::changeEndpoint(store, id, body,
                                           {url, world.random, world.clock.wallMs(), most});
          }};
}

Result<Envelope> change(Invocation& invocation, const char* what) {
  BELAY_ASSIGN(const service::Settings settings, readSettings(invocation));
  return run(invocation, errandOf(invocation, settings, what));
}
Result<Envelope> rotate(Invocation& invocation) { return change(invocation, "rotate"); }
Result<Envelope> resume(Invocation& invocation) { return change(invocation, "resume"); }

/// What became of the first attempt after `atMs`; null: there was none yet.
Result<Value> outcomeAfter(const Invocation& invocation, const std::string& id, std::int64_t atMs) {
  BELAY_ASSIGN(const Envelope listed,
               run(invocation, {"GET", "/v1/hooks", {}, &service::listEndpoints}));
  const Value* const hooks = listed.data.find("hooks");
  if (!hooks || !hooks->isArray()) return Value{};
  for (const Value& each : hooks->asArray()) {
    if (each.text("hook") == id && each.integer("last_ms") >= atMs) return each;
  }
  return Value{};
}

Result<Envelope> test(Invocation& invocation) {
  BELAY_ASSIGN(const service::Settings settings, readSettings(invocation));
  Errand errand = errandOf(invocation, settings, "test");
  errand.locally = [](Mailbox&) -> Result<Value> {
    return Error{ErrorCode::kConnect,
                 "no relay runs here, and it is the relay that sends",
                 {"belay-relay serve"}};
  };
  BELAY_ASSIGN(Envelope begun, run(invocation, errand));
  if (begun.error) return begun;
  const std::string id = begun.data.text("hook");
  const auto end = invocation.world.clock.sinceBoot() + kTestMost;
  while (invocation.world.clock.sinceBoot() < end) {
    BELAY_ASSIGN(Value after, outcomeAfter(invocation, id, begun.data.integer("at_ms")));
    if (after.isNull()) {
      std::this_thread::sleep_for(kLook);
      continue;
    }
    Envelope out;
    out.data.set("hook", id).set("outcome", after.text("last_outcome"));
    if (!after.text("failing_since").empty() || after.text("state") != "active") {
      out.error = Error{ErrorCode::kRelayEndpoint,
                        "the endpoint has not taken it: " + after.text("last_outcome"),
                        {"belay-relay hooks"}};
    }
    return out;
  }
  return Error{ErrorCode::kTimeout, "nothing was sent for so long", {"belay-relay hooks"}};
}

std::string printTest(const Value& data) {
  return data.text("hook") + "  " + base::visible(data.text("outcome")) + "\n";
}

Result<Envelope> remove(Invocation& invocation) {
  const std::string& id = invocation.words.arguments.front();
  return run(invocation,
             {"DELETE", "/v1/hooks/" + http::percentEncode(id), {}, [&id](Mailbox& store) {
                return service::removeEndpoint(store, id);
              }});
}

std::string printDone(const Value& data) {
  return (data.flag("removed") ? "removed " : "resumed ") + data.text("hook") + "\n";
}

}  // namespace

const Command kHooksCommand{"hooks", "",    "list the endpoints that are told of events", "", {},
                            &hooks,  &print};

const Command kHooksAddCommand{
    "hooks add",
    "URL",
    "tell an endpoint of events, as Standard Webhooks",
    "Kinds: request.created, request.receipt, request.closed, host.connected, host.disconnected, "
    "host.removed. The secret that signs them is shown once.",
    kAddFlags,
    &add,
    &printSecret};

const Command kHooksRemoveCommand{
    "hooks remove", "HOOK",    "remove an endpoint, and all that waits for it", "", {},
    &remove,        &printDone};

const Command kHooksRotateCommand{"hooks rotate",
                                  "HOOK",
                                  "give an endpoint a new signing secret, and show it once",
                                  "For a day what is sent is signed by the old one too.",
                                  {},
                                  &rotate,
                                  &printSecret};

const Command kHooksResumeCommand{
    "hooks resume",
    "HOOK",
    "begin anew with an endpoint that is down or gone, and all that is kept for it",
    "Also what was given up is sent again. What was missed is not counted any more.",
    {},
    &resume,
    &printDone};

const Command kHooksTestCommand{
    "hooks test", "HOOK",    "send a test event now, and say what came back", "", {},
    &test,        &printTest};

}  // namespace belay::console
