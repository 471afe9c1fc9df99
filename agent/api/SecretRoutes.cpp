#include <algorithm>
#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/flow/CodeSecrets.h"
#include "common/base/Units.h"
#include "common/json/Json.h"
#include "common/yaml/Yaml.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

Value secretToJson(const vault::SecretInfo& secret) {
  Value out;
  out.set("name", secret.name).set("version", secret.version);
  out.set("updated_at", base::formatInstant(secret.updatedMs));
  out.set("size_at_most", secret.sizeAtMost).set("redacted", secret.redacted);
  return out;
}

/// Whether a value anywhere says {secret: NAME}, alone or among other members.
bool names(const Value& value, const std::string& secret) {
  if (value.isArray()) {
    return std::any_of(value.asArray().begin(), value.asArray().end(),
                       [&](const Value& item) { return names(item, secret); });
  }
  if (!value.isObject()) return false;
  return std::any_of(value.asObject().begin(), value.asObject().end(), [&](const auto& member) {
    const bool said = member.first == "secret" && member.second.isString();
    return said ? member.second.asString() == secret : names(member.second, secret);
  });
}

Status addFlow(runtime::Runtime& runtime, const std::string& slug, const std::string& digest,
               const char* in, const std::string& secret, json::Array& into) {
  BELAY_ASSIGN(const auto loaded, runtime.flows().get(digest));
  bool used = loaded->output && names(*loaded->output, secret);
  for (const Value& spec : loaded->specs) used = used || names(spec, secret);
  for (const Value& undo : loaded->undos) used = used || names(undo, secret);
  for (const flow::WebhookTrigger& webhook : loaded->flow.triggers.webhooks)
    used = used || (webhook.auth && webhook.auth->secret == secret);
  if (loaded->flow.code) used = used || flow::codeNamesSecret(loaded->flow.code->source, secret);
  if (!used) return {};
  Value use;
  into.push_back(std::move(use.set("what", "flow").set("name", slug).set("in", in)));
  return {};
}

Result<json::Array> usesOf(runtime::Runtime& runtime, const vault::ConnectionStore& connections,
                           const std::string& secret) {
  json::Array uses;
  for (const vault::ConnectionPtr& connection : connections.all()) {
    const std::vector<std::string> named = connection->secretNames();
    if (std::find(named.begin(), named.end(), secret) == named.end()) continue;
    Value use;
    use.set("what", "connection").set("name", connection->name);
    use.set("in", connection->ofSettings ? "settings" : "added");
    uses.push_back(std::move(use));
  }
  BELAY_ASSIGN(const auto heads, runtime.journal().flowHeads());
  for (const journal::FlowHeadRow& head : heads) {
    BELAY_TRY(addFlow(runtime, head.slug, head.draftDigest, "draft", secret, uses));
    BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(runtime.journal(), head.slug));
    if (state.live && state.live->digest != head.draftDigest)
      BELAY_TRY(addFlow(runtime, head.slug, state.live->digest, "live", secret, uses));
  }
  return uses;
}

Status checkUnused(Backend& backend, runtime::Runtime& runtime, const std::string& secret) {
  BELAY_ASSIGN(const json::Array uses, usesOf(runtime, backend.deps.connections, secret));
  if (uses.empty()) return {};
  std::string who;
  for (const Value& use : uses)
    who += (who.empty() ? "" : ", ") + use.text("what") + " " + use.text("name");
  return Error{ErrorCode::kSecretInUse,
               "secret " + secret + " is used by " + who,
               {"belay secret usages " + secret, "belay secret delete --force " + secret}};
}

void removeNow(Backend& backend, const ExchangePtr& exchange) {
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    const std::string& name = exchange->param("name");
    if (const Status removed = backend.deps.vault.remove(name); !removed) {
      return exchange->fail(removed.error());
    }
    backend.deps.log.info("secret.removed", {{"name", name}, {"by", exchange->caller().shown()}});
    Value data;
    data.set("name", name);
    exchange->ok(std::move(data));
  });
}

}  // namespace

void listSecrets(Backend& backend, const ExchangePtr& exchange) {
  // In a worker: the vault's lock is held while a change is being synced.
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    json::Array secrets;
    for (const vault::SecretInfo& secret : backend.deps.vault.list()) {
      secrets.push_back(secretToJson(secret));
    }
    Value data;
    data.set("secrets", std::move(secrets));
    exchange->ok(std::move(data));
  });
}

void setSecret(Backend& backend, const ExchangePtr& exchange) {
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    const std::string& name = exchange->param("name");
    const auto set = backend.deps.vault.set(name, vault::SecretValue(exchange->request().body));
    if (!set) return exchange->fail(set.error());
    backend.deps.log.info(
        "secret.set",
        {{"name", name}, {"version", set->version}, {"by", exchange->caller().shown()}});
    Value data;
    data.set("secret", secretToJson(*set));
    exchange->ok(std::move(data));
  });
}

void removeSecret(Backend& backend, const ExchangePtr& exchange) {
  auto force = [&]() -> Result<bool> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "force"));
    return flagMember(body, "force");
  }();
  if (!force) return exchange->fail(force.error());
  if (*force) return removeNow(backend, exchange);
  const bool queued = backend.afterCommit([&backend, exchange](runtime::Runtime& runtime) {
    const Status unused = checkUnused(backend, runtime, exchange->param("name"));
    if (!unused) return exchange->fail(unused.error());
    removeNow(backend, exchange);
  });
  if (!queued) exchange->fail(busy());
}

void listSecretUsages(Backend& backend, const ExchangePtr& exchange) {
  const std::string& name = exchange->param("name");
  if (const auto known = backend.deps.vault.secretVersion(name); !known)
    return exchange->fail(known.error());
  const bool queued = backend.afterCommit([&backend, exchange](runtime::Runtime& runtime) {
    exchange->answer([&]() -> Result<Value> {
      BELAY_ASSIGN(json::Array uses,
                   usesOf(runtime, backend.deps.connections, exchange->param("name")));
      Value out;
      out.set("name", exchange->param("name")).set("usages", std::move(uses));
      return out;
    }());
  });
  if (!queued) exchange->fail(busy());
}

}  // namespace belay::api
