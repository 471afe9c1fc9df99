#include "common/http/Parser.h"

#include <algorithm>
#include <array>

#include "common/base/Text.h"

namespace belay::http {

namespace {

using base::ErrorCode;

constexpr std::size_t kMethodBytesMax = 32;
constexpr std::size_t kLineKeptMax = 256;
constexpr std::size_t kChunkLineBytesMax = 1024;
constexpr std::size_t kChunkExtensionBytesMax = 16u << 10;
constexpr std::size_t kBodyReserveMax = 64u << 10;
/// 2^52: no length near the end of its type, whatever is added to it.
constexpr std::uint64_t kLengthMax = std::uint64_t{1} << 52;

bool isTarget(std::string_view text) {
  return !text.empty() && text.front() == '/' && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '#';
  });
}

/// "name", "name:port", "[::1]:port": what a Host field may hold.
bool isHost(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~:[]%!$&'()*+,;=").find(c) != std::string_view::npos;
  });
}

/// HTTP/1.0 or HTTP/1.1; -1 for anything else.
int minorVersion(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  return text == "HTTP/1.0" ? 0 : -1;
}

}  // namespace

void Parser::fail(int status, std::string reason, ErrorCode code) {
  state_ = State::kFailed;
  failure_ = Failure{status, base::Error{code, std::move(reason)}};
}

void Parser::refuse(std::string reason, int status) {
  fail(status, std::move(reason),
       kind_ == Kind::kRequest ? ErrorCode::kHttpRequest : ErrorCode::kHttpProtocol);
}

void Parser::reset() {
  state_ = State::kHead;
  part_ = Part::kStartLine;
  started_ = false;
  head_ = MessageHead{};
  // A long line is seldom; its memory is not kept by a connection that waits.
  if (line_.capacity() > kLineKeptMax) line_ = std::string();
  body_ = std::string();
  sink_ = nullptr;
  failure_.reset();
  headerBytes_ = 0;
  chunkExtensionBytes_ = 0;
  contentLength_.reset();
  chunked_ = connectionClose_ = connectionKeepAlive_ = false;
  remaining_ = bodyBytes_ = bodyBytesMax_ = 0;
}

std::size_t Parser::feed(std::string_view bytes) {
  const std::size_t given = bytes.size();
  if (given != 0 && state_ == State::kHead) started_ = true;
  while (!bytes.empty() && (state_ == State::kHead || state_ == State::kBody)) {
    if (part_ == Part::kLength || part_ == Part::kUntilClose || part_ == Part::kChunkData) {
      takeBody(bytes);
      continue;
    }
    const bool inFields = part_ == Part::kFields || part_ == Part::kTrailers;
    const std::size_t lineMax = inFields                    ? limits_.headerBytesMax - headerBytes_
                                : part_ == Part::kStartLine ? limits_.startLineBytesMax
                                                            : kChunkLineBytesMax;
    std::string_view line;
    if (takeLine(bytes, lineMax, inFields ? 431 : part_ == Part::kStartLine ? 414 : 400, line)) {
      onLine(line);
      line_.clear();
    }
  }
  return given - bytes.size();
}

/// True with a whole line, without its CRLF; it is valid until line_ or the bytes change.
bool Parser::takeLine(std::string_view& bytes, std::size_t lineMax, int tooLongStatus,
                      std::string_view& line) {
  const std::size_t end = bytes.find('\n');
  const std::size_t length = end == std::string_view::npos ? bytes.size() : end + 1;
  if (line_.size() + length > lineMax) {
    refuse(tooLongStatus == 431 ? "the header fields are longer than " +
                                      std::to_string(limits_.headerBytesMax) + " bytes"
                                : "a line is longer than " + std::to_string(lineMax) + " bytes",
           tooLongStatus);
    return false;
  }
  line = bytes.substr(0, length);
  bytes.remove_prefix(length);
  if (end == std::string_view::npos || !line_.empty()) {
    line_.append(line);
    line = line_;
  }
  if (end == std::string_view::npos) return false;
  if (line.size() < 2 || line[line.size() - 2] != '\r') {
    refuse("a line ends with a bare LF");
    return false;
  }
  line.remove_suffix(2);
  return true;
}

