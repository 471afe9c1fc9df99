#include <algorithm>
#include <array>

#include "agent/cli/Commands.h"
#include "agent/cli/Inputs.h"
#include "agent/cli/RunPages.h"
#include "common/base/Text.h"
#include "common/http/Message.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using json::Value;

namespace {

constexpr Flag kFlags[] = {
    {"body", 'b', "FILE", "the body, byte for byte; \"-\" is standard input (empty)"},
    {"header", 'H', "NAME: VALUE", "a header field of the delivery", true},
};

/// Fields that frame the request which carries the delivery.
constexpr std::array<std::string_view, 5> kFraming{"host", "content-length", "connection",
                                                   "transfer-encoding", "expect"};

Result<std::pair<std::string, std::string>> readHeader(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  if (colon == std::string::npos || !http::isToken(name)) {
    return Error{ErrorCode::kUsage, "--header takes NAME: VALUE, not \"" + shown(text) + "\""};
  }
  if (std::find(kFraming.begin(), kFraming.end(), base::toLower(name)) != kFraming.end())
    return Error{ErrorCode::kUsage, "the header " + name + " is written by the client itself"};
  std::string value(base::trim(std::string_view(text).substr(colon + 1)));
  if (!http::isFieldValue(value))
    return Error{ErrorCode::kUsage, "the value of the header " + name + " cannot be sent"};
  return std::pair(name, std::move(value));
}

Result<api::Envelope> deliver(Invocation& invocation) {
  ApiRequest request;
  request.method = "POST";
  request.target = pathOf(pathOf("/v1/webhooks", invocation.argument(0)), invocation.argument(1));
  request.contentType = "application/octet-stream";
  if (invocation.has("body")) {
    BELAY_ASSIGN(request.body, readText(invocation, invocation.flag("body"), kInputBytesMax));
  }
  for (const std::string& text : invocation.flags("header")) {
    BELAY_ASSIGN(auto field, readHeader(text));
    if (base::equalsIgnoringCase(field.first, "Content-Type"))
      request.contentType = field.second;
    else
      request.headers.push_back(std::move(field));
  }
  return invocation.send(request);
}

std::string print(const Invocation& invocation, const Value& data) {
  const Value* run = data.find("run");
  const std::string id = run && run->isObject() ? run->text("id") : data.text("run_id");
  if (invocation.quiet()) return id.empty() ? "" : id + "\n";
  if (data.flag("skipped")) return "verified; " + skippedText(data) + "\n";
  if (data.flag("existing"))
    return "came before; nothing was done" + (id.empty() ? "" : ", run " + shown(id)) + "\n";
  if (data.flag("ignored"))
    return "verified; when of the webhook does not hold, nothing was done\n";
  if (!id.empty()) return "started run " + invocation.style().bold(shown(id)) + "\n";
  return "answered " + std::to_string(data.integer("answered")) + " waits\n";
}

}  // namespace

const Command kWebhookDeliverCommand{
    "webhook deliver",
    "SLUG WEBHOOK",
    "hand a delivery to a webhook of a flow's live release",
    "It is verified as one that came from outside: by the webhook's auth, over the very bytes of "
    "the body. The same delivery again does nothing, for the webhook's dedupe_for.",
    kFlags,
    &deliver,
    &print,
    Completes::kFlow};

}  // namespace belay::cli
