#include <optional>

#include "agent/cli/Commands.h"
#include "agent/cli/Invocation.h"
#include "common/http/Message.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {{"check", 0, "", "bind nothing; say what is missing"}};

/// What is missing makes the command fail, with all that is required beside the error. Its code is
/// that of a slot that is not bound, where there is one.
Result<api::Envelope> check(Invocation& invocation, const std::string& slug) {
  if (invocation.positional(1)) return Error{ErrorCode::kUsage, "--check takes no NAME=CONNECTION"};
  BELAY_ASSIGN(api::Envelope answer, invocation.get(pathOf("/v1/flows", slug, "/bindings")));
  if (answer.error || answer.data.flag("ready")) return answer;
  Error error{ErrorCode::kConnectionUnbound, "flow " + slug + " lacks connections:", {}};
  std::optional<ErrorCode> code;
  for (const Value& requirement : answer.data.find("requires")->asArray()) {
    if (!requirement.find("problem")) continue;
    const std::string name = shown(requirement.text("name"));
    const auto its = base::errorFromText(requirement.text("code"));
    if (!code || its == ErrorCode::kConnectionUnbound) code = its;
    error.message += (error.actions.empty() ? " " : "; ") + name + " (" + requirement.text("type") +
                     "): " + shown(requirement.text("problem"));
    error.actions.push_back("belay flow configure " + slug + " " + name + "=CONNECTION");
  }
  error.code = code.value_or(ErrorCode::kConnectionUnbound);
  answer.error = std::move(error);
  return answer;
}

Result<api::Envelope> configure(Invocation& invocation) {
  api::Envelope out;
  json::Array bindings;
  const std::string& slug = invocation.argument(0);
  if (invocation.has("check")) return check(invocation, slug);
  if (!invocation.positional(1)) {
    return Error{ErrorCode::kUsage,
                 "say what to bind, NAME=CONNECTION, or --check",
                 {"belay flow configure --help"}};
  }
  for (std::size_t i = 1; invocation.positional(i); ++i) {
    const std::string& pair = invocation.argument(i);
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error{ErrorCode::kUsage,
                   "a binding is NAME=CONNECTION, not \"" + shown(pair) + "\"",
                   {"belay flow show " + slug, "belay connection list"}};
    }
    Value body;
    body.set("connection", pair.substr(equals + 1));
    ApiRequest request;
    request.method = "PUT";
    request.target =
        pathOf("/v1/flows", slug, "/bindings/" + http::percentEncode(pair.substr(0, equals)));
    request.body = json::print(body);
    BELAY_ASSIGN(api::Envelope bound, invocation.send(request));
    if (bound.error) return bound;
    bindings.push_back(std::move(bound.data));
  }
  out.data.set("flow", slug).set("bindings", std::move(bindings));
  return out;
}

std::string print(const Invocation& invocation, const Value& data) {
  std::string out;
  if (const Value* needed = data.find("requires")) {
    if (data.flag("ready")) out = shown(data.text("flow")) + ": all that it requires is bound\n";
    Table table({"REQUIRES", "TYPE", "BY", "CONNECTION", "PROBLEM"});
    for (const Value& one : needed->asArray()) {
      std::string by;
      for (const Value& who : one.find("required_by")->asArray())
        by += (by.empty() ? "" : " ") + who.asString();
      table.row({one.text("name"),
                 one.text("type"),
                 by,
                 one.text("connection") + (one.flag("by_name") ? " (by its name)" : ""),
                 {one.text("problem"), Style::Tone::kWarn}});
    }
    return table.empty() ? out : out + table.print(invocation.style());
  }
  for (const Value& binding : data.find("bindings")->asArray()) {
    out += shown(data.text("flow")) + ": " + shown(binding.text("name")) + " is " +
           shown(binding.text("connection")) + "\n";
  }
  return out;
}

}  // namespace

const Command kFlowConfigureCommand{
    "flow configure",
    "SLUG [NAME=CONNECTION]…",
    "bind what a flow requires to connections of this host",
    "`belay connection list` shows them, `belay connection add` makes one. --check names what the "
    "draft or the live release lacks: the exit code is 1 when something is not bound "
    "(BLY-CONNECTION-UNBOUND), 8 when it is bound to a connection that is not there "
    "(BLY-CONNECTION-NOT-FOUND), 2 when that is of another type. What is not bound takes a "
    "connection of its own name, where there is one.",
    kFlags,
    &configure,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
