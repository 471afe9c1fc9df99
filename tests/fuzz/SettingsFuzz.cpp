// Any text as the settings of a host, as its connections and as its policy. What is accepted can be
// shown; a policy that was read answers.

#include <string>

#include "agent/settings/Settings.h"
#include "agent/trust/Policy.h"
#include "agent/vault/ConnectionStore.h"
#include "common/base/Check.h"
#include "common/json/Json.h"
#include "common/yaml/Yaml.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

std::string asWritten(const std::string& path) { return path; }

void askPolicy(const trust::Policy& policy) {
  trust::RunEffect run;
  run.executable = "/usr/bin/git";
  run.argv = {"git", "am", "x"};
  run.cwd = "/srv/work";
  trust::RenderedEffect effect;
  effect.flow = "deploy";
  effect.what = run;
  const trust::Verdict verdict = policy.check(effect, 1'790'000'000'000);
  BELAY_CHECK(!verdict.rule.empty());
  BELAY_CHECK(verdict.allowed == verdict.status().ok());
}

void readPolicy(const json::Value& root) {
  const auto policy = trust::Policy::parse(root, "policy.yaml", asWritten);
  if (policy.ok()) return askPolicy(*policy);
  BELAY_CHECK(policy.error().code == base::ErrorCode::kSettingsInvalid);
}

void readConnections(const json::Value& section) {
  const auto connections = vault::ConnectionStore::parse(section);
  if (!connections.ok()) return;
  for (const vault::ConnectionPtr& connection : connections->all()) {
    const auto found = connections->find(connection->name);
    BELAY_CHECK(found.ok() && *found == connection && connection->version.size() == 16);
    const auto* http = std::get_if<vault::HttpConnection>(&connection->kind);
    if (http == nullptr) continue;
    const auto inside = vault::connectionUrl(*http, "/v1/items");
    BELAY_CHECK(!inside.ok() || inside->sameOrigin(http->baseUrl));
  }
}

void readSettings(std::string_view text) {
  const auto settings = settings::parseSettings(text, "belay.yaml");
  if (!settings.ok()) {
    BELAY_CHECK(!settings.error().message.empty());
    return;
  }
  BELAY_CHECK(json::parse(json::print(settings::toJson(*settings))).ok());
  readConnections(settings->connections);
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = belay::fuzz::textOf(data, size);
  belay::fuzz::readSettings(text);
  const auto document = belay::yaml::parse(text);
  if (!document.ok()) return 0;
  belay::fuzz::readPolicy(document->root);
  belay::fuzz::readConnections(document->root);
  return 0;
}
