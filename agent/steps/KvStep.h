#pragma once

#include <string>

#include "agent/runtime/Performer.h"
#include "agent/steps/Fields.h"

namespace belay::steps {

/// `kv`: one operation on the host's key-value store, in the transaction that records the step:
/// exactly once.
///
///   get: KEY | exists: KEY | delete: KEY | list: PREFIX
///   set: KEY, value:, ttl:, if_not_exists: | increment: KEY, by: | append: KEY, value:
/// `space:` keeps keys of different flows apart; "default" without it. Output: {value, exists,
/// previous} or {items, truncated?}.
///
/// Threads: the loop.
class KvStep final : public runtime::InlineStep {
 public:
  static constexpr std::size_t kValueBytesMax = 64u << 10;
  static constexpr std::size_t kListMax = 1000;

  base::Result<runtime::InlineOutcome> perform(const runtime::InlineContext& context) override;
};

/// One operation, for the step and for the command line alike.
struct KvOperation {
  enum class Kind { kGet, kExists, kSet, kDelete, kIncrement, kAppend, kList } kind = Kind::kGet;
  std::string space = "default";
  std::string key;
  json::Value value;
  std::int64_t by = 1;
  std::int64_t ttlMs = 0;  ///< 0: for ever.
  bool ifNotExists = false;
};

/// How long a key lives. Errors: kInvalidArgument.
base::Result<std::int64_t> parseTtl(std::string_view text);

/// Performs it in the open transaction; returns the output. Errors: kInvalidArgument, kLimit,
/// kConflict (a value of another kind than increment or append needs), and those of the journal.
base::Result<json::Value> performKv(journal::Journal& journal, const KvOperation& operation,
                                    std::int64_t nowMs);

}  // namespace belay::steps
