#include "agent/script/Helpers.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "agent/script/JsValue.h"
#include "agent/script/Realm.h"
#include "common/base/Text.h"
#include "common/base/Units.h"
#include "common/crypto/Hmac.h"
#include "common/crypto/Sha256.h"

namespace belay::script {

namespace {

/// A tick is some 20 ns, a byte of SHA-256 some 3.
constexpr std::size_t kBytesPerTick = 6;

enum Helper : int {
  kBase64,
  kBase64Url,
  kFromBase64,
  kHex,
  kFromHex,
  kSha256,
  kHmacSha256,
  kAddTime,
  kFormatTime
};

struct HelperRow {
  Helper helper;
  const char* name;
  int arguments;
};
constexpr std::array<HelperRow, 9> kHelpers{{{kBase64, "base64", 1},
                                             {kBase64Url, "base64url", 1},
                                             {kFromBase64, "fromBase64", 1},
                                             {kHex, "hex", 1},
                                             {kFromHex, "fromHex", 1},
                                             {kSha256, "sha256", 1},
                                             {kHmacSha256, "hmacSha256", 2},
                                             {kAddTime, "addTime", 2},
                                             {kFormatTime, "formatTime", 2}}};

JSValue text(JSContext* context, std::string_view value) {
  return JS_NewStringLen(context, value.data(), value.size());
}

JSValue decoded(JSContext* context, const std::optional<std::string>& bytes, const char* what) {
  if (bytes && base::isUtf8(*bytes)) return text(context, *bytes);
  return JS_ThrowRangeError(context, bytes ? "%s does not give text" : "this is no %s", what);
}

std::optional<std::string> bytesOfHex(std::string_view digits) {
  const auto bytes = base::fromHex(base::toLower(digits));
  if (!bytes) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

std::string hexOf(std::string_view bytes) {
  return base::toHex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

/// YYYY, MM, DD, hh, mm and ss of a pattern, in UTC; all else stays.
std::string formatted(std::string_view instant, std::string_view pattern) {
  constexpr std::array<std::pair<std::string_view, std::pair<std::size_t, std::size_t>>, 6> kParts{
      {{"YYYY", {0, 4}}, {"MM", {5, 2}}, {"DD", {8, 2}}, {"hh", {11, 2}}, {"mm", {14, 2}},
       {"ss", {17, 2}}}};
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    std::size_t taken = 1;
    std::string_view piece = pattern.substr(at, 1);
    for (const auto& [name, place] : kParts) {
      if (pattern.substr(at, name.size()) != name) continue;
      piece = instant.substr(place.first, place.second);
      taken = name.size();
      break;
    }
    out += piece;
    at += taken;
  }
  return out;
}

JSValue onTime(JSContext* context, Helper helper, std::string_view first,
               std::string_view second) {
  const auto at = base::parseInstant(first);
  if (!at) return JS_ThrowRangeError(context, "%s", at.error().message.c_str());
  if (helper == kFormatTime) return text(context, formatted(base::formatInstant(*at), second));
  const bool back = second.starts_with('-');
  const auto length = base::parseDuration(second.substr(back ? 1 : 0));
  if (!length) return JS_ThrowRangeError(context, "%s", length.error().message.c_str());
  const std::int64_t ms = back ? -length->count() : length->count();
  return text(context, base::formatInstant(*at + ms));
}

JSValue call(JSContext* context, JSValueConst, int, JSValueConst* arguments, int magic) {
  const auto helper = static_cast<Helper>(magic);
  const JsText first(context, arguments[0]);
  if (!first.ok()) return JS_EXCEPTION;
  const std::string_view value(first.data(), first.size());
  static_cast<void>(Realm::of(context).spend(1 + value.size() / kBytesPerTick));
  switch (helper) {
    case kBase64:
      return text(context, base::toBase64(value));
    case kBase64Url:
      return text(context, base::toBase64Url(value));
    case kFromBase64: {
      const bool url = value.find_first_of("-_") != std::string_view::npos;
      return decoded(context, url ? base::fromBase64Url(value) : base::fromBase64(value), "base64");
    }
    case kHex:
      return text(context, hexOf(value));
    case kFromHex:
      return decoded(context, bytesOfHex(value), "hex");
    case kSha256:
      return text(context, crypto::sha256(value).hex());
    default:
      break;
  }
  const JsText second(context, arguments[1]);
  if (!second.ok()) return JS_EXCEPTION;
  const std::string_view other(second.data(), second.size());
  static_cast<void>(Realm::of(context).spend(1 + other.size() / kBytesPerTick));
  if (helper == kHmacSha256) return text(context, crypto::hmacSha256(value, other).hex());
  return onTime(context, helper, value, other);
}

}  // namespace

void addHelpers(JSContext* context, JSValueConst global) {
  const JSValue helpers = JS_NewObject(context);
  for (const HelperRow& row : kHelpers) {
    JS_SetPropertyStr(context, helpers, row.name,
                      JS_NewCFunctionMagic(context, &call, row.name, row.arguments,
                                           JS_CFUNC_generic_magic, row.helper));
  }
  JS_DefinePropertyValueStr(context, global, "belay", helpers, 0);
}

}  // namespace belay::script
