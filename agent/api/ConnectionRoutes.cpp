#include <algorithm>
#include <memory>
#include <utility>

#include "agent/api/Routes.h"
#include "agent/vault/HostKeyPins.h"
#include "common/base/Text.h"
#include "common/base/Units.h"

namespace belay::api {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using json::Value;

namespace {

Value connectionToJson(const vault::Connection& connection) {
  Value out;
  out.set("name", connection.name).set("type", connection.type());
  out.set("version", connection.version);
  json::Array secrets;
  for (const std::string& secret : connection.secretNames()) secrets.emplace_back(secret);
  out.set("secrets", std::move(secrets));
  out.set("source", connection.ofSettings ? "settings" : "added");
  if (connection.ofSettings) return out;
  out.set("added_at", base::formatInstant(connection.addedMs));
  out.set("added_by", connection.addedBy);
  return out;
}

/// How a flow's content comes to use the connection: its name of it, or nothing.
Status addUses(runtime::Runtime& runtime, const std::string& slug, const std::string& digest,
               const char* by, const std::string& connection, json::Array& into) {
  BELAY_ASSIGN(const auto loaded, runtime.flows().get(digest));
  BELAY_ASSIGN(const auto bindings, runtime.journal().bindings(slug));
  for (const flow::Requirement& requirement : loaded->flow.requirements) {
    const auto bound = std::find_if(bindings.begin(), bindings.end(),
                                    [&](const auto& row) { return row.name == requirement.name; });
    const bool isBound = bound != bindings.end();
    if ((isBound ? bound->connection : requirement.name) != connection) continue;
    Value use;
    use.set("flow", slug).set("name", requirement.name).set("in", by).set("bound", isBound);
    into.push_back(std::move(use));
  }
  return {};
}

/// The uses of a connection by the drafts and live releases of this host.
Result<json::Array> usesOf(runtime::Runtime& runtime, const std::string& connection) {
  json::Array uses;
  BELAY_ASSIGN(const auto heads, runtime.journal().flowHeads());
  for (const journal::FlowHeadRow& head : heads) {
    BELAY_TRY(addUses(runtime, head.slug, head.draftDigest, "draft", connection, uses));
    BELAY_ASSIGN(const runtime::FlowState state, runtime::flowState(runtime.journal(), head.slug));
    if (state.live && state.live->digest != head.draftDigest)
      BELAY_TRY(addUses(runtime, head.slug, state.live->digest, "live", connection, uses));
  }
  return uses;
}

Status checkUnused(runtime::Runtime& runtime, const std::string& connection) {
  BELAY_ASSIGN(const json::Array uses, usesOf(runtime, connection));
  if (uses.empty()) return {};
  std::string flows;
  for (const Value& use : uses) {
    const std::string slug = use.text("flow");
    if (flows.find(slug) == std::string::npos) flows += (flows.empty() ? "" : ", ") + slug;
  }
  return Error{ErrorCode::kConnectionInUse,
               "connection " + connection + " is used by " + flows,
               {"belay connection usages " + connection,
                "belay flow configure SLUG NAME=CONNECTION, to bind another one",
                "belay connection delete --force " + connection}};
}

void removeNow(Backend& backend, const ExchangePtr& exchange) {
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    const std::string& name = exchange->param("name");
    if (const Status removed = backend.deps.connections.remove(name); !removed)
      return exchange->fail(removed.error());
    backend.deps.log.info("connection.removed",
                          {{"name", name}, {"by", exchange->caller().shown()}});
    Value data;
    data.set("name", name);
    exchange->ok(std::move(data));
  });
}

}  // namespace

void listConnections(Backend& backend, const ExchangePtr& exchange) {
  json::Array connections;
  for (const vault::ConnectionPtr& connection : backend.deps.connections.all())
    connections.push_back(connectionToJson(*connection));
  Value data;
  data.set("connections", std::move(connections));
  exchange->ok(std::move(data));
}

