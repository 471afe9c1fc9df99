#pragma once

#include <string>
#include <string_view>

#include "agent/cli/Invocation.h"
#include "agent/flow/Validate.h"
#include "common/json/Value.h"

namespace belay::cli {

/// True for what names a file and cannot be a slug: "-", a path, or a name that ends as flow files
/// do.
bool isFlowFile(std::string_view argument);
/// {"content","file","files"} for the API: the file, and by name those that it includes. Errors:
/// kNotFound, kFlowTooLarge, kIo.
base::Result<json::Value> readFlowFile(const Invocation& invocation, const std::string& path);
/// Adds to a body where the file is, so that the daemon knows it again; nothing for standard input.
void addOrigin(const Invocation& invocation, const std::string& path, json::Value& body);
/// Says on standard error that a draft of somebody else was replaced, and how to get it back.
void noteReplaced(const Invocation& invocation, const std::string& slug, const json::Value& data);
/// Lines as compilers print them.
std::string diagnosticsPage(const Style& style, const json::Value& data);
/// Compiles what stands in a flow as the daemon does; `checker` is made at the first use.
flow::SyntaxCheck makeSyntaxCheck();

}  // namespace belay::cli
