#include "tests/sim/RandomFlow.h"

#include <array>
#include <vector>

namespace belay::sim {

namespace {

class Writer {
 public:
  Writer(test::SeededRandom& random, std::string slug) : random_(random), slug_(std::move(slug)) {}

  std::string write() {
    text_ = "slug: " + slug_ + "\nstate: {rounds: 0, sum: 0}\nfunctions: {add: \"x => ({n: x.a + x.b})\"}\nsteps:\n";
    const std::size_t count = 3 + random_.below(8);
    for (std::size_t i = 0; i < count; ++i) step(i);
    // One jump back, bounded by the state, so that steps have several visits.
    text_ += "  - id: count\n    set: {rounds: \"${{ state.rounds + 1 }}\"}\n";
    const std::string target = "s" + std::to_string(random_.below(count));
    text_ += "    next: \"${{ state.rounds < " + std::to_string(1 + random_.below(3)) + " ? '" + target + "' : 'end' }}\"\n";
    text_ += "  - id: rescue\n    function: {code: \"return error ? error.code : null\"}\n    next: end\n";
    text_ += "output: {rounds: \"${{ state.rounds }}\", sum: \"${{ state.sum }}\"}\n";
    return text_;
  }

 private:
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }

  void step(std::size_t index) {
    text_ += "  - id: s" + std::to_string(index) + "\n";
    if (chance(15)) text_ += "    when: \"${{ state.rounds % 2 == 0 }}\"\n";
    bool performed = false;
    switch (random_.below(9)) {
      case 0: text_ += "    function: {name: add, input: {a: \"${{ state.sum }}\", b: 1}}\n"; break;
      case 1: text_ += "    set: {sum: \"${{ state.sum + " + std::to_string(random_.below(5)) + " }}\"}\n"; break;
      case 2: text_ += "    kv: {increment: total}\n"; break;
      case 3: text_ += "    sleep: {for: " + std::to_string(1 + random_.below(300)) + "s}\n"; break;
      case 4: wait(); break;
      case 5:
        text_ += "    switch:\n      - {when: \"${{ state.sum > 2 }}\", next: count}\n      - {next: " +
                 std::string(chance(50) ? "count" : "end") + "}\n";
        break;
      case 6:
        text_ += "    http: {method: " + std::string(chance(50) ? "GET" : "POST") + ", url: \"http://peer.test/\"}\n";
        performed = true;
        break;
      default:
        text_ += "    run: {command: [tool, \"${{ String(state.sum) }}\"]}\n";
        if (chance(30)) text_ += "    effect: idempotent\n";
        performed = true;
    }
    if (performed && chance(50)) {
      text_ += "    retry: {max_attempts: " + std::to_string(2 + random_.below(3)) + ", backoff: {initial: 2s, max: 1m}}\n";
    }
    if (performed && chance(60)) text_ += chance(50) ? "    on_error: skip\n" : "    on_error: rescue\n";
  }

  void wait() {
    switch (random_.below(4)) {
      case 0:
        text_ += "    wait:\n      approval: {summary: \"Go on with ${{ state.sum }}?\"}\n      timeout: 2h\n"
                 "      on_reject: " + std::string(chance(50) ? "fail" : "continue") + "\n";
        break;
      case 1: text_ += "    wait: {callback: {}, timeout: 1h, on_timeout: continue}\n"; break;
      case 2: text_ += "    wait: {event: {name: tick}, timeout: 1h, on_timeout: continue}\n"; break;
      default: text_ += "    wait: {for: " + std::to_string(1 + random_.below(90)) + "m}\n";
    }
  }

  test::SeededRandom& random_;
  const std::string slug_;
  std::string text_;
};

}  // namespace

std::string randomFlow(test::SeededRandom& random, const std::string& slug) { return Writer(random, slug).write(); }

}  // namespace belay::sim
