// Flow files with one thing wrong each, by table: the code, line, column and JSON Pointer of what
// is said about them, a piece of the message and a piece of the hint. A second table is right in
// every row.
#include <string>
#include <vector>

#include "agent/flow/Validate.h"
#include "agent/script/SyntaxChecker.h"
#include "common/json/Json.h"
#include "common/json/Schema.h"
#include "common/yaml/Yaml.h"
#include "tests/unit/flow/FlowFiles.h"

#include <CppUTest/TestHarness.h>

using belay::base::ErrorCode;
using belay::flow::Checked;
using belay::flow::Diagnostic;
using belay::flow::Format;
using belay::flow::Severity;
using belay::test::check;
using belay::test::placeOf;

namespace {

/// Who finds the problem: the JSON Schema for editors can tell it too, or only the parser can.
enum class By { kSchemaToo, kParser };

struct Bad {
  By by;
  const char* text;
  const char* expected;  ///< "CODE LINE:COLUMN POINTER" of the first diagnostic.
  const char* message;
  const char* hint;
};

std::string wrong(const Bad& row, Severity severity) {
  const Checked checked = check(row.text);
  if (checked.diagnostics.empty()) return std::string(row.text) + "  was taken\n";
  const Diagnostic& first = checked.diagnostics.front();
  const bool fits = placeOf(first) == row.expected &&
                    first.message.find(row.message) != std::string::npos &&
                    first.hint.find(row.hint) != std::string::npos && first.severity == severity &&
                    checked.diagnostics.size() == 1 &&
                    checked.flow.has_value() == (severity == Severity::kWarning);
  if (fits) return {};
  std::string out = std::string(row.text) + "  expected " + row.expected + " " + row.message + "\n";
  for (const Diagnostic& diagnostic : checked.diagnostics) {
    out += "  was      " + placeOf(diagnostic) + " " + diagnostic.message + " | " +
           diagnostic.hint + "\n";
  }
  return out;
}

belay::json::Schema editorSchema() {
  return *belay::json::Schema::compile(*belay::json::parse(belay::flow::flowSchemaJson()));
}

const std::string kOne = "slug: x\nsteps:\n  - id: a\n    ";

#define STEP(text) "slug: x\nsteps:\n  - id: a\n    " text "\n"

std::vector<Bad> badFiles() {
  return {
      // The file.
      {By::kSchemaToo, "", "FLOW-MISSING-KEY 1:1 ", "the file is empty", "slug: NAME"},
      {By::kSchemaToo, "- a\n", "FLOW-WRONG-TYPE 1:1 ", "a flow must be an object, is a list", ""},
      {By::kSchemaToo, "steps: [{id: a, set: {b: 1}}]\n", "FLOW-MISSING-KEY 1:1 ",
       "needs the key \"slug\"", ""},
      {By::kSchemaToo, "slug: x\n", "FLOW-MISSING-KEY 1:1 ", "needs the key \"steps\"", ""},
      {By::kSchemaToo, "slug: x\nsteps: []\n", "FLOW-BAD-VALUE 2:8 /steps",
       "at least 1 item, has 0", ""},
      {By::kSchemaToo, "slug: x\nsteps: {id: a}\n", "FLOW-WRONG-TYPE 2:8 /steps", "must be a list",
       "begin each item with -"},
      {By::kSchemaToo, "slug: X y\nsteps: [{id: a, set: {b: 1}}]\n", "FLOW-BAD-SLUG 1:7 /slug",
       "slug must match", "\"x-y\""},
      {By::kSchemaToo, "slug: 12\nsteps: [{id: a, set: {b: 1}}]\n", "FLOW-WRONG-TYPE 1:7 /slug",
       "must be text", "quotes"},
      {By::kSchemaToo, "slug: x\nnmae: y\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-UNKNOWN-KEY 2:1 /nmae", "unknown key \"nmae\" in a flow", "did you mean \"name\"?"},
      {By::kSchemaToo, "slug: x\nexecute: b\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-UNKNOWN-KEY 2:1 /execute", "not supported by this version", ""},
      {By::kSchemaToo, "slug: x\ntags: [a, 1]\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-WRONG-TYPE 2:11 /tags/1", "item 2 of tags must be text", "quotes"},
      {By::kSchemaToo, "slug: x\nname: \"${{ input.a }}\"\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:7 /name", "an expression cannot stand here", ""},
      {By::kParser, "slug: x\nstate: {a: \"${{ 1 }}\"}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:12 /state/a", "an expression cannot stand here", ""},
      {By::kSchemaToo, "slug: x\nstate: [1]\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-WRONG-TYPE 2:8 /state", "must be an object, is a list", ""},
      {By::kParser, "slug: x\nslug: y\n", "YAML-REFUSED 2:1 /slug", "stands twice", ""},
      {By::kParser, "slug: x\nsteps:\n\t- a\n", "YAML-SYNTAX 3:1 /steps", "a tab cannot indent",
       "spaces"},
      {By::kParser, "slug: !!str x\n", "YAML-REFUSED 1:7 /slug", "the tag !!str is refused", ""},
      {By::kParser, "slug: x\nnote: ${{ a ? 1: 2 }}\n", "YAML-SYNTAX 2:16 ",
       "mapping values are not allowed", "quotes"},
      // Input, requirements, defaults, functions, templates.
      {By::kParser, "slug: x\ninput: {type: array}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:15 /input/type", "type must be object", ""},
      {By::kParser,
       "slug: x\ninput:\n  properties:\n    n: {tpye: integer}\nsteps: [{id: a, set: {b: 1}}]\n",
       "SCHEMA-INVALID 4:9 /input/properties/n/tpye", "tpye is a keyword that is not supported",
       "did you mean \"type\"?"},
      {By::kParser,
       "slug: x\ninput:\n  properties:\n    n: {type: integer, default: many}\nsteps: [{id: a, "
       "set: {b: 1}}]\n",
       "SCHEMA-INVALID 4:24 /input/properties/n/default", "does not match its own schema", ""},
      {By::kSchemaToo, "slug: x\nrequires: [{name: c}]\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-MISSING-KEY 2:12 /requires/0", "needs the key \"type\"", ""},
      {By::kSchemaToo, "slug: x\nrequires: [{name: c, type: htp}]\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:28 /requires/0/type", "must be http, chat", "did you mean \"http\"?"},
      {By::kParser,
       "slug: x\nrequires: [{name: c, type: http}, {name: c, type: chat}]\nsteps: [{id: a, set: "
       "{b: 1}}]\n",
       "FLOW-BAD-VALUE 2:42 /requires/1/name", "twice", ""},
      {By::kSchemaToo, "slug: x\ndefaults: {timeout: 10}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-WRONG-TYPE 2:21 /defaults/timeout", "must be a duration with its unit", "10s"},
      {By::kSchemaToo,
       "slug: x\ndefaults: {retry: {max_attempts: 101}}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:34 /defaults/retry/max_attempts", "must be from 1 to 100, is 101", ""},
      {By::kSchemaToo,
       "slug: x\ndefaults: {retry: {backoff: {jitter: 2}}}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:38 /defaults/retry/backoff/jitter", "must be from 0 to 1, is 2", ""},
      {By::kSchemaToo,
       "slug: x\ndefaults: {retry: {on: [timeouts]}}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-VALUE 2:25 /defaults/retry/on/0", "must be timeout, rate_limited",
       "did you mean \"timeout\"?"},
      {By::kSchemaToo, "slug: x\nfunctions: {\"a-b\": x => x}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-SLUG 2:13 /functions/a-b", "\"a-b\" must match [A-Za-z_]", ""},
      {By::kParser, "slug: x\nfunctions: {f: \"s => (\"}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-EXPRESSION-SYNTAX 2:16 /functions/f", "the function", ""},
      {By::kParser, "slug: x\ntemplates: {t: \"${{ a b }}\"}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-EXPRESSION-SYNTAX 2:16 /templates/t", "a b", ""},
      {By::kSchemaToo, "slug: x\ntemplates: {T: hello}\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-BAD-SLUG 2:13 /templates/T", "\"T\" must match", ""},
      {By::kParser,
       "slug: x\nsteps: [{id: a, set: {b: 1}}]\noutput: {k: \"${{ steps.b.output }}\"}\n",
       "FLOW-UNKNOWN-STEP 3:13 /output/k", "the flow has no step \"b\"", "did you mean \"a\"?"},
      {By::kParser, "slug: x\nsteps: [{id: a, set: {b: 1}}]\noutput: {secret: tok}\n",
       "FLOW-SECRET-MISPLACED 3:9 /output", "a secret cannot stand here", "env"},
      // Steps and their options.
      {By::kSchemaToo, "slug: x\nsteps:\n  - nothing\n", "FLOW-WRONG-TYPE 3:5 /steps/0",
       "a step must be an object, is text", ""},
      {By::kSchemaToo, "slug: x\nsteps:\n  - set: {b: 1}\n", "FLOW-MISSING-KEY 3:5 /steps/0",
       "a step needs the key \"id\"", ""},
      {By::kSchemaToo, "slug: x\nsteps:\n  - id: a\n", "FLOW-NO-FAMILY 3:5 /steps/0",
       "a step needs one of run", ""},
      {By::kSchemaToo, STEP("set: {b: 1}\n    sleep: {for: 1s}"), "FLOW-NO-FAMILY 3:5 /steps/0",
       "both set and sleep", "two steps"},
      {By::kSchemaToo, STEP("rum: {command: [ls]}"), "FLOW-UNKNOWN-KEY 4:5 /steps/0/rum",
       "unknown key \"rum\" in a step", "did you mean \"run\"?"},
      {By::kParser, STEP("set: {b: 1}\n    review: {}"), "FLOW-BAD-VALUE 5:5 /steps/0/review",
       "review means nothing for a step of the family set", "wait: {approval: …}"},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    review: false"),
       "FLOW-WRONG-TYPE 5:13 /steps/0/review", "a review must be an object", ""},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    review: {sumary: x}"),
       "FLOW-UNKNOWN-KEY 5:14 /steps/0/review/sumary", "unknown key \"sumary\" in a review",
       "did you mean \"summary\"?"},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    review: {on_timeout: continue}"),
       "FLOW-BAD-VALUE 5:26 /steps/0/review/on_timeout", "must be reject or fail", ""},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    review: {quorum: 101}"),
       "FLOW-BAD-VALUE 5:22 /steps/0/review/quorum", "from 1 to 100", ""},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    rate_limit: {max: 0, per: 1s}"),
       "FLOW-BAD-VALUE 5:23 /steps/0/rate_limit/max", "must be from 1 to 1000000", ""},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    rate_limit: {max: 1}"),
       "FLOW-MISSING-KEY 5:17 /steps/0/rate_limit", "a rate limit needs the key \"per\"", ""},
      {By::kParser, STEP("run: {command: [a]}\n    rate_limit: {max: 1, per: 2d}"),
       "FLOW-BAD-VALUE 5:31 /steps/0/rate_limit/per", "must be at most 1d", ""},
      {By::kParser, STEP("set: {b: 1}\n    rate_limit: {max: 1, per: 1s}"),
       "FLOW-BAD-VALUE 5:5 /steps/0/rate_limit", "means nothing for a step of the family set",
       "worth a limit"},
      {By::kSchemaToo, "slug: x\nrate_limit: 5\nsteps: [{id: a, set: {b: 1}}]\n",
       "FLOW-WRONG-TYPE 2:13 /rate_limit", "a rate limit must be an object", ""},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    compensate: {timeout: 1s}"),
       "FLOW-MISSING-KEY 5:17 /steps/0/compensate", "compensate needs one of run, http or notify",
       ""},
      {By::kSchemaToo, STEP("run: {command: [a]}\n    compensate: {set: {b: 1}}"),
       "FLOW-UNKNOWN-KEY 5:18 /steps/0/compensate/set", "unknown key \"set\" in compensate", ""},
      {By::kSchemaToo,
       STEP(
           "run: {command: [a]}\n    compensate: {run: {command: [a]}, http: {url: \"http://a\"}}"),
       "FLOW-BAD-VALUE 5:17 /steps/0/compensate", "has both run and http", ""},
      {By::kParser, STEP("run: {command: [a]}\n    compensate: {run: {command: [a], callback: b}}"),
       "FLOW-BAD-VALUE 5:38 /steps/0/compensate/run/callback", "nothing waits for the callback",
       ""},
      {By::kParser, STEP("run: {command: [a]}\n    compensate: {http: {connection: c}}"),
       "FLOW-UNKNOWN-NAME 5:37 /steps/0/compensate/http/connection", "no connection \"c\"", ""},
      {By::kParser, STEP("switch: [{next: end}]\n    compensate: {run: {command: [a]}}"),
       "FLOW-BAD-VALUE 5:5 /steps/0/compensate", "means nothing for a step of the family switch",
       ""},
      {By::kParser,
       "slug: x\nsteps: [{id: a, set: {b: 1}}]\non_failure:\n  - id: b\n    run: {command: [a]}\n"
       "    compensate: {run: {command: [a]}}\n",
       "FLOW-BAD-VALUE 6:5 /on_failure/0/compensate", "means nothing in on_failure", ""},
      {By::kSchemaToo, "slug: x\nsteps:\n  - id: A\n    set: {b: 1}\n",
       "FLOW-BAD-SLUG 3:9 /steps/0/id", "id must match", "\"a\""},
      {By::kParser, "slug: x\nsteps:\n  - id: end\n    set: {b: 1}\n",
       "FLOW-BAD-VALUE 3:9 /steps/0/id", "\"end\" has a meaning", ""},
      {By::kParser, STEP("set: {b: 1}\n  - id: a\n    set: {b: 1}"),
       "FLOW-DUPLICATE-STEP 5:9 /steps/1/id", "steps 1 and 2", ""},
      {By::kParser, STEP("set: {b: 1}\n    next: biuld\n  - id: build\n    set: {b: 1}"),
       "FLOW-UNKNOWN-STEP 5:11 /steps/0/next", "no step \"biuld\"", "did you mean \"build\"?"},
      {By::kParser, STEP("set: {b: 1}\n    next: end\n  - id: b\n    set: {b: 1}"),
       "FLOW-UNREACHABLE-STEP 6:5 /steps/1", "no way leads to the step \"b\"", "switch"},
      {By::kParser, STEP("set: {b: 1}\n    on_error: ignore"),
       "FLOW-UNKNOWN-STEP 5:15 /steps/0/on_error", "not fail, skip", "skip"},
      {By::kParser, STEP("set: {b: 1}\n    when: a > b"), "FLOW-BAD-VALUE 5:11 /steps/0/when",
       "must be one expression", "\"${{ a > b }}\""},
      {By::kParser, STEP("set: {b: 1}\n    when: \"${{ a + }}\""),
       "FLOW-EXPRESSION-SYNTAX 5:11 /steps/0/when", "a +", ""},
      {By::kParser, STEP("set: {b: 1}\n    when: \"${{ a\""),
       "FLOW-EXPRESSION-SYNTAX 5:11 /steps/0/when", "end", ""},
      {By::kSchemaToo, STEP("set: {b: 1}\n    when: 3"), "FLOW-WRONG-TYPE 5:11 /steps/0/when",
       "must be text, is a number", ""},
      {By::kParser, STEP("set: {b: 1}\n    timeout: 5s"), "FLOW-BAD-VALUE 5:5 /steps/0/timeout",
       "means nothing for a step of the family set", ""},
      {By::kParser, STEP("wait: {event: {name: e}, timeout: 1h}\n    timeout: 5s"),
       "FLOW-BAD-VALUE 5:5 /steps/0/timeout", "means nothing", "inside wait"},
      {By::kSchemaToo, STEP("run: {command: [ls]}\n    timeout: 5 s"),
       "FLOW-BAD-VALUE 5:14 /steps/0/timeout", "is not a duration", ""},
      {By::kParser, STEP("run: {command: [ls]}\n    timeout: 0s"),
       "FLOW-BAD-VALUE 5:14 /steps/0/timeout", "longer than 0s", ""},
      {By::kSchemaToo, STEP("set: {b: 1}\n    max_visits: 0"),
       "FLOW-BAD-VALUE 5:17 /steps/0/max_visits", "from 1 to 100000", ""},
      {By::kSchemaToo, STEP("set: {b: 1}\n    max_visits: \"5\""),
       "FLOW-WRONG-TYPE 5:17 /steps/0/max_visits", "must be a whole number, is text",
       "without quotes"},
      {By::kParser, STEP("kv: {get: k}\n    effect: pure"), "FLOW-BAD-VALUE 5:5 /steps/0/effect",
       "means nothing", "world"},
      {By::kParser, STEP("http: {url: \"https://a\"}\n    effect: pure"),
       "FLOW-BAD-VALUE 5:13 /steps/0/effect", "never pure", "idempotent"},
      {By::kSchemaToo, STEP("run: {command: [ls]}\n    persist: sometimes"),
       "FLOW-BAD-VALUE 5:14 /steps/0/persist", "must be auto, always or never", ""},
      {By::kParser, STEP("switch: [{next: end}]\n    next: end"),
       "FLOW-BAD-VALUE 5:5 /steps/0/next", "means nothing", "cases"},
      // run
      {By::kSchemaToo, STEP("run: ls"), "FLOW-WRONG-TYPE 4:10 /steps/0/run",
       "a run step must be an object, is text", ""},
      {By::kSchemaToo, STEP("run: {command: ls -l}"), "FLOW-WRONG-TYPE 4:20 /steps/0/run/command",
       "must be a list", "script"},
      {By::kSchemaToo, STEP("run: {command: []}"), "FLOW-BAD-VALUE 4:20 /steps/0/run/command",
       "at least 1 item, has 0", ""},
      {By::kSchemaToo, STEP("run: {command: [sleep, 5]}"),
       "FLOW-WRONG-TYPE 4:28 /steps/0/run/command/1", "item 2 of command must be text", "quotes"},
      {By::kSchemaToo, STEP("run: {command: [a], script: b}"), "FLOW-BAD-VALUE 4:10 /steps/0/run",
       "both command and script", ""},
      {By::kSchemaToo, STEP("run: {cwd: /tmp}"), "FLOW-MISSING-KEY 4:10 /steps/0/run",
       "needs one of command or script", ""},
      {By::kSchemaToo, STEP("run: {command: [a], ok_exit_code: [0]}"),
       "FLOW-UNKNOWN-KEY 4:25 /steps/0/run/ok_exit_code", "in a run step",
       "did you mean \"ok_exit_codes\"?"},
      {By::kSchemaToo, STEP("run: {command: [a], ok_exit_codes: [256]}"),
       "FLOW-BAD-VALUE 4:41 /steps/0/run/ok_exit_codes/0", "from 0 to 255", ""},
      {By::kSchemaToo, STEP("run: {command: [a], max_output: 5 apples}"),
       "FLOW-BAD-VALUE 4:37 /steps/0/run/max_output", "is not a size", ""},
      {By::kSchemaToo, STEP("run: {command: [a], env: {\"A-B\": x}}"),
       "FLOW-BAD-VALUE 4:31 /steps/0/run/env/A-B", "environment variable", ""},
      {By::kParser, STEP("run: {command: [a], env: {BELAY_RUN: x}}"),
       "FLOW-BAD-VALUE 4:31 /steps/0/run/env/BELAY_RUN", "the host sets itself", ""},
      {By::kSchemaToo, STEP("run: {command: [a], env: {N: 5}}"),
       "FLOW-WRONG-TYPE 4:34 /steps/0/run/env/N", "must be text", "quotes"},
      {By::kSchemaToo, STEP("run: {command: [a], env: {N: {secret: A B}}}"),
       "FLOW-BAD-VALUE 4:43 /steps/0/run/env/N/secret",
       "secret must match [A-Za-z0-9_][A-Za-z0-9_-]{0,63}, is", ""},
      {By::kSchemaToo, STEP("run: {command: [a], env: {N: {secret: -t}}}"),
       "FLOW-BAD-VALUE 4:43 /steps/0/run/env/N/secret", "secret must match", ""},
      {By::kSchemaToo, STEP("run: {command: [a], stdin: {secret: tok}}"),
       "FLOW-WRONG-TYPE 4:32 /steps/0/run/stdin", "must be text, is an object", ""},
      {By::kParser, STEP("run: {command: [a], shell: bash}"),
       "FLOW-BAD-VALUE 4:25 /steps/0/run/shell", "means nothing without script", ""},
      {By::kParser, STEP("run: {script: \"echo ${{ input.repo }}\"}"),
       "FLOW-EXPRESSION-IN-SCRIPT 4:19 /steps/0/run/script", "${{ input.repo }}",
       "env: {REPO: \"${{ input.repo }}\"}"},
      {By::kParser, STEP("run: {script: \"echo ${{ steps.a.output.path }}\"}"),
       "FLOW-EXPRESSION-IN-SCRIPT 4:19 /steps/0/run/script", "steps.a.output.path",
       "env: {A_PATH: "},
      {By::kParser, STEP("run: {command: [bash, -lc, \"echo ${{ input.x }}\"]}"),
       "FLOW-EXPRESSION-IN-SCRIPT 4:32 /steps/0/run/command/2", "this argument is code",
       "env: {X: "},
      {By::kParser, STEP("run: {command: [env, python3, -c, \"print(${{ input.x }})\"]}"),
       "FLOW-EXPRESSION-IN-SCRIPT 4:39 /steps/0/run/command/3", "this argument is code", "env"},
      // http
      {By::kParser, STEP("http: {method: GET}"), "FLOW-MISSING-KEY 4:11 /steps/0/http",
       "needs url or connection", ""},
      {By::kParser, STEP("http: {url: example.org/x}"), "FLOW-BAD-VALUE 4:17 /steps/0/http/url",
       "must begin with https://", "connection"},
      {By::kSchemaToo, STEP("http: {url: \"https://a\", method: get}"),
       "FLOW-BAD-VALUE 4:38 /steps/0/http/method", "must be GET", "did you mean \"GET\"?"},
      {By::kParser, STEP("http: {url: \"https://a\", json: {a: 1}}"),
       "FLOW-BAD-VALUE 4:30 /steps/0/http/json", "a GET request has no body", "POST"},
      {By::kParser, STEP("http: {url: \"https://a\", method: PUT, json: 1, body: b}"),
       "FLOW-BAD-VALUE 4:52 /steps/0/http/body", "both json and body", ""},
      {By::kParser, STEP("http: {url: \"https://a\", headers: {Host: b}}"),
       "FLOW-BAD-VALUE 4:40 /steps/0/http/headers/Host", "written by the client", ""},
      {By::kSchemaToo, STEP("http: {url: \"https://a\", headers: {\"a b\": c}}"),
       "FLOW-BAD-VALUE 4:40 /steps/0/http/headers/a b", "no name of a header", ""},
      {By::kSchemaToo, STEP("http: {url: \"https://a\", query: {q: {a: 1}}}"),
       "FLOW-WRONG-TYPE 4:41 /steps/0/http/query/q", "must be text, is an object", ""},
      {By::kSchemaToo, STEP("http: {url: \"https://a\", query: {q: {secret: tok}}}"),
       "FLOW-SECRET-MISPLACED 4:41 /steps/0/http/query/q", "a secret cannot stand here", "headers"},
      {By::kParser, STEP("http: {url: \"https://a\", method: PUT, json: {t: {secret: tok}}}"),
       "FLOW-SECRET-MISPLACED 4:53 /steps/0/http/json/t", "it would be recorded", ""},
      {By::kParser, STEP("http: {url: \"https://a\", method: PUT, json: {\"${{ a }}\": 1}}"),
       "FLOW-BAD-VALUE 4:50 /steps/0/http/json/${{ a }}", "an expression cannot stand in a name",
       ""},
      {By::kParser, STEP("http: {connection: api, url: /x}"),
       "FLOW-UNKNOWN-NAME 4:24 /steps/0/http/connection", "requires has no connection \"api\"",
       "add to requires"},
      {By::kSchemaToo, STEP("run: {command: [a], args: [b]}"),
       "FLOW-UNKNOWN-KEY 4:25 /steps/0/run/args", "not supported", ""},
      {By::kSchemaToo, STEP("http: {url: \"https://a\", method: POST, multipart: [{name: a}]}"),
       "FLOW-MISSING-KEY 4:56 /steps/0/http/multipart/0", "one of value or from", ""},
      {By::kParser, STEP("http: {url: \"https://a\", method: POST, body: x, body_from: y}"),
       "FLOW-BAD-VALUE 4:53 /steps/0/http/body_from", "both body and body_from", ""},
      {By::kSchemaToo, STEP("http: {url: \"https://a\", ok_status: [99]}"),
       "FLOW-BAD-VALUE 4:42 /steps/0/http/ok_status/0", "from 100 to 599", ""},
      {By::kParser, STEP("http: {url: \"https://a\", max_response_bytes: 2 TiB}"),
       "FLOW-BAD-VALUE 4:50 /steps/0/http/max_response_bytes", "must be from 1 B to", ""},
      // function, kv, set, sleep
      {By::kSchemaToo, STEP("function: {input: 1}"), "FLOW-MISSING-KEY 4:15 /steps/0/function",
       "needs one of name or code", ""},
      {By::kParser, STEP("function: {name: slug}"), "FLOW-UNKNOWN-NAME 4:22 /steps/0/function/name",
       "the flow has no function \"slug\"", ""},
      {By::kParser, STEP("function: {code: \"return (\"}"),
       "FLOW-EXPRESSION-SYNTAX 4:22 /steps/0/function/code", "the code", ""},
      {By::kParser, STEP("function: {code: \"1\", input: \"${{ functions.nope(1) }}\"}"),
       "FLOW-UNKNOWN-NAME 4:34 /steps/0/function/input", "no function \"nope\"", ""},
      {By::kSchemaToo, STEP("kv: {}"), "FLOW-MISSING-KEY 4:9 /steps/0/kv",
       "needs one of get, set, delete", ""},
      {By::kSchemaToo, STEP("kv: {get: a, set: b}"), "FLOW-BAD-VALUE 4:9 /steps/0/kv",
       "both get and set", ""},
      {By::kParser, STEP("kv: {set: a}"), "FLOW-MISSING-KEY 4:9 /steps/0/kv",
       "needs the key \"value\"", ""},
      {By::kParser, STEP("kv: {get: a, ttl: 5s}"), "FLOW-BAD-VALUE 4:18 /steps/0/kv/ttl",
       "means nothing without set or increment or append", ""},
      {By::kSchemaToo, STEP("kv: {set: a, value: 1, if_not_exists: yes}"),
       "FLOW-WRONG-TYPE 4:43 /steps/0/kv/if_not_exists", "must be true or false", "write true"},
      {By::kSchemaToo, STEP("kv: {increment: a, by: ten}"), "FLOW-WRONG-TYPE 4:28 /steps/0/kv/by",
       "must be a whole number, is text", ""},
      {By::kSchemaToo, STEP("set: {}"), "FLOW-BAD-VALUE 4:10 /steps/0/set",
       "at least 1 member, has 0", ""},
      {By::kParser, STEP("set: {a: {secret: tok}}"), "FLOW-SECRET-MISPLACED 4:14 /steps/0/set/a",
       "a secret cannot stand here", ""},
      {By::kSchemaToo, STEP("sleep: {}"), "FLOW-MISSING-KEY 4:12 /steps/0/sleep",
       "needs one of for or until", ""},
      {By::kSchemaToo, STEP("sleep: {for: 5}"), "FLOW-WRONG-TYPE 4:18 /steps/0/sleep/for",
       "must be a duration with its unit", "5s"},
      {By::kSchemaToo, STEP("sleep: {until: tomorrow}"), "FLOW-BAD-VALUE 4:20 /steps/0/sleep/until",
       "is not a time", ""},
      // wait
      {By::kSchemaToo, STEP("wait: {timeout: 1h}"), "FLOW-MISSING-KEY 4:11 /steps/0/wait",
       "needs one of approval, callback", ""},
      {By::kSchemaToo, STEP("wait: {approval: {}}"), "FLOW-MISSING-KEY 4:22 /steps/0/wait/approval",
       "needs the key \"summary\"", ""},
      {By::kSchemaToo, STEP("wait: {approval: {summary: s, quorum: 0}}"),
       "FLOW-BAD-VALUE 4:43 /steps/0/wait/approval/quorum", "from 1 to 100", ""},
      {By::kParser, STEP("wait: {event: {name: e, match: a > b}, timeout: 1h}"),
       "FLOW-BAD-VALUE 4:36 /steps/0/wait/event/match", "must be one expression", "${{ a > b }}"},
      {By::kParser, STEP("wait: {callback: {}, timeout: 1h, on_reject: fail}"),
       "FLOW-BAD-VALUE 4:39 /steps/0/wait/on_reject", "means nothing without approval", ""},
      {By::kParser, STEP("run: {command: [a], callback: b}"),
       "FLOW-UNKNOWN-STEP 4:35 /steps/0/run/callback", "no step \"b\" that waits for a callback",
       ""},
      {By::kParser, STEP("run: {command: [a], cwd: sub/dir}"),
       "FLOW-BAD-VALUE 4:30 /steps/0/run/cwd", "cwd must be an absolute path", ""},
      {By::kParser, STEP("function: {code: \"1\"}\n    timeout: 1s"),
       "FLOW-BAD-VALUE 5:5 /steps/0/timeout", "means nothing", ""},
      {By::kParser, STEP("kv: {get: k}\n    persist: never"), "FLOW-BAD-VALUE 5:5 /steps/0/persist",
       "means nothing", ""},
      {By::kSchemaToo, STEP("kv: {increment: a, by: 1.5}"), "FLOW-WRONG-TYPE 4:28 /steps/0/kv/by",
       "must be a whole number, is 1.5", ""},
      {By::kSchemaToo, STEP("wait: {approval: {summary: s, assurance: local}}"),
       "FLOW-BAD-VALUE 4:46 /steps/0/wait/approval/assurance", "must be e2e, bot or page", ""},
      {By::kSchemaToo, STEP("wait: {approval: {summary: s, fresh: 1h}}"),
       "FLOW-WRONG-TYPE 4:42 /steps/0/wait/approval/fresh", "true or false", ""},
      {By::kParser, STEP("wait: {approval: {summary: s, form: {type: objct}}}"),
       "SCHEMA-INVALID 4:42 /steps/0/wait/approval/form/type", "type must be one of",
       "did you mean \"object\"?"},
      {By::kParser, STEP("wait: {approval: {summary: s}, on_timeout: continue}"),
       "FLOW-BAD-VALUE 4:48 /steps/0/wait/on_timeout", "silence is no approval", ""},
      {By::kParser, STEP("wait: {callback: {}}"), "FLOW-MISSING-KEY 4:11 /steps/0/wait",
       "each wait says its timeout", "24h"},
      {By::kParser, STEP("wait: {event: {name: e}, timeout: 1h, on_timeout: reject}"),
       "FLOW-BAD-VALUE 4:55 /steps/0/wait/on_timeout", "only an approval can be rejected", ""},
      {By::kParser, STEP("wait: {for: 1h, timeout: 2h}"),
       "FLOW-BAD-VALUE 4:21 /steps/0/wait/timeout", "means nothing without approval", ""},
      {By::kSchemaToo, STEP("wait: {handoff: {title: t}, timeout: 1h}"),
       "FLOW-MISSING-KEY 4:21 /steps/0/wait/handoff", "a handoff needs the key \"task\"", ""},
      // notify
      {By::kSchemaToo, STEP("notify: {text: hi}"), "FLOW-MISSING-KEY 4:13 /steps/0/notify",
       "needs the key \"connection\"", ""},
      {By::kParser,
       "slug: x\nrequires: [{name: chat, type: chat}]\nsteps:\n  - id: a\n    notify: {connection: "
       "chta, text: hi}\n",
       "FLOW-UNKNOWN-NAME 5:26 /steps/0/notify/connection", "no connection \"chta\"",
       "did you mean \"chat\"?"},
      {By::kParser,
       "slug: x\nrequires: [{name: chat, type: chat}]\nsteps:\n  - id: a\n    notify: {connection: "
       "chat, template: t}\n",
       "FLOW-UNKNOWN-NAME 5:42 /steps/0/notify/template", "the flow has no template \"t\"", ""},
      {By::kParser,
       "slug: x\nrequires: [{name: chat, type: chat}]\nsteps:\n  - id: a\n    http: {connection: "
       "chat, url: /x}\n",
       "FLOW-BAD-VALUE 5:24 /steps/0/http/connection", "of type chat", ""},
      // switch
      {By::kSchemaToo, STEP("switch: {next: end}"), "FLOW-WRONG-TYPE 4:13 /steps/0/switch",
       "must be a list", ""},
      {By::kSchemaToo, STEP("switch: [{}]"), "FLOW-MISSING-KEY 4:14 /steps/0/switch/0",
       "a case of switch needs the key \"next\"", ""},
      {By::kParser, STEP("switch: [{next: b}]"), "FLOW-UNKNOWN-STEP 4:21 /steps/0/switch/0/next",
       "no step \"b\"", ""},
      {By::kParser, STEP("switch: [{next: end}, {when: true, next: end}]"),
       "FLOW-BAD-VALUE 4:27 /steps/0/switch/1", "never reached", ""},
      {By::kSchemaToo, STEP("switch: [{next: \"${{ input.n }}\"}]"),
       "FLOW-BAD-VALUE 4:21 /steps/0/switch/0/next", "must be a step's id or end", ""},
      // Steps within steps.
      {By::kSchemaToo, STEP("parallel: {}"), "FLOW-MISSING-KEY 4:15 /steps/0/parallel",
       "a parallel step needs the key \"branches\"", ""},
      {By::kSchemaToo, STEP("parallel: {branches: {}}"),
       "FLOW-BAD-VALUE 4:26 /steps/0/parallel/branches", "must have at least 1 member, has 0", ""},
      {By::kSchemaToo, STEP("parallel: {branches: {l: []}}"),
       "FLOW-BAD-VALUE 4:30 /steps/0/parallel/branches/l", "must have at least 1 item, has 0", ""},
      {By::kParser, STEP("parallel: {branches: {finalize: [{id: b, set: {x: 1}}]}}"),
       "FLOW-BAD-VALUE 4:27 /steps/0/parallel/branches/finalize", "a branch cannot be called", ""},
      {By::kSchemaToo, STEP("for_each: {steps: [{id: b, set: {x: 1}}]}"),
       "FLOW-MISSING-KEY 4:15 /steps/0/for_each", "needs the key \"items\"", ""},
      {By::kSchemaToo, STEP("for_each: {items: [1], as: Host, steps: [{id: b, set: {x: 1}}]}"),
       "FLOW-BAD-VALUE 4:32 /steps/0/for_each/as", "must match [a-z_]", ""},
      {By::kParser, STEP("for_each: {items: [1], as: item, steps: [{id: b, set: {x: 1}}]}"),
       "FLOW-BAD-VALUE 4:32 /steps/0/for_each/as", "has a meaning of its own", ""},
      {By::kParser, STEP("for_each: {items: [1], as: new, steps: [{id: b, set: {x: 1}}]}"),
       "FLOW-BAD-VALUE 4:32 /steps/0/for_each/as", "has a meaning of its own", ""},
      {By::kParser,
       STEP("for_each: {items: [1], as: x, steps: [{id: b, for_each: {items: [1], as: x, steps: "
            "[{id: c, set: {x: 1}}]}}]}"),
       "FLOW-BAD-VALUE 4:78 /steps/0/for_each/steps/0/for_each/as", "a for_each around", ""},
      {By::kSchemaToo, STEP("loop: {max: 3, steps: [{id: b, set: {x: 1}}]}"),
       "FLOW-MISSING-KEY 4:11 /steps/0/loop", "needs one of while or until", ""},
      {By::kParser,
       STEP(
           "loop: {until: true, max: 2, interval: 1s, backoff: {}, steps: [{id: b, set: {x: 1}}]}"),
       "FLOW-BAD-VALUE 4:33 /steps/0/loop/interval", "both interval and backoff", ""},
      {By::kParser, STEP("for_each: {items: [1], steps: [{id: a, set: {x: 1}}]}"),
       "FLOW-DUPLICATE-STEP 4:41 /steps/0/for_each/steps/0/id", "stands twice", ""},
      {By::kParser, STEP("for_each: {items: [1], steps: [{id: b, set: {x: 1}, next: a}]}"),
       "FLOW-UNKNOWN-STEP 4:63 /steps/0/for_each/steps/0/next", "stands in another list",
       "next: end"},
      {By::kParser,
       STEP("for_each: {items: [1], steps: [{id: b, set: {x: 1}, next: end}, {id: c, set: {x: "
            "1}}]}"),
       "FLOW-UNREACHABLE-STEP 4:69 /steps/0/for_each/steps/1", "no way leads", ""},
      {By::kParser,
       STEP("for_each: {items: [1], steps: [{id: b, set: {x: 1}}]}\n  - id: d\n    set: {x: \"${{ "
            "steps.b.output }}\"}"),
       "FLOW-UNKNOWN-STEP 6:14 /steps/1/set/x", "is within \"a\"", "steps.a"},
      {By::kParser,
       "slug: x\nsteps: [{id: a, set: {x: \"${{ steps.z.output }}\"}}]\n"
       "on_failure: [{id: z, set: {x: 1}}]\n",
       "FLOW-UNKNOWN-STEP 2:26 /steps/0/set/x", "one of on_failure", ""},
      {By::kSchemaToo, STEP("emit: {body: 1}"), "FLOW-MISSING-KEY 4:11 /steps/0/emit",
       "an emit step needs the key \"event\"", ""},
      {By::kSchemaToo, STEP("emit: {event: \"\"}"), "FLOW-BAD-VALUE 4:19 /steps/0/emit/event",
       "at least 1", ""},
      // Child runs.
      {By::kSchemaToo, STEP("flow: {input: {}}"), "FLOW-MISSING-KEY 4:11 /steps/0/flow",
       "a flow step needs the key \"slug\"", ""},
      {By::kSchemaToo, STEP("flow: {slug: Other}"), "FLOW-BAD-SLUG 4:18 /steps/0/flow/slug",
       "must match", "write \"other\""},
      {By::kSchemaToo, STEP("flow: {slug: \"${{ input.flow }}\"}"),
       "FLOW-BAD-VALUE 4:18 /steps/0/flow/slug", "an expression cannot stand here", ""},
      {By::kSchemaToo, STEP("flow: {slug: b, release: 0}"),
       "FLOW-BAD-VALUE 4:30 /steps/0/flow/release", "must be the number of a release",
       "belay flow releases"},
      {By::kSchemaToo, STEP("flow: {slug: b, release: newest}"),
       "FLOW-BAD-VALUE 4:30 /steps/0/flow/release", "must be the number of a release", ""},
      {By::kSchemaToo, STEP("flow: {slug: b, release: \"sha256:12\"}"),
       "FLOW-BAD-VALUE 4:30 /steps/0/flow/release", "its digest", ""},
      {By::kSchemaToo, STEP("flow: {slug: b, realease: 1}"),
       "FLOW-UNKNOWN-KEY 4:21 /steps/0/flow/realease", "unknown key", "release"},
      {By::kParser, STEP("flow: {slug: b}\n    timeout: 1h"), "FLOW-BAD-VALUE 5:5 /steps/0/timeout",
       "means nothing", "bound the steps of that flow"},
      {By::kParser, STEP("flow: {slug: b}\n    effect: once"), "FLOW-BAD-VALUE 5:5 /steps/0/effect",
       "means nothing", ""},
  };
}

}  // namespace

