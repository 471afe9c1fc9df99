#pragma once

#include <string>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::postgres {

/// Connects, runs the one statement of the request, and gives the result of the plugin: an object
/// with ok, output, error and effect (docs/plugins.md). SIGTERM cancels the statement on the server.
/// Parameters travel apart from the statement, as text, so that nothing in them can be SQL.
///
/// Threads: the process's only one; takes over SIGTERM.
json::Value runQuery(const json::Value& request);

/// A result that says what went wrong. `effect`: none, done or unknown.
json::Value failure(const base::Error& error, std::string_view effect, std::string_view kind = {});

}  // namespace belay::postgres
