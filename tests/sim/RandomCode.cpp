#include "tests/sim/RandomCode.h"

#include <utility>

namespace belay::sim {

namespace {

class Writer {
 public:
  Writer(test::SeededRandom& random, std::string slug, std::string child)
      : random_(random), slug_(std::move(slug)), child_(std::move(child)) {}

  std::string write() {
    text_ = "export const flow = {slug: \"" + slug_ + "\", " + concurrency() +
            "state: {sum: 0}};\n\nexport default async function (ctx, input) {\n"
            "  let sum = 0;\n";
    const std::size_t count = 3 + random_.below(6);
    for (std::size_t i = 0; i < count; ++i) {
      statement("ctx", 1);
      if (!child_.empty() && i == count / 2) child(1);
    }
    return text_ + "  return {sum, rounds: ctx.state.sum};\n}\n";
  }

 private:
  bool chance(std::uint64_t percent) { return random_.below(100) < percent; }

  /// How many runs at once, or no bound.
  std::string concurrency() {
    if (chance(50)) return "";
    return "concurrency: {key: \"${{ input.lane }}\", limit: " +
           std::to_string(1 + random_.below(2)) + ", max_queued: 1000}, ";
  }

  std::string name() { return "n" + std::to_string(names_++); }

  void line(int depth, const std::string& text) {
    text_ += std::string(static_cast<std::size_t>(depth) * 2, ' ') + text + "\n";
  }

  /// A call, whose failure may be caught.
  void call(int depth, const std::string& text) {
    if (chance(50)) {
      line(depth, "try { " + text + " } catch (error) { sum += error.code.length; }");
    } else {
      line(depth, text);
    }
  }

  void statements(const std::string& context, int depth) {
    const std::size_t count = 1 + random_.below(2);
    for (std::size_t i = 0; i < count; ++i) statement(context, depth);
  }

  void statement(const std::string& context, int depth) {
    switch (random_.below(depth < 4 ? 12 : 8)) {
      case 0:
        line(depth,
             "await " + context + ".step(\"" + name() + "\", {kv: {increment: \"total\"}});");
        break;
      case 1:
        line(depth, "await " + context + ".sleep(\"" + name() + "\", \"" +
                        std::to_string(1 + random_.below(300)) + "s\");");
        break;
      case 2:
        call(depth, "await " + context + ".step(\"" + name() + "\", {http: {method: \"" +
                        (chance(50) ? "GET" : "POST") + "\", url: \"http://peer.test/\"}" +
                        options() + "});");
        break;
      case 3:
        wait(context, depth);
        break;
      case 4:
        line(depth, "sum += " + std::to_string(1 + random_.below(5)) + ";");
        break;
      case 5:
        line(depth, "ctx.setState({sum: ctx.state.sum + 1});");
        break;
      case 8:
      case 9:
        parallel(context, depth);
        break;
      case 10:
        forEach(context, depth);
        break;
      case 11:
        line(depth, "for (let i = 0; i < " + std::to_string(1 + random_.below(3)) + "; i++) {");
        statements(context, depth + 1);
        line(depth, "}");
        break;
      default:
        call(depth, "await " + context + ".step(\"" + name() +
                        "\", {run: {command: [\"tool\", \"x\"]}" +
                        (chance(30) ? ", effect: \"idempotent\"" : "") + options() + "});");
    }
  }

  std::string options() {
    std::string out;
    if (chance(40)) {
      out += ", retry: {max_attempts: " + std::to_string(2 + random_.below(3)) +
             ", backoff: {initial: \"2s\", max: \"1m\"}}";
    }
    if (chance(30)) out += ", on_error: \"skip\"";
    if (chance(30)) {
      out += ", compensate: {run: {command: [\"undo\"]}";
      out += chance(50) ? ", effect: \"idempotent\", retry: {max_attempts: 3}}" : "}";
    }
    return out;
  }

  /// Starts the child, once, beside a branch that ends it.
  void child(int depth) {
    line(depth, "try {");
    line(depth + 1, "await ctx.parallel(\"" + name() + "\", {");
    line(depth + 2, "left: c => c.flow(\"" + name() + "\", {slug: \"" + child_ +
                        "\", release: \"draft\", input: {lane: input.lane}}),");
    line(depth + 2, "right: async c => { await c.sleep(\"" + name() + "\", \"" +
                        std::to_string(1 + random_.below(300)) + "s\"); throw \"enough\"; },");
    line(depth + 1, "});");
    line(depth,
         "} catch (error) { " + std::string(chance(30) ? "throw error" : "sum += 17") + "; }");
  }

  void wait(const std::string& context, int depth) {
    const std::string begin = "await " + context + ".wait(\"" + name() + "\", ";
    switch (random_.below(4)) {
      case 0:
        call(depth, "if ((" + begin + "{approval: {summary: \"Go on?\"}, timeout: \"2h\", " +
                        "on_reject: \"" + (chance(50) ? "fail" : "continue") +
                        "\"})).approved) sum += 7;");
        break;
      case 1:
        line(depth, begin + "{callback: {}, timeout: \"1h\", on_timeout: \"continue\"});");
        break;
      case 2:
        line(depth,
             begin + "{event: {name: \"tick\"}, timeout: \"1h\", on_timeout: \"continue\"});");
        break;
      default:
        line(depth, begin + "{for: \"" + std::to_string(1 + random_.below(90)) + "m\"});");
    }
  }

  void parallel(const std::string& context, int depth) {
    line(depth, "try {");
    line(depth + 1, "await " + context + ".parallel(\"" + name() + "\", {");
    for (const char* branch : {"left", "right"}) {
      line(depth + 2, std::string(branch) + ": async c => {");
      statements("c", depth + 3);
      line(depth + 2, "},");
    }
    line(depth + 1, "}, {failFast: false});");
    line(depth, "} catch (error) { sum += 11; }");
  }

  void forEach(const std::string& context, int depth) {
    line(depth, "try {");
    line(depth + 1, "await " + context + ".forEach(\"" + name() +
                        "\", [3, 1, 2, 5], {maxParallel: " + std::to_string(1 + random_.below(3)) +
                        ", failFast: false}, async (item, index, c) => {");
    statements("c", depth + 2);
    line(depth + 2, "sum += item;");
    line(depth + 1, "});");
    line(depth, "} catch (error) { sum += 13; }");
  }

  test::SeededRandom& random_;
  const std::string slug_;
  const std::string child_;
  std::string text_;
  int names_ = 0;
};

}  // namespace

std::string randomCode(test::SeededRandom& random, const std::string& slug,
                       const std::string& child) {
  return Writer(random, slug, child).write();
}

}  // namespace belay::sim
