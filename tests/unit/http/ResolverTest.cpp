// Addresses as tables; of the resolver only what needs no network.

#include <array>
#include <string>

#include "common/base/Clock.h"
#include "common/http/Resolver.h"

#include <CppUTest/TestHarness.h>

using belay::base::CancelToken;
using belay::base::ErrorCode;
using belay::http::Address;
using belay::http::parseAddress;
using belay::http::SystemResolver;
using belay::tls::Deadline;
using namespace std::chrono_literals;

namespace {

struct Row {
  const char* address;
  bool internal;
};

constexpr std::array<Row, 30> kRows{{
    {"127.0.0.1", true},
    {"127.255.255.254", true},
    {"0.0.0.0", true},
    {"10.1.2.3", true},
    {"172.16.0.1", true},
    {"172.31.255.255", true},
    {"172.32.0.1", false},
    {"192.168.1.1", true},
    {"192.169.1.1", false},
    {"169.254.169.254", true},
    {"100.64.0.1", true},
    {"100.128.0.1", false},
    {"224.0.0.1", true},
    {"255.255.255.255", true},
    {"198.18.0.1", true},
    {"8.8.8.8", false},
    {"192.0.0.8", true},
    {"::1", true},
    {"::", true},
    {"fe80::1", true},
    {"fc00::1", true},
    {"fd12::1", true},
    {"ff02::1", true},
    {"::ffff:127.0.0.1", true},
    {"::ffff:10.0.0.1", true},
    {"::ffff:8.8.8.8", false},
    {"64:ff9b::7f00:1", true},
    {"2600::1", false},
    {"2a00::1", false},
    {"::7f00:1", true},
}};

}  // namespace

TEST_GROUP(Resolver) {
  belay::base::PosixClock clock;
  SystemResolver resolver;
};

TEST(Resolver, knowsWhichAddressesAreInternal) {
  for (const Row& row : kRows) {
    Address address;
    CHECK_TEXT(parseAddress(row.address, 80, address), row.address);
    CHECK_EQUAL_TEXT(row.internal, address.isInternal(), row.address);
  }
}

TEST(Resolver, readsOneSpellingOfAnAddressOnly) {
  Address address;
  for (const char* text : {"", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "1.2.3.4.5",
                           "[::1]", "::1%lo", "1.2.3.4 ", "localhost"}) {
    CHECK_FALSE_TEXT(parseAddress(text, 80, address), text);
  }
}

TEST(Resolver, showsAddressesWithTheirPort) {
  Address address;
  CHECK(parseAddress("192.0.2.1", 443, address));
  STRCMP_EQUAL("192.0.2.1:443", address.str().c_str());
  CHECK(parseAddress("2001:db8::1", 8443, address));
  STRCMP_EQUAL("[2001:db8::1]:8443", address.str().c_str());
}

TEST(Resolver, asksNobodyForAddressesAndForThisHost) {
  CancelToken cancelled;
  cancelled.cancel();
  const Deadline now(clock, 0ms, &cancelled);
  STRCMP_EQUAL("192.0.2.1:80", resolver.resolve("192.0.2.1", 80, now)->at(0).str().c_str());
  for (const char* name : {"localhost", "LOCALHOST", "localhost.", "x.localhost"}) {
    auto addresses = resolver.resolve(name, 81, now);
    CHECK_TEXT(addresses.ok(), name);
    STRCMP_EQUAL("127.0.0.1:81", addresses->at(0).str().c_str());
    STRCMP_EQUAL("[::1]:81", addresses->at(1).str().c_str());
  }
}

TEST(Resolver, leavesALookupBehindWhenItIsCancelled) {
  CancelToken cancelled;
  cancelled.cancel();
  auto addresses = resolver.resolve("name.invalid", 80, Deadline(clock, 1h, &cancelled));
  CHECK_FALSE(addresses.ok());
  // A resolver that answers at once is as good.
  const ErrorCode code = addresses.error().code;
  CHECK(code == ErrorCode::kCancelled || code == ErrorCode::kConnect);
}
