// Any bytes as the messages of a connection. They come whole, byte by byte, and in pieces: the same
// messages must be read, or the same refusal given. Then as URL, date and escaped text.

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/Check.h"
#include "common/http/Parser.h"
#include "common/http/RetryAfter.h"
#include "common/http/Url.h"
#include "tests/fuzz/Input.h"

namespace belay::fuzz {
namespace {

constexpr std::size_t kBodyBytesMax = 4096;
constexpr int kMessagesMax = 64;

void describe(http::Parser& parser, std::string& seen) {
  const http::MessageHead& head = parser.head();
  seen += head.method + ' ' + head.target + ' ' + std::to_string(head.status) + '\n';
  for (const http::HeaderField& field : head.headers.fields()) {
    BELAY_CHECK(http::isToken(field.name) && http::isFieldValue(field.value));
    seen += field.name + ": " + field.value + '\n';
  }
  BELAY_CHECK(parser.body().size() <= kBodyBytesMax);
  seen += parser.body() + (head.keepAlive ? "|keep\n" : "|close\n");
}

/// What a reader that gets `piece` bytes at a time has seen.
std::string read(std::string_view bytes, http::Parser::Kind kind, std::size_t piece) {
  using State = http::Parser::State;
  http::ParserLimits limits;
  limits.startLineBytesMax = 256;
  limits.headerBytesMax = 1024;
  limits.headersMax = 16;
  http::Parser parser(kind, limits);
  std::string seen;
  int messages = 0;
  bool ended = false;
  while (messages < kMessagesMax) {
    const std::string_view next = bytes.substr(0, std::min(piece, bytes.size()));
    bytes.remove_prefix(parser.feed(next));
    if (parser.state() == State::kHeadComplete) parser.beginBody(kBodyBytesMax);
    if (parser.state() == State::kComplete) {
      describe(parser, seen);
      parser.reset();
      ++messages;
    } else if (parser.state() == State::kFailed) {
      BELAY_CHECK(!parser.failure().error.message.empty());
      return seen + "failed " + std::to_string(parser.failure().status);
    } else if (ended) {
      return seen + "incomplete";
    } else if (bytes.empty()) {
      parser.end();
      ended = true;
      if (parser.fresh()) return seen + "end";
    }
  }
  return seen;
}

void readAllWays(std::string_view bytes, http::Parser::Kind kind) {
  const std::string whole = read(bytes, kind, std::max<std::size_t>(bytes.size(), 1));
  BELAY_CHECK(read(bytes, kind, 1) == whole);
  BELAY_CHECK(read(bytes, kind, 7) == whole);
}

void readParts(std::string_view text) {
  const auto url = http::parseUrl(text);
  if (url.ok()) {
    const auto again = http::parseUrl(url->str());
    BELAY_CHECK(again.ok() && again->str() == url->str());
    BELAY_CHECK(url->str().find_first_of("\r\n\\ ") == std::string::npos);
  }
  const auto base = http::parseUrl("https://example.org:8443/a/b/c?d");
  const auto resolved = http::resolveReference(*base, text);
  if (resolved.ok()) BELAY_CHECK(http::parseUrl(resolved->str()).ok());
  if (const auto date = http::parseHttpDate(text)) {
    if (*date >= 0) BELAY_CHECK(http::parseHttpDate(http::formatHttpDate(*date)) == date);
  }
  std::string decoded;
  // A NUL as such is nothing that the parser would let through.
  if (http::percentDecode(text, decoded) && decoded.find('\0') == std::string::npos) {
    std::string again;
    BELAY_CHECK(http::percentDecode(http::percentEncode(decoded), again) && again == decoded);
  }
}

}  // namespace
}  // namespace belay::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = belay::fuzz::textOf(data, size);
  belay::fuzz::readAllWays(text, belay::http::Parser::Kind::kRequest);
  belay::fuzz::readAllWays(text, belay::http::Parser::Kind::kResponse);
  belay::fuzz::readParts(text);
  return 0;
}
