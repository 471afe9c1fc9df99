#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/http/Message.h"

namespace belay::http {

/// Lengths count the CRLF.
struct ParserLimits {
  std::size_t startLineBytesMax = 8u << 10;
  std::size_t headerBytesMax =
      32u << 10;  ///< All header lines together; trailers have the same bound again.
  std::size_t headersMax = 100;
};

/// The start line and header fields of a message.
struct MessageHead {
  std::string method;  ///< Of a request.
  std::string target;  ///< Of a request: from "/".
  int status = 0;      ///< Of a response.
  std::string reason;
  int minorVersion = 1;  ///< HTTP/1.0 or HTTP/1.1.
  Headers headers;
  bool keepAlive = true;  ///< What version and Connection say together.
  bool expectsContinue = false;
};

/// Reads one HTTP/1.1 message after the other, from bytes that come in any pieces, by the letter of
/// RFC 9112: whatever two readers could frame differently is refused (Content-Length twice or with
/// Transfer-Encoding, bare LF, folded lines, space before the colon, other transfer codings). Used
/// for the requests of our server and for the responses of our client.
///
/// Threads: owner.
/// Errors:  kFailed: `failure()` says what is wrong, and the status a server answers with. Nothing
///          can be read after it.
class Parser {
 public:
  enum class Kind { kRequest, kResponse };
  enum class State {
    kHead,          ///< Reading start line and headers.
    kHeadComplete,  ///< head() is there; beginBody() must be called.
    kBody,          ///< Reading the body.
    kComplete,      ///< body() is there; reset() begins the next message.
    kFailed,
  };
  struct Failure {
    int status;  ///< 400, 413, 414, 417, 431, 501 or 505; of a response it means nothing.
    base::Error error;
  };
  /// Takes the body in place of body(); its error fails the message.
  using BodySink = std::function<base::Status(std::string_view)>;

  Parser(Kind kind, const ParserLimits& limits) : kind_(kind), limits_(limits) {}

  /// Takes bytes and returns how many: fewer than given at kHeadComplete, kComplete and kFailed.
  std::size_t feed(std::string_view bytes);
  State state() const { return state_; }
  /// True before the first byte of a message.
  bool fresh() const { return state_ == State::kHead && !started_; }

  MessageHead& head() { return head_; }
  /// From kHeadComplete to kBody, or to kComplete. `bodyBytesMax`: more is 413. A message that has
  /// no body whatever its head says (the response to HEAD) is `bodiless`.
  void beginBody(std::size_t bodyBytesMax, bool bodiless = false, BodySink sink = {});
  /// True when the head announces a body.
  bool hasBody() const { return chunked_ || contentLength_.value_or(0) > 0; }
  std::optional<std::uint64_t> contentLength() const { return contentLength_; }

  std::string& body() { return body_; }
  /// The peer has closed: completes a response whose body ends so; fails any other message that has
  /// begun.
  void end();
  const Failure& failure() const { return *failure_; }
  /// Forgets the message and keeps its place in the stream.
  void reset();

 private:
  enum class Part {
    kStartLine,
    kFields,
    kLength,
    kUntilClose,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers
  };

  bool takeLine(std::string_view& bytes, std::size_t lineMax, int tooLongStatus,
                std::string_view& line);
  void onLine(std::string_view line);
  void onStartLine(std::string_view line);
  void onRequestLine(std::string_view line);
  void onStatusLine(std::string_view line);
  void onField(std::string_view line);
  void onKnownField(const HeaderField& field);
  void onContentLength(std::string_view value);
  void finishHead();
  void onChunkSize(std::string_view line);
  void takeBody(std::string_view& bytes);
  void deliver(std::string_view bytes);
  void fail(int status, std::string reason, base::ErrorCode code);
  void refuse(std::string reason, int status = 400);

  // Constant after construction.
  const Kind kind_;
  const ParserLimits limits_;

  State state_ = State::kHead;
  Part part_ = Part::kStartLine;
  bool started_ = false;
  MessageHead head_;
  std::string body_;
  BodySink sink_;
  std::optional<Failure> failure_;
  std::string line_;  // The beginning of a line whose end has not come.
  std::size_t headerBytes_ = 0;
  std::size_t chunkExtensionBytes_ = 0;
  std::optional<std::uint64_t> contentLength_;
  bool chunked_ = false;
  bool connectionClose_ = false;
  bool connectionKeepAlive_ = false;
  std::uint64_t remaining_ = 0;  // Of the body with a length, or of the chunk.
  std::uint64_t bodyBytes_ = 0;
  std::uint64_t bodyBytesMax_ = 0;
};

}  // namespace belay::http