void Parser::onLine(std::string_view line) {
  switch (part_) {
    case Part::kStartLine:
      onStartLine(line);
      break;
    case Part::kFields:
    case Part::kTrailers:
      onField(line);
      break;
    case Part::kChunkSize:
      onChunkSize(line);
      break;
    case Part::kChunkEnd:
      if (!line.empty()) return refuse("a chunk is longer than its size");
      part_ = Part::kChunkSize;
      break;
    case Part::kLength:
    case Part::kUntilClose:
    case Part::kChunkData:
      break;  // Not made of lines.
  }
}

void Parser::onStartLine(std::string_view line) {
  if (line.empty()) {
    // RFC 9112 §2.2: one empty line before a request is left over from a careless client.
    if (kind_ == Kind::kRequest && headerBytes_++ == 0) return;
    return refuse("there is an empty line in place of a start line");
  }
  headerBytes_ = 0;
  part_ = Part::kFields;
  if (kind_ == Kind::kRequest) return onRequestLine(line);
  onStatusLine(line);
}

void Parser::onRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse("the request line does not have three parts");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!isToken(method) || method.size() > kMethodBytesMax) return refuse("the method is not valid");
  if (!isTarget(target)) return refuse("the request target is not a path from \"/\"");
  head_.minorVersion = minorVersion(version);
  if (head_.minorVersion < 0) {
    return refuse("the version is not HTTP/1.1", version.starts_with("HTTP/") ? 505 : 400);
  }
  head_.method = method;
  head_.target = target;
}

void Parser::onStatusLine(std::string_view line) {
  const std::string_view version = line.substr(0, 8);
  head_.minorVersion = minorVersion(version);
  const std::string_view rest = line.substr(std::min<std::size_t>(8, line.size()));
  if (head_.minorVersion < 0 || rest.size() < 4 || rest[0] != ' ')
    return refuse("the status line is not HTTP/1.1");
  const auto status = base::parseUnsigned(rest.substr(1, 3));
  if (!status || *status < 100 || *status > 599 || (rest.size() > 4 && rest[4] != ' ')) {
    return refuse("the status is not a number from 100 to 599");
  }
  head_.status = static_cast<int>(*status);
  head_.reason = base::visible(rest.substr(std::min<std::size_t>(5, rest.size())));
}

void Parser::onField(std::string_view line) {
  headerBytes_ += line.size() + 2;
  if (line.empty()) {
    if (part_ == Part::kTrailers)
      state_ = State::kComplete;
    else
      finishHead();
    return;
  }
  if (line.front() == ' ' || line.front() == '\t') return refuse("a header line is folded");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse("a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  const std::size_t first = value.find_first_not_of(" \t");
  value = first == std::string_view::npos
              ? std::string_view{}
              : value.substr(first, value.find_last_not_of(" \t") - first + 1);
  if (!isToken(name)) return refuse("a header name is not valid");
  if (!isFieldValue(value)) return refuse("a header value has a control character");
  // Trailers are checked and dropped: nothing here knows what they would mean.
  if (part_ == Part::kTrailers) return;
  if (head_.headers.fields().size() >= limits_.headersMax) {
    return refuse("there are more than " + std::to_string(limits_.headersMax) + " header fields",
                  431);
  }
  head_.headers.add(std::string(name), std::string(value));
  onKnownField(head_.headers.fields().back());
}

void Parser::onKnownField(const HeaderField& field) {
  if (base::equalsIgnoringCase(field.name, "Content-Length")) return onContentLength(field.value);
  if (base::equalsIgnoringCase(field.name, "Transfer-Encoding")) {
    if (chunked_) return refuse("Transfer-Encoding is there twice");
    if (!base::equalsIgnoringCase(field.value, "chunked")) {
      return refuse("a transfer coding other than chunked is not supported", 501);
    }
    chunked_ = true;
  } else if (base::equalsIgnoringCase(field.name, "Connection")) {
    connectionClose_ = connectionClose_ || head_.headers.hasToken("Connection", "close");
    connectionKeepAlive_ =
        connectionKeepAlive_ || head_.headers.hasToken("Connection", "keep-alive");
  } else if (kind_ == Kind::kRequest && base::equalsIgnoringCase(field.name, "Expect")) {
    if (!base::equalsIgnoringCase(field.value, "100-continue"))
      return refuse("Expect is not 100-continue", 417);
    head_.expectsContinue = true;
  }
}

void Parser::onContentLength(std::string_view value) {
  if (contentLength_) return refuse("Content-Length is there twice");
  contentLength_ = base::parseUnsigned(value);
  if (!contentLength_ || *contentLength_ > kLengthMax) refuse("Content-Length is not a number");
}

void Parser::finishHead() {
  if (chunked_ && contentLength_)
    return refuse("Content-Length and Transfer-Encoding are both there");
  if (chunked_ && head_.minorVersion == 0) return refuse("HTTP/1.0 has no Transfer-Encoding");
  if (kind_ == Kind::kRequest) {
    const std::size_t hosts = head_.headers.count("Host");
    if (hosts > 1 || (hosts == 0 && head_.minorVersion == 1))
      return refuse("there is not exactly one Host");
    if (hosts == 1 && !isHost(*head_.headers.find("Host"))) return refuse("Host is not valid");
    if (head_.minorVersion == 0) head_.expectsContinue = false;
  }
  head_.keepAlive = !connectionClose_ && (head_.minorVersion == 1 || connectionKeepAlive_);
  state_ = State::kHeadComplete;
}

void Parser::beginBody(std::size_t bodyBytesMax, bool bodiless, BodySink sink) {
  BELAY_CHECK(state_ == State::kHeadComplete);
  bodyBytesMax_ = bodyBytesMax;
  sink_ = std::move(sink);
  headerBytes_ = 0;
  const bool toTheEnd = kind_ == Kind::kResponse && !chunked_ && !contentLength_;
  if (bodiless || (!toTheEnd && !hasBody())) {
    state_ = State::kComplete;
    return;
  }
  state_ = State::kBody;
  part_ = chunked_ ? Part::kChunkSize : toTheEnd ? Part::kUntilClose : Part::kLength;
  if (toTheEnd) head_.keepAlive = false;
  if (part_ != Part::kLength) return;
  remaining_ = *contentLength_;
  if (remaining_ > bodyBytesMax_) {
    return fail(413,
                "the body has " + std::to_string(remaining_) + " bytes, more than " +
                    std::to_string(bodyBytesMax),
                ErrorCode::kHttpBodyTooLarge);
  }
  if (!sink_)
    body_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, kBodyReserveMax)));
}

