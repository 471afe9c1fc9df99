#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "common/yaml/Yaml.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"file", 'f', "FILE", "the definition as YAML or JSON; \"-\" is standard input"},
    {"replace", 0, "", "take the place of a connection that was added before"}};

/// Puts "auth.type=bearer" at its place; what lies between becomes an object.
base::Status addMember(Value& object, std::string_view pair) {
  const std::size_t equals = pair.find('=');
  const std::size_t dot = pair.find('.');
  if (equals == std::string_view::npos || dot > equals) return addPair(object, pair, "…");
  const std::string_view name = pair.substr(0, dot);
  if (!object.find(name) || !object.find(name)->isObject()) object.set(name, json::Object{});
  return addMember(*object.find(name), pair.substr(dot + 1));
}

Result<Value> readDefinition(Invocation& invocation) {
  Value definition{json::Object{}};
  if (invocation.has("file")) {
    BELAY_ASSIGN(const std::string text,
                 readText(invocation, invocation.flag("file"), kInputBytesMax));
    auto document = yaml::parse(text);
    if (!document) return std::move(document).error().in(invocation.flag("file"));
    definition = std::move(document->root);
    if (!definition.isObject())
      return Error{ErrorCode::kConnectionInvalid, "the definition must be an object"};
  }
  for (std::size_t i = 1; invocation.positional(i); ++i)
    BELAY_TRY(addMember(definition, invocation.argument(i)));
  if (!definition.asObject().empty()) return definition;
  return Error{ErrorCode::kUsage,
               "say what the connection is, KEY=VALUE, or --file FILE",
               {"belay connection add " + invocation.argument(0) +
                " type=http base_url=https://HOST auth.type=bearer auth.secret=NAME"}};
}

Result<api::Envelope> add(Invocation& invocation) {
  Value body;
  BELAY_ASSIGN(Value definition, readDefinition(invocation));
  body.set("definition", std::move(definition)).set("replace", invocation.has("replace"));
  ApiRequest request;
  request.method = "PUT";
  request.target = pathOf("/v1/connections", invocation.argument(0));
  request.body = json::print(body);
  return invocation.send(request);
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* connection = data.find("connection");
  if (!connection) return "";
  for (const Value& secret : data.find("missing_secrets")->asArray()) {
    invocation.note("there is no secret " + secret.asString() +
                    " yet: belay secret set " + secret.asString());
  }
  return "connection " + invocation.style().bold(connection->text("name")) + " (" +
         connection->text("type") + "), version " + connection->text("version") + "\n";
}

}  // namespace

const Command kConnectionAddCommand{
    "connection add",
    "NAME [KEY=VALUE]…",
    "add a connection to this host, or change one",
    "KEY=VALUE gives a text, KEY:=JSON a value of any type; auth.type=bearer stands for a member of "
    "a member. Credentials are no part of a definition: it names secrets of the vault. Connections "
    "of the settings cannot be changed by commands. docs/connections.md says what each type takes.",
    kFlags,
    &add,
    &print};

}  // namespace belay::cli
