#include "tests/sim/RandomFlow.h"

#include <array>
#include <utility>
#include <vector>

namespace belay::sim {

namespace {

class Writer {
 public:
  Writer(test::SeededRandom& random, std::string slug, std::string child, Order order)
      : random_(random), slug_(std::move(slug)), child_(std::move(child)), order_(order) {}

  std::string write() {
    text_ = "slug: " + slug_ + "\n" + concurrency() + defaults() +
            "state: {rounds: 0, sum: 0}\nfunctions: {add: \"x => ({n: x.a + x.b})\"}\nsteps:\n";
    const std::size_t count = 3 + random_.below(8);
    for (std::size_t i = 0; i < count; ++i) step("s" + std::to_string(i));
    // One jump back, bounded by the state, so that steps have several visits.
    text_ += "  - id: count\n    set: {rounds: \"${{ state.rounds + 1 }}\"}\n";
    const std::string target = "s" + std::to_string(random_.below(count));
    text_ += "    next: \"${{ state.rounds < " + std::to_string(1 + random_.below(3)) + " ? '" +
             target + "' : 'end' }}\"\n";
    text_ +=
        "  - id: rescue\n    function: {code: \"return error ? error.code : null\"}\n    next: "
        "end\n";
    onFailure();
    text_ += "output: {rounds: \"${{ state.rounds }}\", sum: \"${{ state.sum }}\"}\n";
    return text_;
  }

 private:
  bool ordered() const { return order_ == Order::kMatters; }
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }

  /// How many runs at once, or no bound.
  std::string concurrency() {
    if (!ordered() || chance(40)) return "";
    constexpr std::array<const char*, 6> kConflicts{"queue", "queue",  "queue",
                                                    "skip",  "reject", "supersede"};
    const std::string conflict = kConflicts.at(random_.below(kConflicts.size()));
    return "concurrency: {key: \"${{ input.lane }}\", limit: " +
           std::to_string(1 + random_.below(2)) + ", on_conflict: " + conflict +
           (conflict == "queue" ? ", max_queued: 1000" : "") + "}\n";
  }

  /// What holds for all steps with effects together, and for each.
  std::string defaults() {
    std::string out;
    if (chance(15)) {
      out += "rate_limit: {max: " + std::to_string(1 + random_.below(3)) +
             ", per: " + std::to_string(1 + random_.below(5)) + "m}\n";
    }
    if (chance(30)) {
      out += "defaults: {timeout: 2h" +
             std::string(chance(50) ? ", retry: {max_attempts: 2, backoff: {initial: 3s}}" : "") +
             "}\n";
    }
    return out;
  }

  /// As in a list within a step: without ways to steps elsewhere. Nothing undoes it.
  void onFailure() {
    if (!chance(35)) return;
    ++depth_;
    undoes_ = false;
    const std::string before = std::move(text_);
    text_.clear();
    const std::size_t count = 1 + random_.below(3);
    for (std::size_t i = 0; i < count; ++i) step("f" + std::to_string(i));
    if (chance(30)) text_ += "  - {id: told, function: {code: \"return error.step\"}}\n";
    text_ = before + "on_failure:\n" + text_;
    --depth_;
  }

  /// Steps within a step: a line for each key, all of them deeper than the step itself.
  void within(const std::string& id) {
    ++depth_;
    const std::string before = std::move(text_);
    text_.clear();
    switch (random_.below(3)) {
      case 0:
        parallel(id);
        break;
      case 1:
        text_ += "    for_each:\n      items: [" + std::string(chance(10) ? "" : "3, 1, 2, 5, 4") +
                 "]\n";
        text_ += "      max_parallel: " + std::to_string(1 + random_.below(3)) + "\n";
        if (!ordered() || chance(40)) text_ += "      on_item_error: wait_all\n";
        list(id, "steps");
        break;
      default:
        text_ += "    loop:\n      " + std::string(!ordered() || chance(50)
                                                       ? "until: \"${{ index >= 2 }}\""
                                                       : "while: \"${{ state.sum < 9 }}\"");
        text_ += "\n      max: " + std::to_string(1 + random_.below(4)) +
                 "\n      on_max: " + (chance(80) ? "continue" : "fail");
        text_ += chance(40) ? "\n      interval: 3m\n" : "\n";
        list(id, "steps");
    }
    text_ = before + text_;
    --depth_;
  }

  void parallel(const std::string& id) {
    text_ += "    parallel:\n";
    if (!ordered() || chance(50)) text_ += "      on_branch_error: wait_all\n";
    text_ += "      branches:\n";
    indented("  ", [&] {
      list(id + "a", "left");
      list(id + "b", "right");
    });
    if (chance(40)) list(id + "f", "finalize");
  }

  void list(const std::string& id, const std::string& name) {
    text_ += "      " + name + ":\n";
    const std::size_t count = 1 + random_.below(2);
    indented("      ", [&] {
      for (std::size_t i = 0; i < count; ++i) step(id + "_" + std::to_string(i));
    });
  }

