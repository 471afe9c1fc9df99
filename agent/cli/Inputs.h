#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/Invocation.h"
#include "common/json/Value.h"

namespace belay::cli {

// What a command line says as values.

/// "name=text" puts a text, "name:=JSON" a value of any type. Errors: kUsage, kJsonSyntax.
base::Status addPair(json::Value& object, std::string_view pair, std::string_view flag);
/// A file's text; "-" is standard input. Errors: kNotFound, kLimit, kIo.
base::Result<std::string> readText(const Invocation& invocation, const std::string& path,
                                   std::size_t bytesMax);
/// JSON from --NAME or --NAME-file. Null value where neither was given.
/// Errors: kUsage when both were given, kJsonSyntax.
base::Result<json::Value> readJsonFlag(const Invocation& invocation, const std::string& name);
/// The input of a run: --input and --input-file. Errors: kUsage, kJsonSyntax, kInputInvalid, …
base::Result<json::Value> readInput(const Invocation& invocation);

inline constexpr std::size_t kInputBytesMax = 4u << 20;

}  // namespace belay::cli
