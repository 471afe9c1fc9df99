// Reads settings from texts and looks at values and at the places of errors.
// The shipped example is compared with what the list of options prints.

#include "agent/settings/Settings.h"
#include "common/base/Files.h"

#include <CppUTest/TestHarness.h>

using namespace belay;
using namespace belay::settings;

namespace {

std::string errorOf(const char* text) {
  const auto parsed = parseSettings(text, "belay.yaml");
  return parsed.ok() ? "" : parsed.error().message;
}

bool mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_GROUP(Settings){};

TEST(Settings, theShippedExampleIsWhatTheOptionsSay) {
  const auto shipped = base::readFile("config/belay.yaml", 1u << 20);
  CHECK(shipped.ok());
  STRCMP_EQUAL(defaultSettingsText().c_str(), shipped->c_str());
}

TEST(Settings, theExampleReadsAsTheDefaults) {
  const auto parsed = parseSettings(defaultSettingsText(), "belay.yaml");
  CHECK(parsed.ok());
  LONGS_EQUAL(Settings{}.limits.activeRuns, parsed->limits.activeRuns);
}

TEST(Settings, unitsAreRead) {
  const auto parsed = parseSettings(
      "journal: {wal_max: 2 MiB, retention: 7d}\njobs: {grace: 250ms}\n", "belay.yaml");
  CHECK(parsed.ok());
  LONGS_EQUAL(2 << 20, parsed->journal.walMaxBytes);
  LONGS_EQUAL(250, parsed->jobs.grace.count());
}

TEST(Settings, anUnknownOptionHasItsPlaceAndTheNearestRightOne) {
  const std::string error = errorOf("journal:\n  wal_mx: 2 MiB\n");
  CHECK(mentions(error, "belay.yaml:2:3"));
  CHECK(mentions(error, "journal.wal_max"));
}

TEST(Settings, aPathThatDependsOnWhereAProcessWasStartedIsRefusedAtItsPlace) {
  STRCMP_EQUAL("belay.yaml:2:11: state.folder must be an absolute path, is data",
               errorOf("state:\n  folder: data\n").c_str());
  CHECK(mentions(errorOf("state: {folder: ~/belay}\n"), "~ is not expanded"));
  CHECK(mentions(errorOf("policy: {file: policy.yaml}\n"), "policy.file must be an absolute path"));
  CHECK(mentions(errorOf("api: {socket: ./sock}\n"), "api.socket must be an absolute path"));
  STRCMP_EQUAL("", errorOf("state: {folder: /srv/belay}\n").c_str());
  STRCMP_EQUAL("", errorOf("state: {folder: \"\"}\n").c_str());
}

TEST(Settings, valuesOutOfRangeNameTheBounds) {
  CHECK(mentions(errorOf("http: {workers: 0}\n"), "from 1 to 2000"));
  CHECK(mentions(errorOf("jobs: {grace: 5}\n"), "duration"));
  CHECK(mentions(errorOf("limits: {memory: 1 MiB}\n"), "belay.yaml:1:18: limits.memory must be 0 or at least 128 MiB"));
}
