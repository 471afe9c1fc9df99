// Results, errors and the table of codes: what callers rely on when something fails.

#include <memory>
#include <set>
#include <string>

#include "common/base/ErrorCode.h"
#include "common/base/Result.h"

#include <CppUTest/TestHarness.h>

using namespace belay::base;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
  return number / 2;
}

Result<int> quarter(int number) {
  BELAY_ASSIGN(const int first, half(number));
  BELAY_ASSIGN(const int second, half(first));
  return second;
}

Status onlyEven(int number) {
  BELAY_TRY(half(number));
  return {};
}

}  // namespace

TEST_GROUP(Result){};

TEST(Result, holdsAValueOrAnError) {
  LONGS_EQUAL(2, half(4).value());
  CHECK(half(3).error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(half(3).ok());
  CHECK(half(4).ok());
}

TEST(Result, passesErrorsOn) {
  LONGS_EQUAL(2, quarter(8).value());
  STRCMP_EQUAL("odd", quarter(6).error().message.c_str());
  CHECK(onlyEven(2).ok());
  CHECK_FALSE(onlyEven(1).ok());
}

TEST(Result, movesValuesThatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = std::move(result).value();
  LONGS_EQUAL(7, *taken);
}

TEST(Result, errorsKeepPlaceAndActions) {
  SourcePlace place;
  place.file = "f.yaml";
  place.line = 3;
  const Error error = Error{ErrorCode::kFlowBadValue, "wrong", {"do this"}}.at(place).in("outer");
  STRCMP_EQUAL("outer: wrong", error.message.c_str());
  STRCMP_EQUAL("do this", error.actions.front().c_str());
  LONGS_EQUAL(3, error.place.line);
}

TEST_GROUP(ErrorCode){};

TEST(ErrorCode, everyCodeHasOneTextInTheShapeThatIsPromised) {
  std::set<std::string_view> texts;
  for (const ErrorRow& row : errorTable()) {
    CHECK_TRUE_TEXT(row.text.starts_with("BLY-"), std::string(row.text).c_str());
    for (const char c : row.text.substr(4)) {
      CHECK((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-');
    }
    CHECK_TRUE_TEXT(texts.insert(row.text).second, std::string(row.text).c_str());
    CHECK(row.exitCode >= 1 && row.exitCode <= 10);
    CHECK(row.httpStatus == 200 || (row.httpStatus >= 400 && row.httpStatus < 600));
    CHECK_FALSE(row.summary.empty());
    CHECK(row.summary.back() != '.');
    CHECK(errorFromText(row.text) == row.code);
    CHECK(&errorRow(row.code) == &row);
  }
}

TEST(ErrorCode, isFoundInAnyCaseOfLetters) {
  CHECK(errorFromText("bly-internal") == ErrorCode::kInternal);
  CHECK_FALSE(errorFromText("BLY-").has_value());
  CHECK_FALSE(errorFromText("").has_value());
}