void Parser::onChunkSize(std::string_view line) {
  constexpr std::size_t kDigitsMax = 13;  // 2^52 - 1
  const std::size_t digits =
      std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
  const std::string_view extension = line.substr(digits);
  const std::size_t begin = extension.find_first_not_of(" \t");
  const bool extended = begin != std::string_view::npos;
  if (digits == 0 || digits > kDigitsMax || (!extension.empty() && !extended) ||
      (extended && extension[begin] != ';')) {
    return refuse("the size of a chunk is not valid");
  }
  if (extended && !isFieldValue(base::trim(extension)))
    return refuse("a chunk extension is not valid");
  chunkExtensionBytes_ += extension.size();
  if (chunkExtensionBytes_ > kChunkExtensionBytesMax)
    return refuse("the chunk extensions are too long");
  remaining_ = 0;
  for (const char c : line.substr(0, digits)) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
  }
  part_ = remaining_ == 0 ? Part::kTrailers : Part::kChunkData;
}

void Parser::takeBody(std::string_view& bytes) {
  const std::size_t length =
      part_ == Part::kUntilClose
          ? bytes.size()
          : static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  deliver(bytes.substr(0, length));
  bytes.remove_prefix(length);
  if (state_ == State::kFailed || part_ == Part::kUntilClose) return;
  remaining_ -= length;
  if (remaining_ != 0) return;
  if (part_ == Part::kChunkData)
    part_ = Part::kChunkEnd;
  else
    state_ = State::kComplete;
}

void Parser::deliver(std::string_view bytes) {
  bodyBytes_ += bytes.size();
  if (bodyBytes_ > bodyBytesMax_) {
    return fail(413, "the body is longer than " + std::to_string(bodyBytesMax_) + " bytes",
                ErrorCode::kHttpBodyTooLarge);
  }
  if (!sink_) {
    body_.append(bytes);
    return;
  }
  base::Status taken = sink_(bytes);
  if (taken.ok()) return;
  state_ = State::kFailed;
  failure_ = Failure{500, std::move(taken).error()};
}

void Parser::end() {
  if (state_ == State::kBody && part_ == Part::kUntilClose) {
    state_ = State::kComplete;
  } else if (state_ == State::kBody || (state_ == State::kHead && started_)) {
    fail(400, "the peer closed the connection in the middle of a message", ErrorCode::kConnect);
  }
}

}  // namespace belay::http
