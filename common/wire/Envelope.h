#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/Result.h"
#include "common/json/Value.h"

namespace belay::wire {

// The one form of every answer, of the API, of the relay and of `belay … --json`:
//   {"ok":true,"data":…,"meta":{"schema":1,…}}
//   {"ok":false,"error":{"code","message","actions","place"?},"data"?,"meta":{"schema":1,…}}
// Members are only ever added; what changes or takes one away raises the schema. Threads: any.

inline constexpr int kEnvelopeSchema = 1;

struct Envelope {
  std::optional<base::Error> error;  ///< Set: not ok.
  json::Value data;                  ///< With an error mostly null, and then left out.
  json::Value meta;                  ///< Object; `schema` is added when it is printed.
};

std::string printEnvelope(const Envelope& envelope);
/// Errors: kHttpProtocol when `text` is no envelope of a schema that this program reads.
base::Result<Envelope> parseEnvelope(std::string_view text);

/// {"code","message","actions","place"?}
json::Value errorToJson(const base::Error& error);

}  // namespace belay::wire
