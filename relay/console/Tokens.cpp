#include <utility>

#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/http/Message.h"
#include "relay/console/Desk.h"
#include "relay/service/Administration.h"

namespace belay::console {

using base::Result;
using json::Value;
using wire::Envelope;

namespace {

constexpr std::int64_t kMsOfSecond = 1'000;
constexpr Flag kNewFlags[] = {
    {"role", "ROLE",
     "host (enrols one host, once), release (hands in pins and releases), approver, bot (hand in "
     "decisions), starter (has flows started), operator (sees the fleet), metrics"},
    {"label", "TEXT", "whom it is for"},
    {"expires", "DURATION", "how long it counts: 30d (24h for role host; the others have to say it)"},
};

Result<Envelope> tokens(Invocation& invocation) {
  const std::int64_t nowMs = invocation.world.clock.wallMs();
  return run(invocation, {"GET", "/v1/tokens", {}, [nowMs](mailbox::Mailbox& store) {
                            return service::listTokens(store, nowMs);
                          }});
}

std::string print(const Value& data) {
  const Value* const list = data.find("tokens");
  if (!list || list->asArray().empty()) return "there is no token\n";
  std::string out;
  for (const Value& token : list->asArray()) {
    out += token.text("token") + "  " + token.text("role") + "  " +
           base::visible(token.text("label")) + "  " +
           (token.flag("expired") ? "expired " : "until ") + token.text("expires_at");
    if (!token.text("host").empty()) out += "  enrolled " + token.text("host");
    out += "\n";
  }
  return out;
}

Result<Envelope> newToken(Invocation& invocation) {
  const std::string role = invocation.words.text("role");
  Value body;
  body.set("role", role.empty() ? "host" : role).set("label", invocation.words.text("label"));
  if (invocation.words.has("expires")) {
    BELAY_ASSIGN(const auto length, base::parseDuration(invocation.words.text("expires")));
    body.set("expires_s", length.count() / kMsOfSecond);
  }
  World& world = invocation.world;
  return run(invocation,
             {"POST", "/v1/tokens", body, [&](mailbox::Mailbox& store) -> Result<Value> {
                BELAY_ASSIGN(const service::NewToken token,
                             service::makeToken(body, world.random, world.clock.wallMs()));
                BELAY_TRY(store.addToken(token.row));
                return service::toJson(token);
              }});
}

std::string printNew(const Value& data) { return data.text("secret") + "\n"; }

Result<Envelope> removeToken(Invocation& invocation) {
  const std::string& prefix = invocation.words.arguments.front();
  return run(invocation,
             {"DELETE",
              "/v1/tokens/" + http::percentEncode(prefix),
              {},
              [&prefix](mailbox::Mailbox& store) { return service::removeToken(store, prefix); }});
}

std::string printRemoved(const Value& data) { return "removed " + data.text("token") + "\n"; }

}  // namespace

const Command kTokensCommand{"tokens", "",    "list the tokens that were given out", "", {},
                             &tokens,  &print};

const Command kTokensNewCommand{
    "tokens new",
    "",
    "make a token, and show it once",
    "Only its digest is kept. `belay link enrol URL --token TOKEN` uses one of role host up.",
    kNewFlags,
    &newToken,
    &printNew};

const Command kTokensRemoveCommand{
    "tokens remove",
    "TOKEN",
    "remove a token by the beginning of its digest, as the list shows it",
    "",
    {},
    &removeToken,
    &printRemoved};

}  // namespace belay::console
