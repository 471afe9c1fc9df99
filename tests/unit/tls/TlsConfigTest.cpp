// Bundles and keys as files in a folder of the test's own.

#include <map>
#include <string>

#include "tests/unit/tls/TlsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::test::TempFolder;
using belay::test::TestAuthority;
using belay::tls::TlsClientConfig;
using belay::tls::TlsClientOptions;
using belay::tls::TlsServerConfig;

TEST_GROUP(TlsConfig) {
  TempFolder folder;
  TestAuthority authority;
  std::map<std::string, std::string> environment;
  TlsClientOptions options;

  void setup() override {
    options.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    };
  }

  std::string write(const std::string& name, const std::string& content) {
    CHECK(belay::base::writeFileDurably(folder.at(name), content).ok());
    return folder.at(name);
  }
};

TEST(TlsConfig, takesTheGivenBundleBeforeTheEnvironment) {
  environment["SSL_CERT_FILE"] = folder.at("missing.pem");
  options.caFile = write("ca.pem", authority.pem());
  auto config = TlsClientConfig::create(options);
  CHECK(config.ok());
  STRCMP_EQUAL(options.caFile.c_str(), (*config)->source().c_str());
}

TEST(TlsConfig, takesTheBundleOfTheEnvironment) {
  environment["SSL_CERT_FILE"] = write("env.pem", authority.pem());
  auto config = TlsClientConfig::create(options);
  CHECK(config.ok());
  STRCMP_EQUAL(environment["SSL_CERT_FILE"].c_str(), (*config)->source().c_str());
}

TEST(TlsConfig, takesTheFolderOfTheEnvironmentAndSkipsWhatIsNoCertificate) {
  write("readme.txt", "no certificate");
  write("ca.pem", authority.pem());
  environment["SSL_CERT_DIR"] = folder.path();
  CHECK(TlsClientConfig::create(options).ok());
}

TEST(TlsConfig, neverFallsBackFromABundleThatWasNamed) {
  for (const std::string& bad :
       {folder.at("missing.pem"), write("empty.pem", ""), write("text.pem", "no certificate")}) {
    options.caFile = bad;
    auto config = TlsClientConfig::create(options);
    CHECK_FALSE(config.ok());
    CHECK(config.error().code == ErrorCode::kTlsCertificate);
    STRCMP_CONTAINS(bad.c_str(), config.error().message.c_str());
    CHECK_FALSE(config.error().actions.empty());
  }
}

TEST(TlsConfig, refusesAKeyThatBelongsToAnotherCertificate) {
  const auto one = authority.issue("a.test");
  const auto two = authority.issue("b.test");
  CHECK(TlsServerConfig::create(one.chainPem, one.keyPem).ok());
  auto config = TlsServerConfig::create(one.chainPem, two.keyPem);
  CHECK_FALSE(config.ok());
  CHECK(config.error().code == ErrorCode::kTlsCertificate);
  CHECK_FALSE(TlsServerConfig::create("", one.keyPem).ok());
  CHECK_FALSE(TlsServerConfig::create(one.chainPem, "").ok());
}
