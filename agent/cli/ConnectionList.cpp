#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "agent/vault/ConnectionStore.h"

namespace belay::cli {

using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

Result<api::Envelope> fromSettings(Invocation& invocation) {
  BELAY_ASSIGN(const Installation* where, invocation.installation());
  BELAY_ASSIGN(const auto store,
               vault::ConnectionStore::open(where->settings.connections,
                                            where->layout().connections()));
  json::Array connections;
  for (const vault::ConnectionPtr& connection : store.all()) {
    json::Array secrets;
    for (const std::string& secret : connection->secretNames()) secrets.emplace_back(secret);
    Value out;
    out.set("name", connection->name).set("type", connection->type());
    out.set("version", connection->version).set("secrets", std::move(secrets));
    out.set("source", connection->ofSettings ? "settings" : "added");
    connections.push_back(std::move(out));
  }
  api::Envelope envelope;
  envelope.data.set("connections", std::move(connections));
  envelope.meta.set("source", "files");
  return envelope;
}

Result<api::Envelope> listConnections(Invocation& invocation) {
  ApiRequest request;
  request.target = "/v1/connections";
  auto answer = invocation.send(request);
  if (answer || !invocation.isAway(answer.error())) return answer;
  return fromSettings(invocation);
}

std::string print(const Invocation& invocation, const Value& data) {
  Table table({"CONNECTION", "TYPE", "VERSION", "SOURCE", "SECRETS"});
  for (const Value& connection : data.find("connections")->asArray()) {
    std::string secrets;
    for (const Value& secret : connection.find("secrets")->asArray()) {
      secrets += (secrets.empty() ? "" : ", ") + secret.asString();
    }
    table.row({connection.text("name"), connection.text("type"), connection.text("version"),
               connection.text("source"), secrets});
  }
  if (table.empty()) {
    invocation.note("no connections; add one: belay connection add --help");
    return "";
  }
  return table.print(invocation.style());
}

}  // namespace

const Command kConnectionListCommand{
    "connection list",
    "",
    "list the connections of this host",
    "Those of the settings and those that were added.",
    {},
    &listConnections,
    &print};

}  // namespace belay::cli
