#include "agent/cli/Inputs.h"

#include "common/base/Files.h"
#include "common/base/Text.h"
#include "common/json/Exact.h"
#include "common/json/Json.h"

namespace belay::cli {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

namespace {

/// What a person wrote: no digit of it gets lost unseen.
Result<json::Value> parseGiven(std::string_view text) {
  BELAY_TRY(json::checkExact(text));
  return json::parse(text);
}

}  // namespace

Status addPair(json::Value& object, std::string_view pair, std::string_view flag) {
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Error{ErrorCode::kUsage, "--" + std::string(flag) +
                                        " takes name=text or name:=JSON, not \"" +
                                        base::visible(pair) + "\""};
  }
  const bool isJson = pair[equals - 1] == ':';
  const std::string name(pair.substr(0, isJson ? equals - 1 : equals));
  const std::string_view text = pair.substr(equals + 1);
  if (!isJson) {
    object.set(name, text);
    return {};
  }
  auto value = parseGiven(text);
  if (!value) return std::move(value).error().in("--" + std::string(flag) + " " + name);
  object.set(name, std::move(*value));
  return {};
}

Result<std::string> readText(const Invocation& invocation, const std::string& path,
                             std::size_t bytesMax) {
  if (path == "-") return invocation.world().console.readInput(bytesMax);
  return base::readFile(path, bytesMax);
}

Result<json::Value> readJsonFlag(const Invocation& invocation, const std::string& name) {
  const std::string fileFlag = name + "-file";
  if (invocation.has(name) && invocation.has(fileFlag)) {
    return Error{ErrorCode::kUsage, "--" + name + " and --" + fileFlag + " exclude each other"};
  }
  std::string text = invocation.flag(name);
  if (invocation.has(fileFlag)) {
    BELAY_ASSIGN(text, readText(invocation, invocation.flag(fileFlag), kInputBytesMax));
  } else if (!invocation.has(name)) {
    return json::Value();
  }
  auto value = json::parse(text);
  if (!value) return std::move(value).error().in("--" + (invocation.has(name) ? name : fileFlag));
  return std::move(*value);
}

Result<json::Value> readInput(const Invocation& invocation) {
  json::Value input{json::Object{}};
  if (invocation.has("input-file")) {
    BELAY_ASSIGN(const std::string text,
                 readText(invocation, invocation.flag("input-file"), kInputBytesMax));
    auto parsed = parseGiven(text);
    if (!parsed) return std::move(parsed).error().in(invocation.flag("input-file"));
    if (!parsed->isObject()) {
      return Error{ErrorCode::kInputInvalid, "the input must be a JSON object, it is " +
                                                 std::string(json::kindName(*parsed))};
    }
    input = std::move(*parsed);
  }
  for (const std::string& pair : invocation.flags("input"))
    BELAY_TRY(addPair(input, pair, "input"));
  return input;
}

}  // namespace belay::cli