TEST_GROUP(Validate){};

TEST(Validate, everyMistakeIsNamedAtItsPlace) {
  std::string problems;
  for (const Bad& row : badFiles()) problems += wrong(row, Severity::kError);
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Validate, theSchemaForEditorsRefusesWhatTheTablesRefuse) {
  const belay::json::Schema schema = editorSchema();
  std::string problems;
  for (const Bad& row : badFiles()) {
    if (row.by != By::kSchemaToo) continue;
    const auto document = belay::yaml::parse(row.text);
    CHECK_TEXT(document.ok(), row.text);
    if (schema.validate(document->root).empty()) problems += row.text;
  }
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Validate, doubtsAreWarnings) {
  const std::vector<Bad> rows{
      {By::kParser, STEP("switch: [{when: true, next: end}]"),
       "FLOW-BAD-VALUE 4:13 /steps/0/switch", "if none holds", "only next"},
      {By::kParser, STEP("run: {command: [ls]}\n    retry: {max_attempts: 3}"),
       "FLOW-BAD-VALUE 5:12 /steps/0/retry", "class once", "effect: idempotent"},
  };
  std::string problems;
  for (const Bad& row : rows) problems += wrong(row, Severity::kWarning);
  STRCMP_EQUAL("", problems.c_str());
}

