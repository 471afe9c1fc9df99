#pragma once

#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/rehearsal/Judge.h"
#include "agent/rehearsal/Play.h"
#include "common/base/Check.h"
#include "common/json/Json.h"
#include "common/yaml/Yaml.h"

namespace belay::test {

inline rehearsal::Script scriptOf(const std::string& text) {
  auto flow = flow::parseFlow(text, "test.flow.yaml", flow::Format::kYaml);
  if (!flow) std::fprintf(stderr, "%s\n", flow.error().message.c_str());
  BELAY_CHECK(flow.ok());
  const journal::FlowRow row{flow->digest, flow->slug.str(), "yaml", text, 0};
  return {std::move(*flow), row};
}

inline rehearsal::Scenario scenarioOf(const std::string& yaml) {
  const auto document = yaml::parse("name: t\n" + yaml);
  BELAY_CHECK(document.ok());
  auto scenario = rehearsal::readScenario(document->root);
  if (!scenario) std::fprintf(stderr, "%s\n", scenario.error().message.c_str());
  BELAY_CHECK(scenario.ok());
  return std::move(*scenario);
}

inline base::Result<std::string> noResource(std::string_view ref) {
  return base::Error{base::ErrorCode::kResourceNotFound, std::string(ref)};
}

inline rehearsal::Played rehearse(const std::string& flow, const rehearsal::Scenario& scenario,
                                  const std::vector<rehearsal::Script>& others = {}) {
  std::vector<rehearsal::Script> scripts{scriptOf(flow)};
  scripts.insert(scripts.end(), others.begin(), others.end());
  auto played = rehearsal::play(scripts, scenario, &noResource);
  if (!played) std::fprintf(stderr, "%s\n", played.error().message.c_str());
  BELAY_CHECK(played.ok());
  return std::move(*played);
}

/// What is not as `expect` of the scenario says, a line each.
inline std::string problems(const rehearsal::Played& played, const rehearsal::Scenario& scenario) {
  const auto found = rehearsal::judge(played, scenario.expect);
  if (!found) return "error: " + found.error().message;
  std::string out;
  for (const std::string& problem : *found) out += problem + "\n";
  return out;
}

inline std::string pathText(const rehearsal::Played& played) {
  std::string out;
  for (const std::string& step : rehearsal::pathOf(played.events))
    out += (out.empty() ? "" : " ") + step;
  return out;
}

}  // namespace belay::test
