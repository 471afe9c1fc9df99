"""Each rule is given a tree that breaks it, and one that does not. A checker that finds nothing anywhere fails here.
"""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import style  # noqa: E402

LAYERS = "belay_layer(common/base)\nbelay_layer(common/json USES belay_base)\nbelay_layer(agent/flow USES belay_json)\n"


class Rules(unittest.TestCase):
    def found(self, rule, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"config/cmake/Layers.cmake": LAYERS, **files}.items():
                os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            return list(rule(style.Tree(folder)))

    def breaks(self, rule, files):
        self.assertTrue(self.found(rule, files), files)

    def keeps(self, rule, files):
        self.assertEqual([], self.found(rule, files))

    def test_layers(self):
        self.breaks(style.layers, {"common/base/A.h": '#include "common/json/B.h"\n'})
        self.breaks(style.layers, {"common/base/A.h": '#include "agent/flow/B.h"\n'})
        self.breaks(style.layers, {"agent/flow/A.cpp": "#include <sqlite3.h>\n"})
        self.breaks(style.layers, {"agent/other/A.cpp": "\n"})
        self.keeps(style.layers, {"agent/flow/A.cpp": '#include "common/base/B.h"\n#include "agent/flow/A.h"\n'})

    def test_limits(self):
        self.breaks(style.limits, {"common/base/A.h": "\n" * 301})
        self.breaks(style.limits, {"common/base/A.cpp": "\n" * 601})
        self.breaks(style.limits, {"common/base/A.cpp": "x" * 141 + "\n"})
        self.keeps(style.limits, {"common/base/A.h": "\n" * 300, "common/base/A.cpp": "x" * 100 + "\n"})

    def test_functions(self):
        body = "  a();\n" * 80
        self.breaks(style.functions, {"common/base/A.cpp": "int f(int a) {\n" + body + "}\n"})
        self.breaks(style.functions, {"common/base/A.cpp": "Status A::f() const {\n" + body + "}\n"})
        self.breaks(style.functions, {"common/base/A.cpp": "A B::f(\n    int a) {\n" + body + "}\n"})
        self.keeps(style.functions, {"common/base/A.cpp": "A B::f(\n    int a) {\n  a();\n}\nint x;\n" * 40})
        self.keeps(style.functions, {"common/base/A.cpp": "namespace a {\n" + "int f() {\n  a();\n}\n" * 40 + "}\n"})

    def test_banned_calls(self):
        for call in ("std::chrono::steady_clock::now()", 'std::getenv("A")', "::open(path, 0)", "std::random_device r",
                     "::fork()", "::time(nullptr)", "delete pointer"):
            self.breaks(style.banned, {"agent/engine/A.cpp": "  auto x = 1; %s;\n" % call})
        self.keeps(style.banned, {"agent/engine/A.cpp": '  // ::fork()\n  log("::open(");\n  clock.now();\n'
                                                        "  A(const A&) = delete;\n  file.open();\n"})
        self.keeps(style.banned, {"agent/engine/A.cpp": "  ::fork();  // style: fork: the test says why\n"})

    def test_messages(self):
        source = {"agent/flow/A.cpp": 'report_.error(kBad, node,\n    "a " + name + (low ? " is low" : " is high"));\n'}
        low, high = "> f:1:1: error: a x is low [BLY-A]\n", "> f:1:1: error: a y is high; go down [BLY-A]\n"
        mistakes = "tests/data/mistakes/a.txt"
        self.breaks(style.messages, source)
        self.assertEqual(1, len(self.found(style.messages, {**source, mistakes: low})))
        self.breaks(style.messages, {**source, mistakes: low + "> f:1:1: error: a y is higher [BLY-A]\n"})
        self.keeps(style.messages, {**source, mistakes: low + high})
        self.keeps(style.messages, {"agent/flow/A.cpp": "report_.error(kBad, node, other.message);\n"})
        self.breaks(style.messages, {"agent/flow/A.cpp": 'return fail("it is cut");\n', mistakes: low})
        self.keeps(style.messages, {"agent/flow/A.cpp": 'return fail("is lo");\n', mistakes: low})
        self.keeps(style.messages, {"agent/flow/A.cpp": 'return Error{kBad, "never"};  // style: messages: why\n'})
        below = {"common/json/Strict.cpp": 'if (a) return fail("is lo" + b);\n'}
        self.breaks(style.messages, {**below, "tests/unit/yaml/A.cpp": 'check("it is lo 1");\n'})
        self.breaks(style.messages, {**below, "tests/unit/json/A.cpp": 'check("it is l" + o);\n'})
        self.keeps(style.messages, {**below, "tests/unit/json/A.cpp": 'check("it is "\n      "lo 1");\n'})
        self.keeps(style.messages, {**below, "tests/unit/json/A.cpp": 'check(R"(it is lo 1)");\n'})
        code = {"agent/script/ProgramApi.cpp": 'R"js(\nthrow invalid(a, "B", `is ${a.b} "lo"`);\n)js"\n'}
        self.breaks(style.messages, {**code, "tests/unit/script/A.cpp": 'check("is so");\n'})
        self.keeps(style.messages, {**code, "tests/unit/script/A.cpp": 'check("is 1 \\"lo\\"");\n'})
        self.keeps(style.messages, {"agent/script/Heap.cpp": 'return Error{kBad, "of a run"};\n'})

    def test_state(self):
        self.breaks(style.state, {"common/base/A.cpp": "int f() {\n  static int count = 0;\n}\n"})
        self.breaks(style.state, {"common/base/A.cpp": "static int count = 0;\n"})
        self.keeps(style.state, {"common/base/A.cpp": "  static constexpr int kA = 0;\nstatic const int a = 0;\n"})

    def test_policy(self):
        call = "  BELAY_TRY(policy_.check(effect));\n"
        self.breaks(style.policy, {"agent/runtime/A.cpp": "\n"})
        self.breaks(style.policy, {"agent/runtime/A.cpp": call, "agent/steps/B.cpp": call})
        self.keeps(style.policy, {"agent/runtime/A.cpp": call})

    def test_codes(self):
        table = {"common/base/ErrorCodes.inc": 'BELAY_ERROR(kA, "BLY-A", 1, 500, "a")\n'}
        self.breaks(style.codes, table)
        self.breaks(style.codes, {**table, "docs/errors/BLY-A.md": "", "docs/errors/BLY-B.md": ""})
        self.breaks(style.codes, {**table, "docs/errors/BLY-A.md": "", "agent/cli/A.cpp": '"BLY-NONE"'})
        self.keeps(style.codes, {**table, "docs/errors/BLY-A.md": "", "docs/errors/README.md": ""})

    def test_left_overs(self):
        for line in ("// TODO: later", "// FIXME", "// return 1;", 'f("/root/x");', "int a; "):
            self.breaks(style.left_over, {"agent/cli/A.cpp": line + "\n"})
        self.keeps(style.left_over, {"agent/cli/A.cpp": "// TODO(#12): later\n// Returns one.\n"})

    def test_headers(self):
        self.breaks(style.headers, {"common/base/A.h": "\n"})
        self.breaks(style.headers, {"common/base/some_file.cpp": "\n"})
        self.breaks(style.headers, {"common/base/A.h": "#pragma once\n", "common/base/A.cpp": "#include <map>\n"})
        self.keeps(style.headers, {"common/base/A.h": "#pragma once\n",
                                   "common/base/A.cpp": '#include "common/base/A.h"\n#include <map>\n'})

    def test_contracts(self):
        self.breaks(style.contracts, {"common/base/A.h": "#pragma once\n\nclass A {\n};\n"})
        self.keeps(style.contracts, {"common/base/A.h": "#pragma once\n/// Does a.\nclass A {\n};\n"})

    def test_documents(self):
        self.breaks(style.documents, {"docs/a.md": "see `agent/none/A.cpp`\n"})
        self.breaks(style.documents, {"docs/a.md": "see [b](b.md)\n"})
        self.keeps(style.documents, {"docs/a.md": "see `agent/cli/A` and [b](b.md) and [c](https://example.org)\n",
                                     "docs/b.md": "", "agent/cli/A.h": "\n"})


if __name__ == "__main__":
    unittest.main()
