// Feeds messages whole and byte by byte: both must end the same. The table of smuggling attempts
// names, for each, the status with which a server must refuse it.

#include <array>
#include <string>
#include <string_view>

#include "common/http/Parser.h"

#include <CppUTest/TestHarness.h>

using belay::http::Parser;
using belay::http::ParserLimits;
using namespace std::string_view_literals;

namespace {

constexpr std::size_t kBodyMax = 64;

/// Feeds until the message is complete or refused; what was left is returned.
std::string_view feedAll(Parser& parser, std::string_view bytes, std::size_t piece) {
  while (!bytes.empty() && parser.state() != Parser::State::kFailed) {
    bytes.remove_prefix(parser.feed(bytes.substr(0, piece)));
    if (parser.state() == Parser::State::kHeadComplete) parser.beginBody(kBodyMax);
    if (parser.state() == Parser::State::kComplete) break;
  }
  return bytes;
}

/// 0 when the request is accepted, -1 when it is not complete, else the status of the refusal.
int verdict(std::string_view bytes, std::size_t piece, const ParserLimits& limits = {}) {
  Parser parser(Parser::Kind::kRequest, limits);
  feedAll(parser, bytes, piece);
  if (parser.state() == Parser::State::kFailed) return parser.failure().status;
  return parser.state() == Parser::State::kComplete ? 0 : -1;
}

struct Case {
  int status;
  std::string_view request;
};

// Each request would be framed differently by some other reader.
constexpr std::array<Case, 43> kRefused{{
    {400,
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n"},
    {400,
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "3\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3 4\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551617\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 3\r\n\r\nabc"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\tfolded\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
    {400,
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
     "chunked\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun\vked\r\n\r\n0\r\n\r\n"},
    {400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX\x80: b\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
    {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
    {400, "GET /\r\nHost: a\r\n\r\n"},
    {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
    {400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\na"},
    {400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"sv},
}};

constexpr std::string_view kChunkedHead =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

constexpr std::array<Case, 12> kChunked{{
    {0, "3\r\nabc\r\n0\r\n\r\n"},
    {0, "3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"},
    {0, "00000000003 ;x\r\nabc\r\n0\r\n\r\n"},
    {400, "3\nabc\r\n0\r\n\r\n"},
    {400, "3\r\nabcd\r\n0\r\n\r\n"},
    {400, "3\r\nabc0\r\n\r\n"},
    {400, "g\r\n"},
    {400, "-1\r\n"},
    {400, "0x3\r\nabc\r\n0\r\n\r\n"},
    {400, "10000000000000000\r\n"},
    {400, "3 \r\nabc\r\n0\r\n\r\n"},
    {413, "41\r\n0123456789012345678901234567890123456789012345678901234567890123456789\r\n"},
}};

Parser responseOf(std::string_view bytes) {
  Parser parser(Parser::Kind::kResponse, ParserLimits{});
  feedAll(parser, bytes, bytes.size());
  return parser;
}

}  // namespace

TEST_GROUP(Parser){};

TEST(Parser, givesTheHeadInTheOrderInWhichItCame) {
  Parser parser(Parser::Kind::kRequest, ParserLimits{});
  feedAll(parser, "GET /a?b=c HTTP/1.1\r\nHost: x\r\nB: 1\r\nA:\t 2 \r\nB: 3\r\n\r\n", 1000);
  CHECK(parser.state() == Parser::State::kComplete);
  STRCMP_EQUAL("GET", parser.head().method.c_str());
  STRCMP_EQUAL("/a?b=c", parser.head().target.c_str());
  const auto& fields = parser.head().headers.fields();
  LONGS_EQUAL(4, fields.size());
  STRCMP_EQUAL("B", fields[1].name.c_str());
  STRCMP_EQUAL("2", fields[2].value.c_str());
  STRCMP_EQUAL("3", fields[3].value.c_str());
  CHECK(parser.head().keepAlive);
}

TEST(Parser, refusesWhatTwoReadersCouldFrameDifferently) {
  for (const Case& row : kRefused) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, row.request.size()}) {
      LONGS_EQUAL_TEXT(row.status, verdict(row.request, piece), std::string(row.request).c_str());
    }
  }
}

TEST(Parser, readsChunksByTheLetter) {
  for (const Case& row : kChunked) {
    const std::string request = std::string(kChunkedHead) + std::string(row.request);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, request.size()}) {
      LONGS_EQUAL_TEXT(row.status, verdict(request, piece), std::string(row.request).c_str());
    }
  }
}

TEST(Parser, givesTheSameBodyInWhateverPiecesItComes) {
  const std::string request =
      std::string(kChunkedHead) + "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nrest";
  for (std::size_t piece = 1; piece <= request.size(); ++piece) {
    Parser parser(Parser::Kind::kRequest, ParserLimits{});
    const std::string_view left = feedAll(parser, request, piece);
    CHECK(parser.state() == Parser::State::kComplete);
    STRCMP_EQUAL("abc0123456789", parser.body().c_str());
    STRCMP_EQUAL("rest", std::string(left).c_str());
  }
}

TEST(Parser, readsPipelinedRequestsOneByOne) {
  const std::string_view two =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
      "GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  Parser parser(Parser::Kind::kRequest, ParserLimits{});
  const std::string_view left = feedAll(parser, two, two.size());
  STRCMP_EQUAL("hi", parser.body().c_str());
  parser.reset();
  CHECK(parser.fresh());
  CHECK(feedAll(parser, left, left.size()).empty());
  STRCMP_EQUAL("/2", parser.head().target.c_str());
  CHECK_FALSE(parser.head().keepAlive);
}

TEST(Parser, boundsLinesFieldsAndBodies) {
  const ParserLimits small{64, 100, 3};
  const std::string longTarget = "GET /" + std::string(80, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string longField =
      "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(90, 'x') + "\r\n\r\n";
  const std::string manyFields = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
  const std::string longBody = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
    LONGS_EQUAL(414, verdict(longTarget, piece, small));
    LONGS_EQUAL(431, verdict(longField, piece, small));
    LONGS_EQUAL(431, verdict(manyFields, piece, small));
    LONGS_EQUAL(413, verdict(longBody, piece, small));
  }
}

TEST(Parser, refusesALineThatNeverEndsBeforeItHasAllOfIt) {
  Parser parser(Parser::Kind::kRequest, ParserLimits{64, 100, 3});
  const std::string endless(1000, 'x');
  feedAll(parser, endless, 10);
  LONGS_EQUAL(414, parser.failure().status);
}

TEST(Parser, takesOneEmptyLineBeforeARequest) {
  LONGS_EQUAL(0, verdict("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1));
}

TEST(Parser, keepsAnOldConnectionOnlyWhenAsked) {
  Parser parser(Parser::Kind::kRequest, ParserLimits{});
  feedAll(parser, "GET / HTTP/1.0\r\n\r\n", 100);
  CHECK_FALSE(parser.head().keepAlive);
  parser.reset();
  feedAll(parser, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 100);
  CHECK(parser.head().keepAlive);
}

TEST(Parser, readsAResponseUntilTheConnectionEndsWhereNothingElseFramesIt) {
  Parser parser = responseOf("HTTP/1.1 200 OK\r\n\r\nabc");
  CHECK(parser.state() == Parser::State::kBody);
  parser.end();
  CHECK(parser.state() == Parser::State::kComplete);
  STRCMP_EQUAL("abc", parser.body().c_str());
  CHECK_FALSE(parser.head().keepAlive);
}

TEST(Parser, neverTakesACutResponseForACompleteOne) {
  for (const std::string_view cut :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nX: "}) {
    Parser parser = responseOf(cut);
    parser.end();
    CHECK(parser.state() == Parser::State::kFailed);
    CHECK(parser.failure().error.code == belay::base::ErrorCode::kConnect);
  }
}

TEST(Parser, refusesAResponseWithTwoFramings) {
  for (const std::string_view bad :
       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 99 OK\r\n\r\n", "HTTP/3 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n"}) {
    Parser parser = responseOf(bad);
    CHECK(parser.state() == Parser::State::kFailed);
    CHECK(parser.failure().error.code == belay::base::ErrorCode::kHttpProtocol);
  }
}

TEST(Parser, handsTheBodyToASinkAndStopsWhenItRefuses) {
  Parser parser(Parser::Kind::kResponse, ParserLimits{});
  std::string_view bytes = "HTTP/1.1 200\r\nContent-Length: 6\r\n\r\nabcdef";
  bytes.remove_prefix(parser.feed(bytes));
  std::string taken;
  parser.beginBody(100, false, [&](std::string_view part) -> belay::base::Status {
    taken += part;
    if (taken.size() < 4) return {};
    return belay::base::Error{belay::base::ErrorCode::kLimit, "enough"};
  });
  parser.feed(bytes.substr(0, 3));
  CHECK(parser.state() == Parser::State::kBody);
  parser.feed(bytes.substr(3));
  CHECK(parser.state() == Parser::State::kFailed);
  CHECK(parser.failure().error.code == belay::base::ErrorCode::kLimit);
  STRCMP_EQUAL("abcdef", taken.c_str());
  CHECK(parser.body().empty());
}