  /// What `write` adds, each line moved to the right.
  template <typename Write>
  void indented(const std::string& by, Write write) {
    const std::string before = std::move(text_);
    text_.clear();
    write();
    std::string moved;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = text_.find('\n', at);
      moved += by + text_.substr(at, end + 1 - at);
      at = end + 1;
    }
    text_ = before + moved;
  }

  void step(const std::string& id) {
    text_ += "  - id: " + id + "\n";
    if (chance(15)) text_ += "    when: \"${{ state.rounds % 2 == 0 }}\"\n";
    bool performed = false;
    // One at most, and in one loop at most: what its own flow starts multiplies with it.
    if (!child_.empty() && depth_ < 2 && chance(20)) {
      text_ += "    flow:\n      slug: " + std::exchange(child_, {}) +
               "\n      release: draft\n      input: {lane: \"${{ input.lane }}\"}\n";
      if (chance(30)) text_ += "    retry: {max_attempts: 2, backoff: {initial: 2s}}\n";
      if (chance(60)) text_ += "    on_error: skip\n";
      return;
    }
    std::uint64_t what = random_.below(depth_ < 2 ? 12 : 10);
    // A switch in a short list would leave no way to the step behind it.
    if (depth_ > 0 && what == 5) what = 2;
    switch (what) {
      case 0:
        text_ += "    function: {name: add, input: {a: \"${{ state.sum }}\", b: 1}}\n";
        break;
      case 1:
        text_ +=
            "    set: {sum: \"${{ state.sum + " + std::to_string(random_.below(5)) + " }}\"}\n";
        break;
      case 2:
        text_ += "    kv: {increment: total}\n";
        break;
      case 3:
        text_ += "    sleep: {for: " + std::to_string(1 + random_.below(300)) + "s}\n";
        break;
      case 4:
        wait();
        break;
      case 5:
        text_ +=
            "    switch:\n      - {when: \"${{ state.sum > 2 }}\", next: count}\n      - {next: " +
            std::string(chance(50) ? "count" : "end") + "}\n";
        break;
      case 6:
        text_ += "    http: {method: " + std::string(chance(50) ? "GET" : "POST") +
                 ", url: \"http://peer.test/\"}\n";
        performed = true;
        break;
      case 9:
        text_ += "    emit: {event: " + std::string(chance(70) ? "tick" : "tock") +
                 ", body: {n: \"${{ state.sum }}\"}}\n";
        break;
      case 10:
      case 11:
        within(id);
        return;
      default:
        text_ += "    run: {command: [tool, \"${{ String(state.sum) }}\"]}\n";
        if (chance(30)) text_ += "    effect: idempotent\n";
        performed = true;
    }
    if (performed && chance(50)) {
      text_ += "    retry: {max_attempts: " + std::to_string(2 + random_.below(3)) +
               ", backoff: {initial: 2s, max: 1m}}\n";
    }
    if (performed && chance(10)) text_ += "    rate_limit: {max: 2, per: 5m}\n";
    if (performed && chance(15)) {
      text_ += "    review: " +
               std::string(!ordered() || chance(50) ? "true" : "{timeout: 2h, on_timeout: fail}") +
               "\n";
    }
    if (undoes_ && chance(25) && what != 5) {
      text_ += "    compensate: {run: {command: [undo, " + id + "]}";
      text_ += chance(50) ? ", effect: idempotent, retry: {max_attempts: 3}}\n" : "}\n";
    }
    if (performed && chance(60))
      text_ += depth_ > 0 || chance(50) ? "    on_error: skip\n" : "    on_error: rescue\n";
  }

  void wait() {
    switch (random_.below(4)) {
      case 0:
        text_ +=
            "    wait:\n      approval: {summary: \"Go on with ${{ state.sum }}?\"}\n      "
            "timeout: 2h\n" +
            std::string(chance(30) ? "      on_timeout: reject\n" : "") +
            "      on_reject: " + std::string(chance(50) ? "fail" : "continue") + "\n";
        break;
      case 1:
        text_ += "    wait: {callback: {}, timeout: 1h, on_timeout: continue}\n";
        break;
      case 2:
        text_ += "    wait: {event: {name: tick}, timeout: 1h, on_timeout: continue}\n";
        break;
      default:
        text_ += "    wait: {for: " + std::to_string(1 + random_.below(90)) + "m}\n";
    }
  }

  test::SeededRandom& random_;
  const std::string slug_;
  std::string child_;
  const Order order_;
  std::string text_;
  int depth_ = 0;
  bool undoes_ = true;
};

}  // namespace

std::string randomFlow(test::SeededRandom& random, const std::string& slug,
                       const std::string& child, Order order) {
  return Writer(random, slug, child, order).write();
}

}  // namespace belay::sim
