#include "agent/runtime/FlowSecrets.h"

#include "agent/flow/CodeSecrets.h"
#include "common/json/Json.h"

namespace belay::runtime {

using base::Error;
using base::ErrorCode;
using base::Status;

namespace {

bool isNamed(const LiveRun& run, const json::Value* written, const json::Value& secret) {
  if (const auto& code = run.flow->flow.code)
    return flow::codeNamesSecret(code->source, secret.asString());
  return written && written->text("secret") == secret.asString();
}

}  // namespace

Status checkSecrets(const LiveRun& run, const json::Value& spec, const std::string& renderedJson) {
  if (renderedJson.find("\"secret\"") == std::string::npos) return {};
  BELAY_ASSIGN(const json::Value rendered, json::parse(renderedJson));
  for (const char* const key : {"env", "headers"}) {
    const json::Value* const given = rendered.find(key);
    if (!given || !given->isObject()) continue;
    const json::Value* const written = spec.find(key);
    for (const json::Member& member : given->asObject()) {
      const json::Value* const secret = member.second.find("secret");
      if (!secret || !secret->isString()) continue;
      if (isNamed(run, written ? written->find(member.first) : nullptr, *secret)) continue;
      return Error{ErrorCode::kFlowSecretMisplaced,
                   std::string(key) + "." + member.first +
                       ": a value of the run names a secret, and only the flow itself may",
                   {"write " + member.first + ": {secret: NAME} into the flow"}};
    }
  }
  return {};
}

}  // namespace belay::runtime
