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
  BELAY_ASSIGN(const vault::Connection* connection, backend.deps.connections.find(binding.connection));
  binding.type = std::string(connection->type());
  return binding;
}

Result<Changed> bind(runtime::Runtime& runtime, const Binding& binding) {
  BELAY_ASSIGN(const std::optional<journal::FlowHeadRow> head, runtime.journal().flowHead(binding.slug));
  if (!head) {
    return Error{ErrorCode::kNotFound, "there is no flow \"" + base::visible(binding.slug) + "\" on this host",
                 {"belay flow list"}};
  }
  BELAY_ASSIGN(const std::shared_ptr<const runtime::LoadedFlow> loaded, runtime.flows().get(head->draftDigest));
  std::vector<std::string_view> names;
  for (const flow::Requirement& requirement : loaded->flow.requirements) {
    names.push_back(requirement.name);
    if (requirement.name != binding.name) continue;
    if (requirement.type != binding.type) {
      return Error{ErrorCode::kConnectionInvalid, "flow " + binding.slug + " requires \"" + binding.name +
                                                      "\" of type " + requirement.type + "; connection " +
                                                      binding.connection + " is of type " + binding.type};
    }
    BELAY_TRY(runtime.journal().putBinding(binding.slug, binding.name, binding.connection));
    Changed changed;
    changed.data.set("flow", binding.slug).set("name", binding.name).set("connection", binding.connection);
    return changed;
  }
  std::string message = "flow " + binding.slug + " requires nothing named \"" + base::visible(binding.name) + "\"";
  if (const auto near = base::nearest(binding.name, names)) message += "; did you mean \"" + *near + "\"?";
  return Error{ErrorCode::kFlowUnknownName, std::move(message), {"belay flow show " + binding.slug}};
}

}  // namespace

void putFlow(Backend& backend, const ExchangePtr& exchange) {
  auto content = [&]() -> Result<FlowText> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "content file"));
    BELAY_ASSIGN(FlowText text, readFlowText(body));
    if (text.text.empty()) return Error{ErrorCode::kInvalidArgument, "the body lacks \"content\""};
    return text;
  }();
  if (!content) return exchange->fail(content.error());
  backend.work(exchange, [&backend, exchange, content = std::move(*content)](Workers::Tools& tools) {
    auto checked = checkFlowText(content, tools.syntax);
    if (!checked.flow) return exchange->fail(firstError(checked), diagnosticsToJson(checked));
    auto flow = std::make_shared<flow::Flow>(std::move(*checked.flow));
    backend.change(exchange, [flow, content](runtime::Runtime& runtime) -> Result<Changed> {
      BELAY_TRY(storeFlow(runtime, *flow, content));
      Changed changed;
      changed.data.set("flow", flow->slug.str()).set("digest", flow->digest);
      return changed;
    });
  });
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
