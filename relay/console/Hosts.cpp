#include <utility>

#include "common/base/Text.h"
#include "common/http/Message.h"
#include "relay/console/Desk.h"
#include "relay/service/Administration.h"

namespace belay::console {

using base::Result;
using json::Value;
using wire::Envelope;

namespace {

Result<Envelope> hosts(Invocation& invocation) {
  return run(invocation, {"GET", "/v1/hosts", {}, &service::listHosts});
}

std::string print(const Value& data) {
  const Value* const list = data.find("hosts");
  if (!list || list->asArray().empty()) return "no host is enrolled\n";
  std::string out;
  for (const Value& host : list->asArray()) {
    out += host.text("host") + "  " + base::visible(host.text("label")) + "  seen " +
           host.text("seen_at", "never") + ", " + std::to_string(host.integer("queued")) +
           " waiting\n";
  }
  return out;
}

Result<Envelope> removeHost(Invocation& invocation) {
  const std::string& id = invocation.words.arguments.front();
  BELAY_ASSIGN(const service::Settings settings, readSettings(invocation));
  World& world = invocation.world;
  return run(invocation,
             {"DELETE", "/v1/hosts/" + http::percentEncode(id), {}, [&](mailbox::Mailbox& store) {
                return service::removeHost(
                    store, id,
                    {settings.url, world.random, world.clock.wallMs(), settings.eventQueue});
              }});
}

std::string printRemoved(const Value& data) { return "removed " + data.text("host") + "\n"; }

}  // namespace

const Command kHostsCommand{"hosts", "",    "list the hosts that are enrolled", "", {},
                            &hosts,  &print};

const Command kHostsRemoveCommand{
    "hosts remove",
    "HOST",
    "remove a host, its sessions, and all that waits for it",
    "Its key is not banned: whoever has another token to enrol it may do so.",
    {},
    &removeHost,
    &printRemoved};

}  // namespace belay::console
