// Steps of ssh as they are rendered, above all the paths of put and get: what is planned names
// absolute paths without a way up only, each as it was given, shows every one of them to the policy,
// and lets files of the host be named by the plan alone.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/steps/ToolPlans.h"
#include "common/base/Check.h"
#include "common/base/Text.h"
#include "common/json/Json.h"
#include "tests/fuzz/Input.h"

namespace {

using namespace belay;

const vault::ConnectionStore& connections() {
  static const auto store = [] {
    const std::string more =
        R"("user":"u","key":{"secret":"K"},"host_keys":["ssh-ed25519 )"
        R"(AAAAC3NzaC1lZDI1NTE5AAAAIHJlYWxseS1ub3QtYS1rZXktYnV0LTMyLWJ5dGVz"]})";
    auto section = json::parse(R"({"box":{"type":"ssh","host":"Far","jump":"gate",)" + more +
                               R"(,"gate":{"type":"ssh","host":"gate",)" + more + "}");
    BELAY_CHECK(section);
    auto parsed = vault::ConnectionStore::parse(*section);
    BELAY_CHECK(parsed);
    return std::move(*parsed);
  }();
  return store;
}

const json::Array& listOf(const json::Value& request, std::string_view name) {
  static const json::Array kNone;
  const json::Value* list = request.find(name);
  return list ? list->asArray() : kNone;
}

void checkPath(const std::string& path) {
  BELAY_CHECK(path.starts_with('/') && path.find('\0') == std::string::npos);
  for (const std::string_view part : base::split(path, '/')) BELAY_CHECK(part != "..");
}

/// The paths of one list, each checked, against what the policy is shown of it.
void checkList(const steps::ToolPlan& plan, const json::Value& given, std::string_view list,
               std::string_view key, std::size_t fact) {
  std::vector<std::string> paths;
  const json::Array& planned = listOf(plan.request, list);
  for (std::size_t i = 0; i < planned.size(); ++i) {
    paths.push_back(planned[i].text(key));
    checkPath(paths.back());
    BELAY_CHECK(paths.back() == given.find(list)->asArray()[i].text(key));
  }
  BELAY_CHECK(plan.effect.facts[fact].second == paths);
}

void checkFiles(const steps::ToolPlan& plan) {
  std::size_t named = 0;
  const auto known = [&](const std::string& file) {
    return file == "put-" + std::to_string(named++);
  };
  const json::Value* exec = plan.request.find("exec");
  if (exec && exec->find("stdin_file")) BELAY_CHECK(known(exec->text("stdin_file")));
  for (const json::Value& each : listOf(plan.request, "put")) {
    BELAY_CHECK(known(each.text("file")));
    BELAY_CHECK(each.integer("mode") >= 0 && each.integer("mode") <= 07777);
  }
  BELAY_CHECK(named == plan.files.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto given = json::parse(belay::fuzz::textOf(data, size));
  if (!given || !given->isObject()) return 0;
  given->set("connection", "box");
  runtime::Attempt attempt;
  attempt.key = {"call", 1, 1};
  attempt.renderedJson = json::print(*given);
  const auto plan = steps::planSsh(attempt, connections(), settings::JobSettings{});
  if (!plan) {
    BELAY_CHECK(!plan.error().message.empty());
    return 0;
  }
  BELAY_CHECK(plan->effect.facts[0].second == std::vector<std::string>{"far"});
  if (plan->request.find("probe")) return 0;
  checkList(*plan, *given, "put", "to", 2);
  checkList(*plan, *given, "get", "from", 3);
  checkFiles(*plan);
  return 0;
}
