// Sends heads of requests through a table and looks at what it admits: default deny, and each
// refusal with its own status.

#include <string>
#include <vector>

#include "common/http/RouteTable.h"

#include <CppUTest/TestHarness.h>

using belay::base::Error;
using belay::base::ErrorCode;
using belay::http::Handler;
using belay::http::Headers;
using belay::http::Responder;
using belay::http::Route;
using belay::http::RouteTable;
using belay::http::ServerRequest;
using belay::http::ServerResponse;

namespace {

ServerRequest requestFor(std::string method, std::string path, Headers headers = {}) {
  ServerRequest request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.headers = std::move(headers);
  return request;
}

}  // namespace

TEST_GROUP(RouteTable) {
  std::vector<std::string> called;
  std::vector<std::string> asked;
  bool strangers = false;  ///< Who asks for what does not exist is not known either.

  Route route(std::string_view method, std::string_view pattern, std::string_view auth = "reader",
              std::size_t bodyBytesMax = 0, std::string_view contentType = {}) {
    return {
        method,      pattern,
        auth,        bodyBytesMax,
        contentType, [this, pattern](ServerRequest&&, Responder) { called.emplace_back(pattern); }};
  }

  RouteTable table{
      {route("GET", "/v1/runs"), route("POST", "/v1/runs", "operator", 100, "application/json"),
       route("GET", "/v1/runs/{run}"), route("GET", "/v1/runs/latest"),
       route("POST", "/v1/runs/{run}/steps/{step}", "operator", 10), route("GET", "/")},
      [this](std::string_view auth, const ServerRequest&) -> std::optional<Error> {
        asked.emplace_back(auth);
        if (auth == "reader" || (auth.empty() && !strangers)) return std::nullopt;
        return Error{ErrorCode::kPermission, "operators only"};
      },
      [](int status, const Error& error) {
        return ServerResponse::of(status, "text/plain",
                                  std::string(belay::base::errorText(error.code)));
      }};

  /// 0 when admitted.
  int statusFor(ServerRequest request) {
    const Handler::Admission admission = table.admit(request);
    return admission.refusal ? admission.refusal->status : 0;
  }
};

TEST(RouteTable, givesTheDecodedParametersOfThePath) {
  ServerRequest request = requestFor("GET", "/v1/runs/a%20b");
  CHECK_FALSE(table.admit(request).refusal.has_value());
  STRCMP_EQUAL("a b", request.param("run").c_str());
}

TEST(RouteTable, prefersTheLiteralSegment) {
  ServerRequest request = requestFor("GET", "/v1/runs/latest");
  CHECK_FALSE(table.admit(request).refusal.has_value());
  CHECK(request.params.empty());
}

TEST(RouteTable, deniesWhatNoRowNames) {
  for (const char* path :
       {"/v1", "/v1/runs/", "/v1/runs/a/b", "//v1/runs", "/V1/runs", "/v1/runs/a/steps/b/c",
        "/v1/./runs", "/v1/x/../runs", "/v1/%2e%2e/runs", "/v1/runs/%2F", "/v1/runs/a%00b",
        "/v1/runs/%zz", "/v1/runs//steps/x", "*"}) {
    LONGS_EQUAL_TEXT(404, statusFor(requestFor("GET", path)), path);
  }
}

TEST(RouteTable, whoIsNotKnownDoesNotLearnWhatThereIsNot) {
  strangers = true;
  LONGS_EQUAL(403, statusFor(requestFor("GET", "/v2")));
  LONGS_EQUAL(403, statusFor(requestFor("GET", "//v1")));
  const Handler::Admission admission = [this] {
    ServerRequest request = requestFor("DELETE", "/v1/runs");
    return table.admit(request);
  }();
  LONGS_EQUAL(403, admission.refusal->status);
  CHECK(admission.refusal->headers.find("Allow") == nullptr);
}

TEST(RouteTable, saysWhichMethodsAPathAllows) {
  ServerRequest request = requestFor("DELETE", "/v1/runs");
  const Handler::Admission admission = table.admit(request);
  LONGS_EQUAL(405, admission.refusal->status);
  STRCMP_EQUAL("GET, HEAD, POST", admission.refusal->headers.find("Allow")->c_str());
}

TEST(RouteTable, answersHeadLikeGet) {
  LONGS_EQUAL(0, statusFor(requestFor("HEAD", "/v1/runs")));
  LONGS_EQUAL(0, statusFor(requestFor("GET", "/")));
}

TEST(RouteTable, asksForTheClassOfTheRow) {
  LONGS_EQUAL(403, statusFor(requestFor("POST", "/v1/runs")));
  LONGS_EQUAL(1, asked.size());
  STRCMP_EQUAL("operator", asked[0].c_str());
}

TEST(RouteTable, refusesBodiesThatTheRowDoesNotTake) {
  const RouteTable open{
      {route("POST", "/json", "x", 100, "application/json"), route("POST", "/any", "x", 10)},
      [](std::string_view, const ServerRequest&) { return std::nullopt; },
      [](int status, const Error&) {
        return ServerResponse{status, {}, {}};
      }};
  auto& rows = const_cast<RouteTable&>(open);
  const auto status = [&](ServerRequest request) {
    const auto admission = rows.admit(request);
    return admission.refusal ? admission.refusal->status : 0;
  };
  LONGS_EQUAL(0,
              status(requestFor("POST", "/json",
                                {{"Content-Length", "5"}, {"Content-Type", "application/json"}})));
  LONGS_EQUAL(0, status(requestFor("POST", "/json",
                                   {{"Content-Length", "5"},
                                    {"content-type", "Application/JSON; charset=utf-8"}})));
  LONGS_EQUAL(415, status(requestFor("POST", "/json", {{"Content-Length", "5"}})));
  LONGS_EQUAL(
      415, status(requestFor("POST", "/json",
                             {{"Content-Length", "5"}, {"Content-Type", "multipart/form-data"}})));
  LONGS_EQUAL(415, status(requestFor(
                       "POST", "/json",
                       {{"Transfer-Encoding", "chunked"}, {"Content-Type", "application/jsonp"}})));
  LONGS_EQUAL(
      413, status(requestFor("POST", "/json",
                             {{"Content-Length", "101"}, {"Content-Type", "application/json"}})));
  LONGS_EQUAL(413, status(requestFor("POST", "/any", {{"Content-Length", "11"}})));
  LONGS_EQUAL(0, status(requestFor("POST", "/any", {{"Content-Length", "10"}})));
  LONGS_EQUAL(413, statusFor(requestFor("GET", "/v1/runs", {{"Transfer-Encoding", "chunked"}})));
}

TEST(RouteTable, callsTheHandlerOfTheRow) {
  ServerRequest request = requestFor("GET", "/v1/runs/r1");
  CHECK_FALSE(table.admit(request).refusal.has_value());
  table.handle(std::move(request), Responder(nullptr));
  STRCMP_EQUAL("/v1/runs/{run}", called.at(0).c_str());
}
