#include <algorithm>
#include <memory>
#include <utility>

#include "agent/api/Checking.h"
#include "agent/api/Routes.h"
#include "common/base/Text.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

struct Binding {
  std::string slug;
  std::string name;
  std::string connection;
  std::string type;
};

Result<Binding> readBinding(const Backend& backend, const Exchange& exchange) {
  BELAY_ASSIGN(const Value body, exchange.bodyObject());
  BELAY_TRY(checkMembers(body, "connection"));
  Binding binding{exchange.param("slug"), exchange.param("name"), "", ""};
  BELAY_ASSIGN(binding.connection, textMember(body, "connection", true));
  BELAY_ASSIGN(const vault::ConnectionPtr connection,
               backend.deps.connections.find(binding.connection));
  binding.type = std::string(connection->type());
  return binding;
}

Result<Changed> bind(runtime::Runtime& runtime, const Binding& binding) {
  BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(runtime.journal(), binding.slug));
  BELAY_ASSIGN(const std::shared_ptr<const runtime::LoadedFlow> loaded,
               runtime.flows().get(state.head.draftDigest));
  std::vector<std::string_view> names;
  for (const flow::Requirement& requirement : loaded->flow.requirements) {
    names.push_back(requirement.name);
    if (requirement.name != binding.name) continue;
    if (requirement.type != binding.type) {
      return Error{ErrorCode::kConnectionInvalid,
                   "flow " + binding.slug + " requires \"" + binding.name + "\" of type " +
                       requirement.type + "; connection " + binding.connection + " is of type " +
                       binding.type};
    }
    BELAY_TRY(runtime.journal().putBinding(binding.slug, binding.name, binding.connection));
    Changed changed;
    changed.data.set("flow", binding.slug)
        .set("name", binding.name)
        .set("connection", binding.connection);
    return changed;
  }
  std::string message =
      "flow " + binding.slug + " requires nothing named \"" + base::visible(binding.name) + "\"";
  if (const auto near = base::nearest(binding.name, names))
    message += "; did you mean \"" + *near + "\"?";
  return Error{
      ErrorCode::kFlowUnknownName, std::move(message), {"belay flow show " + binding.slug}};
}

/// What the flow `digest` requires, added to what is known; `by` is "draft" or "live".
base::Status addRequirements(runtime::Runtime& runtime, const std::string& digest, const char* by,
                             json::Array& into) {
  BELAY_ASSIGN(const std::shared_ptr<const runtime::LoadedFlow> loaded,
               runtime.flows().get(digest));
  for (const flow::Requirement& requirement : loaded->flow.requirements) {
    const auto known = std::find_if(into.begin(), into.end(), [&](const Value& one) {
      return one.text("name") == requirement.name && one.text("type") == requirement.type;
    });
    if (known != into.end()) {
      known->find("required_by")->asArray().emplace_back(by);
      continue;
    }
    Value out;
    out.set("name", requirement.name).set("type", requirement.type);
    out.set("required_by", json::Array{Value(by)});
    into.push_back(std::move(out));
  }
  return {};
}

void setProblem(Value& requirement, ErrorCode code, std::string problem) {
  requirement.set("problem", std::move(problem)).set("code", base::errorText(code));
}

/// Says what a requirement is bound to, and what is wrong with that. As steps do, it takes a
/// connection of its own name where nothing is bound.
void judgeBinding(const Backend& backend, const std::vector<journal::BindingRow>& bindings,
                  Value& requirement) {
  const std::string name = requirement.text("name");
  const auto bound = std::find_if(bindings.begin(), bindings.end(),
                                  [&](const auto& row) { return row.name == name; });
  const bool isBound = bound != bindings.end();
  const std::string& meant = isBound ? bound->connection : name;
  const auto connection = backend.deps.connections.find(meant);
  if (!connection && !isBound)
    return setProblem(requirement, ErrorCode::kConnectionUnbound, "it is not bound");
  requirement.set("connection", meant);
  if (!isBound) requirement.set("by_name", true);
  if (!connection) {
    setProblem(requirement, ErrorCode::kConnectionNotFound,
               "there is no connection " + base::visible(meant) + " on this host");
  } else if ((*connection)->type() != requirement.text("type")) {
    setProblem(requirement, ErrorCode::kConnectionInvalid,
               "connection " + meant + " is of type " + std::string((*connection)->type()));
  }
}

}  // namespace

void putFlow(Backend& backend, const ExchangePtr& exchange) {
  struct Put {
    FlowText content;
    runtime::DraftRule rule;
    runtime::Author author;
  };
  auto put = [&]() -> Result<Put> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "content file files origin if_draft force"));
    Put out;
    BELAY_ASSIGN(out.content, readFlowText(body));
    if (out.content.text.empty())
      return Error{ErrorCode::kInvalidArgument, "the body lacks \"content\""};
    BELAY_ASSIGN(out.rule, readDraftRule(body));
    BELAY_ASSIGN(out.author, readAuthor(*exchange, body));
    return out;
  }();
  if (!put) return exchange->fail(put.error());
  backend.work(exchange, [&backend, exchange, put = std::move(*put)](Workers::Tools& tools) {
    auto checked = checkFlowText(put.content, tools.syntax);
    if (!checked.flow) return exchange->fail(firstError(checked), diagnosticsToJson(checked));
    auto flow = std::make_shared<flow::Flow>(std::move(*checked.flow));
    backend.change(exchange, [flow, put](runtime::Runtime& runtime) -> Result<Changed> {
      BELAY_ASSIGN(const runtime::DraftPut done,
                   storeFlow(runtime, *flow, put.content, put.rule, put.author));
      Changed changed;
      changed.data.set("flow", flow->slug.str()).set("digest", flow->digest);
      addReplaced(changed.data, done);
      return changed;
    });
  });
}

void listBindings(Backend& backend, const ExchangePtr& exchange) {
  const bool queued = backend.afterCommit([&backend, exchange](runtime::Runtime& runtime) {
    exchange->answer([&]() -> Result<Value> {
      const std::string& slug = exchange->param("slug");
      BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(runtime.journal(), slug));
      BELAY_ASSIGN(const auto bindings, runtime.journal().bindings(slug));
      json::Array all;
      BELAY_TRY(addRequirements(runtime, state.head.draftDigest, "draft", all));
      if (state.live) BELAY_TRY(addRequirements(runtime, state.live->digest, "live", all));
      bool ready = true;
      for (Value& requirement : all) {
        judgeBinding(backend, bindings, requirement);
        if (requirement.find("problem")) ready = false;
      }
      Value out;
      out.set("flow", slug).set("ready", ready).set("requires", std::move(all));
      return out;
    }());
  });
  if (!queued) exchange->fail(busy());
}

void bindFlow(Backend& backend, const ExchangePtr& exchange) {
  auto binding = readBinding(backend, *exchange);
  if (!binding) return exchange->fail(binding.error());
  backend.deps.log.info("flow.bound", {{"flow", binding->slug},
                                       {"name", binding->name},
                                       {"connection", binding->connection},
                                       {"by", exchange->caller().shown()}});
  backend.change(exchange, [binding = std::move(*binding)](runtime::Runtime& runtime) {
    return bind(runtime, binding);
  });
}

}  // namespace belay::api
