// Reads settings from texts, and compares the shipped example with the table of options.

#include "common/base/Files.h"
#include "relay/service/Settings.h"

#include <CppUTest/TestHarness.h>

using namespace belay;

namespace {

std::string errorOf(const std::string& text) {
  const auto parsed = service::parseSettings(text, "relay.yaml");
  return parsed.ok() ? "" : parsed.error().message;
}
bool mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_GROUP(RelaySettings){};

TEST(RelaySettings, theShippedExampleIsWhatTheOptionsSay) {
  const auto shipped = base::readFile("config/relay.yaml", 1u << 20);
  CHECK(shipped.ok());
  STRCMP_EQUAL(service::defaultSettingsText().c_str(), shipped->c_str());
}

TEST(RelaySettings, valuesAreReadAndTheUrlHasOneSpelling) {
  const auto parsed = service::parseSettings(
      "relay: {url: 'https://Relay.Example.org:443/'}\nlimits: {messages_per_host: 70}\n", "f");
  CHECK(parsed.ok());
  STRCMP_EQUAL("https://relay.example.org", parsed->url.c_str());
  LONGS_EQUAL(70, parsed->messagesMax);
}

TEST(RelaySettings, whatIsWrongHasItsPlace) {
  CHECK(mentions(errorOf(""), "relay.url must be set"));
  CHECK(mentions(errorOf("relay: {url: 'http://a.test'}"), "https"));
  CHECK(mentions(errorOf("relay: {url: 'https://a.test/x'}"), "no path"));
  CHECK(mentions(errorOf("relay: {url: 'https://a.test'}\ntls:\n  kye: /k\n"), "relay.yaml:3:3"));
  CHECK(mentions(errorOf("relay: {url: 'https://a.test'}\ntls: {kye: /k}\n"), "tls.key"));
  CHECK(mentions(errorOf("relay: {url: 'https://a.test'}\ntls: {key: k}\n"), "absolute"));
}
