// Streams over socket pairs: what is not to wait is asked with a deadline that has passed, and what
// must end by itself is ended by a token.

#include <array>
#include <string>
#include <thread>

#include "common/tls/Stream.h"
#include "tests/support/SimClock.h"
#include "tests/unit/tls/TlsFixture.h"

#include <CppUTest/TestHarness.h>

using belay::base::CancelToken;
using belay::base::ErrorCode;
using belay::base::UniqueFd;
using belay::tls::Deadline;
using belay::tls::Stream;
using namespace std::chrono_literals;

TEST_GROUP(Stream) {
  belay::base::PosixClock clock;
  UniqueFd peer;

  std::unique_ptr<Stream> open() {
    std::array<int, 2> ends{};
    CHECK_EQUAL(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
    peer.reset(ends[1]);
    return std::make_unique<Stream>(UniqueFd(ends[0]), "peer.test");
  }
  Deadline in(std::chrono::milliseconds time, const CancelToken* cancel = nullptr) {
    return {clock, time, cancel};
  }
};

TEST(Stream, readsWhatThereIsAndThenTheEnd) {
  auto stream = open();
  CHECK(stream->quiet());
  CHECK_EQUAL(3, ::send(peer.get(), "abc", 3, 0));
  CHECK_FALSE(stream->quiet());
  std::array<char, 10> buffer{};
  LONGS_EQUAL(2, *stream->read(buffer, in(1s)));
  peer.reset();
  LONGS_EQUAL(0, *stream->read(buffer, in(1s)));
}

TEST(Stream, endsAtItsDeadline) {
  auto stream = open();
  std::array<char, 10> buffer{};
  auto got = stream->read(buffer, in(10ms));
  CHECK(got.error().code == ErrorCode::kTimeout);
  STRCMP_CONTAINS("peer.test", got.error().message.c_str());
  STRCMP_CONTAINS("10ms", got.error().message.c_str());
  CHECK(stream->read(buffer, in(1h), 5ms).error().code == ErrorCode::kTimeout);
}

TEST(Stream, endsAtItsDeadlineThoughThePeerAlwaysHasMore) {
  auto stream = open();
  belay::test::SimClock still;
  const Deadline deadline(still, 10ms, nullptr);
  CHECK_EQUAL(2, ::send(peer.get(), "ab", 2, 0));
  std::array<char, 1> buffer{};
  CHECK(stream->read(buffer, deadline).ok());
  still.advance(10ms);
  CHECK(stream->read(buffer, deadline).error().code == ErrorCode::kTimeout);
}

TEST(Stream, writesNothingForeverToAPeerThatDoesNotRead) {
  auto stream = open();
  const std::string large(16u << 20, 'x');
  CHECK(stream->write(large, in(10ms)).error().code == ErrorCode::kTimeout);
}

TEST(Stream, isEndedByItsToken) {
  auto stream = open();
  CancelToken token;
  std::thread other([&] { token.cancel(); });
  std::array<char, 10> buffer{};
  CHECK(stream->read(buffer, in(1h, &token)).error().code == ErrorCode::kCancelled);
  other.join();
  CHECK(token.cancelled());
}

TEST(Stream, isEndedByItsTokenWithinAHandshake) {
  auto stream = open();
  CancelToken token;
  token.cancel();
  const belay::test::TestAuthority authority;
  const auto status =
      stream->startTls(belay::test::clientConfigFor(authority), "server.test", 443, in(1h, &token));
  CHECK(status.error().code == ErrorCode::kCancelled);
}

TEST(Stream, saysWhenThePeerHasBrokenTheConnection) {
  auto stream = open();
  CHECK(stream->write("unread", in(1s)).ok());
  peer.reset();
  std::array<char, 10> buffer{};
  auto got = stream->read(buffer, in(1s));
  CHECK(got.error().code == ErrorCode::kConnect);
  CHECK(stream->write("more", in(1s)).error().code == ErrorCode::kConnect);
}