TEST(Validate, whatIsRightIsTaken) {
  const std::vector<std::string> rows{
      STEP("set: {b: 1}"),
      STEP("set: {b: \"${{ state.b + 1 }}\", c: [1, {d: \"$${{ text }}\"}]}"),
      STEP("run: {command: [ls, \"\"], cwd: /tmp, stdin: \"\", ok_exit_codes: [0, 1], max_output: "
           "1024}"),
      STEP("run: {script: \"echo $A\", shell: /bin/bash, env: {A: \"${{ input.a }}\", B: {secret: "
           "tok}}}"),
      STEP("run: {command: [bash, -c, 'echo \"$1\"', bash, \"${{ input.x }}\"]}"),
      STEP("run: {command: [node, server.js, -p, \"${{ input.port }}\"]}"),
      STEP("run: {command: [git, -c, \"user.name=${{ input.name }}\", commit]}"),
      STEP("run: {command: [bash, -o, pipefail, -c, \"ls\", \"${{ input.x }}\"]}"),
      STEP("http: {url: \"https://a/${{ input.x }}\", query: {q: 1, r: true, s: \"${{ input.s "
           "}}\"}}\n    effect: once"),
      STEP("http: {url: \"${{ input.url }}\", method: POST, json: \"${{ input }}\", headers: "
           "{Authorization: {secret: tok}}}"),
      STEP("run: {command: [a], env: {T: {secret: GITHUB_TOKEN}, U: {secret: _x}, V: {secret: "
           "9-Z}}}"),
      STEP("http: {url: \"https://a\", headers: {Authorization: {secret: GITHUB_TOKEN}}}"),
      STEP("function: {code: \"input.a + 1\", input: {a: 1}}"),
      STEP("function: {code: \"x => x\"}"),
      STEP("kv: {increment: n, by: \"${{ input.n }}\", ttl: \"${{ input.ttl }}\"}"),
      STEP("kv: {set: k, value: null, if_not_exists: \"${{ true }}\", space: shared}"),
      STEP("kv: {list: \"\"}"),
      STEP("sleep: {for: \"${{ input.n }}s\"}"),
      STEP("sleep: {until: 2026-11-21T06:00:00Z}"),
      STEP("wait: {approval: {summary: \"Ship ${{ input.x }}?\", artifacts: [\"${{ steps.a.output "
           "}}\"], quorum: 1, form: {}}, on_reject: fail}"),
      STEP("wait: {event: {name: e, match: \"${{ event.body.n > 3 }}\"}, timeout: 1h}"),
      STEP("run: {command: [a], callback: w}\n  - id: w\n    wait: {callback: {}, timeout: 1h}"),
      STEP("run: {script: ls, shell: [/bin/bash, -eu]}"),
      STEP("http: {url: \"https://a\", query: {q: [1, b, \"${{ input.c }}\", true]}}\n    persist: "
           "always"),
      STEP("wait: {callback: {schema: {type: object}}, timeout: 24h, on_timeout: continue}"),
      STEP("wait: {event: {name: \"build.${{ input.x }}\"}, timeout: \"${{ input.t }}\"}"),
      STEP("wait: {for: 1h30m}"),
      STEP("run: {command: [a]}\n    rate_limit: {max: 10, per: 1m}"),
      "slug: x\nrate_limit: {max: 1, per: 1h}\nsteps: [{id: a, set: {b: 1}}]\n",
      STEP("run: {command: [a]}\n    review: true"),
      STEP(
          "http: {url: \"https://a\"}\n    review: {summary: \"${{ input.a }}?\", quorum: 1, form: "
          "{}, timeout: \"${{ input.t }}\", on_timeout: fail, artifacts: [\"${{ input.d }}\"]}"),
      STEP("run: {command: [a]}\n    compensate: {http: {method: DELETE, url: \"https://a\"}, "
           "timeout: "
           "5s, retry: {max_attempts: 3}}"),
      STEP("kv: {set: k, value: 1}\n    compensate: {run: {command: [a, \"${{ steps.a.output.value "
           "}}\"]}, effect: idempotent}"),
      STEP(
          "switch:\n      - {when: \"${{ steps['a'].visit > 3 }}\", next: end}\n      - {next: a}"),
      STEP("set: {b: 1}\n    when: true\n    on_error: skip\n    next: \"${{ state.b > 3 ? 'end' : "
           "'a' }}\"\n    max_visits: 100000"),
      STEP("set: {b: \"${{ Object.keys(steps).length }}\", c: \"${{ input.steps.nope }}\", d: "
           "\"${{ 'steps.nope' }}\"}"),
      "slug: x\nrequires: [{name: c, type: chat}]\nsteps:\n  - id: a\n    notify: {connection: c, "
      "template: t, title: T, data: {a: 1}}\ntemplates: {t: \"${{ run.id }}\"}\n",
      "slug: x\nsteps:\n  - id: a\n    run: {command: [a]}\n    on_error: c\n  - id: b\n    set: "
      "{x: 1}\n    next: end\n  - id: c\n    set: {x: 2}\n",
      "slug: x\nsteps:\n  - id: a\n    switch: [{next: end}]\n    when: \"${{ input.x }}\"\n  - "
      "id: b\n    set: {x: 1}\n",
      "slug: x\nsteps:\n  - id: a\n    set: {x: 1}\n    next: \"${{ input.where }}\"\n  - id: b\n  "
      "  set: {x: 1}\n    next: end\n  - id: c\n    set: {x: 2}\n",
      "slug: x\nfunctions: {trim: \"s => s.trim()\"}\nsteps:\n  - id: a\n    function: {name: "
      "trim, input: \"${{ functions.trim('x') }}\"}\n",
  };
  const belay::json::Schema schema = editorSchema();
  std::string problems;
  for (const std::string& row : rows) {
    const Checked checked = check(row);
    for (const Diagnostic& diagnostic : checked.diagnostics)
      problems += row + "  " + diagnostic.text() + "\n";
    const auto document = belay::yaml::parse(row);
    const auto violations = schema.validate(document->root);
    if (!violations.empty())
      problems += row + "  schema: " + belay::json::describe(violations) + "\n";
  }
  STRCMP_EQUAL("", problems.c_str());
}
