#include "agent/steps/ToolPlans.h"

#include <utility>

namespace belay::steps {

std::map<flow::Family, ToolPlanner> toolPlanners(const vault::ConnectionStore& connections,
                                                 const settings::JobSettings& settings,
                                                 ResourceLookup resources) {
  std::map<flow::Family, ToolPlanner> out;
  out[flow::Family::kSsh] = [&connections, settings](const runtime::Attempt& attempt) {
    return planSsh(attempt, connections, settings);
  };
  out[flow::Family::kPlugin] = [&connections, settings](const runtime::Attempt& attempt) {
    return planPlugin(attempt, connections, settings);
  };
  out[flow::Family::kNotify] = [&connections, resources = std::move(resources)](
                                    const runtime::Attempt& attempt) {
    return planMail(attempt, connections, resources);
  };
  return out;
}

}  // namespace belay::steps
