// Redirects between servers of our own: what is followed, what changes on the way, and what stays
// behind.

#include "tests/unit/http/ClientFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::base::Status;
using belay::http::Client;
using belay::http::ClientFailure;
using belay::http::ClientOutcome;
using belay::http::ClientRequest;
using belay::http::ClientResponse;
using belay::http::Responder;
using belay::http::ServerRequest;
using belay::http::ServerResponse;
using belay::http::Url;
using belay::test::echo;
using belay::test::LoopbackResolver;
using belay::test::RunningServer;

namespace {

ServerResponse redirect(int status, const std::string& location) {
  ServerResponse response{status, {}, "moved"};
  response.headers.add("Location", location);
  return response;
}

}  // namespace

TEST_GROUP(ClientRedirect) {
  belay::base::PosixClock clock;
  LoopbackResolver resolver;
  Client client{{}, clock, resolver};

  ClientFailure failureOf(const ClientRequest& request) {
    ClientOutcome outcome = client.send(request);
    CHECK_FALSE(outcome.ok());
    return outcome.failure();
  }
  ClientResponse answerTo(const ClientRequest& request) {
    ClientOutcome outcome = client.send(request);
    if (!outcome.ok()) FAIL(outcome.failure().error.message.c_str());
    return outcome.response();
  }
};

TEST(ClientRedirect, followsNoRedirectUnlessAsked) {
  const RunningServer server(
      [](const ServerRequest&, Responder responder) { responder.send(redirect(302, "/next")); });
  ClientRequest request;
  request.url = server.url("host.test");
  LONGS_EQUAL(302, answerTo(request).status);
}

TEST(ClientRedirect, followsRedirectsAsOftenAsAllowed) {
  const RunningServer server([](const ServerRequest& request, Responder responder) {
    if (request.path == "/end") return echo(request, std::move(responder));
    responder.send(
        redirect(request.path == "/303" ? 303 : 307, request.path == "/loop" ? "/loop" : "/end"));
  });
  ClientRequest request;
  request.method = "POST";
  request.body = "payload";
  request.redirectsMax = 3;
  request.url = server.url("host.test", "/307");
  const ClientResponse kept = answerTo(request);
  STRCMP_CONTAINS("POST /end", kept.body.c_str());
  STRCMP_CONTAINS("payload", kept.body.c_str());
  STRCMP_EQUAL("/end", kept.url.target.c_str());
  request.url = server.url("host.test", "/303");
  const ClientResponse changed = answerTo(request);
  STRCMP_CONTAINS("GET /end", changed.body.c_str());
  CHECK(changed.body.find("payload") == std::string::npos);
  request.url = server.url("host.test", "/loop");
  const ClientFailure failure = failureOf(request);
  CHECK(failure.error.code == ErrorCode::kLimit);
  CHECK(failure.sent);
}

TEST(ClientRedirect, keepsCredentialsFromOtherOrigins) {
  const RunningServer other(echo);
  const std::string there = other.url("other.test");
  const RunningServer server([&](const ServerRequest& request, Responder responder) {
    if (request.path == "/same") return responder.send(redirect(302, "/echo"));
    if (request.path == "/echo") return echo(request, std::move(responder));
    responder.send(redirect(302, there));
  });
  ClientRequest request;
  request.headers = {{"Authorization", "secret-1"},
                     {"cookie", "secret-2"},
                     {"X-Api-Key", "secret-3"},
                     {"X-Plain", "plain"}};
  request.secretHeaders = {"x-api-key"};
  request.redirectsMax = 1;
  request.url = server.url("host.test", "/other");
  const std::string crossed = answerTo(request).body;
  CHECK(crossed.find("secret") == std::string::npos);
  STRCMP_CONTAINS("X-Plain: plain", crossed.c_str());
  request.url = server.url("host.test", "/same");
  const std::string same = answerTo(request).body;
  STRCMP_CONTAINS("Authorization: secret-1", same.c_str());
  STRCMP_CONTAINS("secret-3", same.c_str());
}

TEST(ClientRedirect, asksBeforeItFollowsARedirect) {
  const RunningServer server([](const ServerRequest&, Responder responder) {
    responder.send(redirect(302, "http://169.254.169.254/"));
  });
  ClientRequest request;
  request.url = server.url("host.test");
  request.redirectsMax = 5;
  request.allowRedirect = [](const Url& url) -> Status {
    return Error{ErrorCode::kPolicyRefused, url.str() + " is not allowed"};
  };
  CHECK(failureOf(request).error.code == ErrorCode::kPolicyRefused);
}