void putConnection(Backend& backend, const ExchangePtr& exchange) {
  // In a worker: the file is synced.
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    exchange->answer([&]() -> Result<Value> {
      BELAY_ASSIGN(const Value body, exchange->bodyObject());
      BELAY_TRY(checkMembers(body, "definition replace"));
      const Value* definition = body.find("definition");
      if (!definition)
        return Error{ErrorCode::kInvalidArgument, "the body lacks \"definition\""};
      BELAY_ASSIGN(const bool replace, flagMember(body, "replace"));
      const std::string by = exchange->caller().shown();
      BELAY_ASSIGN(const vault::ConnectionPtr made,
                   backend.deps.connections.put(exchange->param("name"), *definition,
                                                {backend.deps.clock.wallMs(), by}, replace));
      backend.deps.log.info(
          "connection.set", {{"name", made->name}, {"version", made->version}, {"by", by}});
      Value data;
      data.set("connection", connectionToJson(*made));
      json::Array missing;
      for (const std::string& secret : made->secretNames())
        if (!backend.deps.vault.secretVersion(secret)) missing.emplace_back(secret);
      data.set("missing_secrets", std::move(missing));
      return data;
    }());
  });
}

void removeConnection(Backend& backend, const ExchangePtr& exchange) {
  auto force = [&]() -> Result<bool> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "force"));
    return flagMember(body, "force");
  }();
  if (!force) return exchange->fail(force.error());
  if (*force) return removeNow(backend, exchange);
  const bool queued = backend.afterCommit([&backend, exchange](runtime::Runtime& runtime) {
    const Status unused = checkUnused(runtime, exchange->param("name"));
    if (!unused) return exchange->fail(unused.error());
    removeNow(backend, exchange);
  });
  if (!queued) exchange->fail(busy());
}

void listConnectionUsages(Backend& backend, const ExchangePtr& exchange) {
  const auto found = backend.deps.connections.find(exchange->param("name"));
  if (!found) return exchange->fail(found.error());
  const bool queued = backend.afterCommit([exchange](runtime::Runtime& runtime) {
    exchange->answer([&]() -> Result<Value> {
      BELAY_ASSIGN(json::Array uses, usesOf(runtime, exchange->param("name")));
      Value out;
      out.set("name", exchange->param("name")).set("usages", std::move(uses));
      return out;
    }());
  });
  if (!queued) exchange->fail(busy());
}

void testConnection(Backend& backend, const ExchangePtr& exchange) {
  auto found = backend.deps.connections.find(exchange->param("name"));
  if (!found) return exchange->fail(found.error());
  if (!backend.deps.connectionTests) {
    return exchange->fail(
        Error{ErrorCode::kUnsupported, "this daemon has no tests of connections"});
  }
  const auto learn = [&]() -> Result<bool> {
    BELAY_ASSIGN(const Value body, exchange->bodyObject());
    BELAY_TRY(checkMembers(body, "learn"));
    return flagMember(body, "learn");
  }();
  if (!learn) return exchange->fail(learn.error());
  backend.deps.log.info("connection.tested", {{"name", exchange->param("name")},
                                              {"by", exchange->caller().shown()}});
  backend.deps.connectionTests->run(
      *found, *learn ? steps::Probe::kLearn : steps::Probe::kTest,
      [exchange, connection = *found](Result<Value> result) {
        if (!result) {
          return exchange->fail(std::move(result).error().in("connection " + connection->name));
        }
        Value data;
        data.set("name", connection->name).set("type", connection->type());
        data.set("source", connection->ofSettings ? "settings" : "added");
        data.set("version", connection->version).set("found", std::move(*result));
        exchange->ok(std::move(data));
      });
}

void pinHostKeys(Backend& backend, const ExchangePtr& exchange) {
  // In a worker: the file is synced.
  backend.work(exchange, [&backend, exchange](Workers::Tools&) {
    exchange->answer([&]() -> Result<Value> {
      BELAY_ASSIGN(const Value body, exchange->bodyObject());
      BELAY_TRY(checkMembers(body, "host_keys version replace"));
      BELAY_ASSIGN(const std::string version, textMember(body, "version", true));
      BELAY_ASSIGN(const bool replace, flagMember(body, "replace"));
      std::vector<std::string> keys;
      const Value* list = body.find("host_keys");
      if (!list || !list->isArray())
        return Error{ErrorCode::kInvalidArgument, "the body lacks \"host_keys\", a list"};
      for (const Value& key : list->asArray()) keys.push_back(key.isString() ? key.asString() : "");
      const std::string by = exchange->caller().shown();
      BELAY_ASSIGN(const vault::ConnectionPtr made,
                   backend.deps.connections.amend(
                       exchange->param("name"), version, {backend.deps.clock.wallMs(), by},
                       [&](const Value& definition) {
                         return vault::withHostKeys(definition, keys, replace);
                       }));
      backend.deps.log.info("connection.host_keys",
                            {{"name", made->name}, {"version", made->version}, {"by", by}});
      return connectionToJson(*made);
    }());
  });
}

}  // namespace belay::api
