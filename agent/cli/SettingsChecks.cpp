#include "agent/cli/SettingsChecks.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/api/Accounts.h"
#include "agent/cli/PolicyFile.h"
#include "agent/flow/AgentRules.h"
#include "agent/vault/ConnectionStore.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// Errors begin with the option, or have a pointer.
Status findWrong(const Installation& where, const base::EnvironmentLookup& environment) {
  const settings::Settings& settings = where.settings;
  if (auto connections = vault::ConnectionStore::parse(settings.connections); !connections)
    return std::move(connections).error().in("connections");
  BELAY_TRY(flow::checkHostAgents(settings.agents));
  BELAY_TRY(
      api::Access::create(settings.api.operators, settings.api.readers, 0, api::AccountFiles()));
  BELAY_TRY(jobs::parseJobUsers(settings.jobs.users, &findJobUser));
  for (const bool ofLink : {false, true}) {
    auto proxy = proxyOf(ofLink ? settings.link.proxy : settings.http.proxy, {}, environment);
    if (!proxy) return std::move(proxy).error().in(ofLink ? "link.proxy" : "http.proxy");
  }
  if (where.paths.socket.size() >= sizeof(sockaddr_un::sun_path))
    return Error{ErrorCode::kSettingsInvalid, "api.socket: has more than 107 bytes"};
  auto policy = readPolicy(where.paths.configFile, settings, where.paths.system);
  if (policy) return {};
  Error error = std::move(policy).error();
  return error.place.line == 0 ? std::move(error).in("policy.file") : error;
}

}  // namespace

Result<http::ProxySettings> proxyOf(const std::string& url, const std::vector<std::string>& noProxy,
                                    const base::EnvironmentLookup& environment) {
  if (url == "environment") return http::ProxySettings::fromEnvironment(environment);
  http::ProxySettings proxy;
  if (url.empty()) return proxy;
  BELAY_ASSIGN(const http::ProxyEndpoint endpoint, http::parseProxy(url));
  proxy.http = proxy.https = endpoint;
  std::string except;
  for (const std::string& entry : noProxy) except += (except.empty() ? "" : ",") + entry;
  proxy.except = http::NoProxy(except);
  return proxy;
}

std::optional<jobs::JobUser> findJobUser(std::string_view name) {
  api::AccountFiles files;
  const api::Accounts& accounts = files.current();
  const auto uid = accounts.uidOf(name);
  const auto gid = uid ? accounts.groupOf(*uid) : std::nullopt;
  if (!gid) return std::nullopt;
  return jobs::JobUser{*uid, *gid, false};
}

Status checkSettings(const Installation& where, const base::EnvironmentLookup& environment) {
  Status found = findWrong(where, environment);
  if (found) return found;
  Error error = std::move(found).error();
  error.code = ErrorCode::kSettingsInvalid;
  if (!where.hasConfigFile || error.place.line != 0) return error;
  if (error.place.pointer.empty()) {
    error.place.pointer = "/" + error.message.substr(0, error.message.find(':'));
    std::replace(error.place.pointer.begin(), error.place.pointer.end(), '.', '/');
  }
  BELAY_ASSIGN(const yaml::Document document, yaml::parse(where.text));
  return placed(std::move(error), document, where.paths.configFile);
}

}  // namespace belay::cli
