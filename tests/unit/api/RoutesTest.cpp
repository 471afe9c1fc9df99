// The table of routes is the list of what callers may do; the page that shows it is compared with
// it.

#include "agent/api/Reads.h"
#include "agent/api/Routes.h"
#include "tests/support/GeneratedPart.h"

#include <CppUTest/TestHarness.h>

using namespace belay::api;

TEST_GROUP(Routes){};

TEST(Routes, thePageOfTheApiListsEachWithItsClass) {
  std::string wanted = "\n| method | path | class |\n|---|---|---|\n";
  for (const RouteInfo& route : describeRoutes()) {
    wanted += "| " + std::string(route.method) + " | `" + std::string(route.pattern) + "` | " +
              std::string(route.auth) + " |\n";
  }
  wanted += "\n";
  STRCMP_EQUAL(wanted.c_str(), belay::test::generatedPart("docs/api.md", "routes", wanted).c_str());
}

TEST(Routes, whateverChangesSomethingIsForOperators) {
  for (const RouteInfo& route : describeRoutes()) {
    if (route.method == "GET" || route.auth == kCallbackClass) continue;
    STRCMP_EQUAL(std::string(kOperatorClass).c_str(), std::string(route.auth).c_str());
  }
}
