#include "agent/flow/Concurrency.h"

#include <array>

#include "agent/flow/FamilyKeys.h"

namespace belay::flow {

namespace {

using Words = std::string_view;

constexpr std::array<Words, 4> kOnConflict{"queue", "skip", "reject", "supersede"};
constexpr std::array<KeyRow, 4> kConcurrencyKeys{{
    {.name = "key",
     .flags = kTemplate,
     .least = 1,
     .most = 1'000,
     .help = "Runs with the same key count together; expressions over input and trigger may stand "
             "in it. Without it all runs of the flow do."},
    {.name = "limit",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 10'000,
     .fallback = "1",
     .help = "Runs of one key that may be active at once, waiting ones included."},
    {.name = "on_conflict",
     .shape = Shape::kChoice,
     .choices = kOnConflict,
     .fallback = "\"queue\"",
     .help = "What becomes of a further run: queue (it begins in its turn), skip (there is none), "
             "reject (an error), or supersede (the oldest of the key is cancelled)."},
    {.name = "max_queued",
     .shape = Shape::kInteger,
     .least = 1,
     .most = 100'000,
     .fallback = "100",
     .help = "Of on_conflict: queue: runs of one key that may be queued."},
}};

OnConflict onConflictOf(const json::Value& concurrency) {
  const std::string word = concurrency.text("on_conflict", "queue");
  if (word == "skip") return OnConflict::kSkip;
  if (word == "reject") return OnConflict::kReject;
  return word == "supersede" ? OnConflict::kSupersede : OnConflict::kQueue;
}

}  // namespace

constinit const ObjectRow kConcurrencyObject{.what = "concurrency", .keys = kConcurrencyKeys};

void checkConcurrency(const Node& root, Report& report, Expressions& expressions) {
  const auto node = root.find("concurrency");
  if (!node || !node->value.isObject()) return;
  if (const auto key = node->find("key")) expressions.checkStart(*key);
  const auto most = node->find("max_queued");
  const json::Value* conflict = node->value.find("on_conflict");
  if (!most || !conflict || !conflict->isString() || conflict->asString() == "queue") return;
  report.errorAtName(base::ErrorCode::kFlowBadValue, *most,
                     "max_queued goes with on_conflict: queue");
}

std::optional<Concurrency> concurrencyOf(const json::Value& root) {
  const json::Value* value = root.find("concurrency");
  if (!value) return std::nullopt;
  Concurrency out;
  out.key = value->text("key");
  out.limit = static_cast<std::uint32_t>(value->integer("limit", out.limit));
  out.onConflict = onConflictOf(*value);
  out.maxQueued = static_cast<std::uint32_t>(value->integer("max_queued", out.maxQueued));
  return out;
}

OnNewRelease onNewReleaseOf(const json::Value& root) {
  const std::string word = root.text("on_new_release", "coexist");
  if (word == "drain") return OnNewRelease::kDrain;
  return word == "supersede" ? OnNewRelease::kSupersede : OnNewRelease::kCoexist;
}

}  // namespace belay::flow
