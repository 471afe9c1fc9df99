#include "tests/sim/RandomRing.h"

#include <array>

namespace belay::sim {

namespace {

constexpr std::uint64_t kFlows = 3;

std::string slugOf(std::uint64_t number) { return "ring-" + std::to_string(number); }

std::string concurrency(test::SeededRandom& random) {
  if (random.below(5) == 0) return "";
  constexpr std::array<const char*, 6> kConflicts{"queue", "queue", "queue",
                                                  "queue", "skip",  "supersede"};
  const std::string conflict = kConflicts.at(random.below(kConflicts.size()));
  return "concurrency: {" +
         std::string(random.below(3) == 0 ? "key: \"${{ input.lane }}\", " : "") +
         "limit: " + std::to_string(1 + random.below(3)) + ", on_conflict: " + conflict +
         (conflict == "queue" ? ", max_queued: 1000" : "") + "}\n";
}

/// One step, as a line of a list.
std::string call(test::SeededRandom& random, const std::string& id) {
  std::string out = "{id: " + id + ", when: \"${{ input.left > 0 }}\", flow: {slug: " +
                    slugOf(random.below(kFlows)) +
                    ", input: {left: \"${{ input.left - 1 }}\", lane: \"${{ input.lane }}\"}}";
  if (random.below(3) == 0) out += ", retry: {max_attempts: 2, backoff: {initial: 5s}}";
  if (random.below(3) != 0) out += ", on_error: skip";
  return out + "}";
}

std::string pause(test::SeededRandom& random, const std::string& id) {
  return "  - {id: " + id + ", sleep: {for: " + std::to_string(1 + random.below(200)) + "s}}\n";
}

std::string steps(test::SeededRandom& random) {
  std::string out = random.below(4) == 0 ? "" : pause(random, "before");
  if (random.below(3) == 0) {
    out += "  - id: both\n    on_error: skip\n    parallel:\n";
    if (random.below(2) == 0) out += "      on_branch_error: wait_all\n";
    out += "      branches:\n        one: [" + call(random, "one") + "]\n        two: [" +
           call(random, "two") + "]\n";
  } else {
    out += "  - " + call(random, "call") + "\n";
  }
  return out + (random.below(2) == 0 ? "" : pause(random, "after")) +
         "  - {id: count, kv: {increment: total}}\n";
}

}  // namespace

std::vector<RingFlow> randomRing(test::SeededRandom& random) {
  constexpr std::array<const char*, 3> kPolicies{"coexist", "drain", "supersede"};
  std::vector<RingFlow> out;
  for (std::uint64_t i = 0; i < kFlows; ++i) {
    RingFlow flow{slugOf(i), kPolicies.at(random.below(kPolicies.size())), ""};
    flow.text = "slug: " + flow.slug + "\non_new_release: " + flow.onNewRelease + "\n" +
                concurrency(random) +
                "input: {type: object, properties: {left: {type: integer, default: 3}, lane: "
                "{type: string, default: a}}}\nsteps:\n" +
                steps(random);
    out.push_back(std::move(flow));
  }
  return out;
}

}  // namespace belay::sim
