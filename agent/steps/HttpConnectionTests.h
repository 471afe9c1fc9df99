#pragma once

#include "agent/steps/ConnectionTests.h"
#include "agent/steps/OAuthTokens.h"
#include "agent/trust/Policy.h"
#include "agent/vault/SecretSource.h"
#include "common/base/Clock.h"
#include "common/http/Client.h"

namespace belay::steps {

/// What the tests of connections that speak HTTP work with. All must outlive the tests.
struct HttpTestWorld {
  http::Client& client;
  const trust::Policy& policy;
  const vault::SecretSource& secrets;
  const base::Clock& clock;
  OAuthTokens& tokens;
};

/// Adds the tests of the types http and chat. An http connection is asked for its base URL, or its
/// `test_path`, with GET; a chat gets a message that says that it is a test.
/// Errors of the tests: kAuthentication for 401 and 403, kHttpStatus, kPolicyRefused, and those of
/// the client and of the secrets.
void addHttpTests(ConnectionTests& tests, const HttpTestWorld& world);

/// What a connection answers to GET of a path below its base, with the same errors: {detail, status,
/// duration_ms}. The body goes to `body` unless that is null.
base::Result<json::Value> askBelow(const HttpTestWorld& world, const vault::ConnectionPtr& connection,
                                   const vault::HttpConnection& kind, const std::string& path,
                                   std::string* body);

}  // namespace belay::steps
