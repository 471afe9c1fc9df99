"""The rules of the code that a machine can check. Prints FILE:LINE: RULE: what, one line for each finding.

    style.py [FOLDER]     checks the tree under FOLDER (default: this one)

Soft limits are reported and do not fail. An exception to a rule carries its reason on the same line:
"// style: RULE: why", or "# style: RULE: why". The last line is "N passed, N failed"; a rule is a test.
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from messages import literals, shown, templates  # noqa: E402

SOURCES = (".h", ".cpp")
HEADER_LINES, SOURCE_LINES, FUNCTION_LINES, LINE_COLUMNS = (200, 300), (400, 600), (40, 70), (100, 140)
THIRD_PARTY_HEADERS = re.compile(r'#include\s*[<"](Poco/|mbedtls/|psa/|sqlite3|cJSON|cjson|quickjs|libssh|yaml\.h)')
SEALED = ("agent/engine/", "agent/flow/", "common/wire/")

# What may only be called where the world is entered: rule, pattern, folders or files that may.
WORLD = ("common/base/", "common/log/", "agent/main.cpp", "agent/Daemon.cpp", "agent/Limits.cpp",
         "agent/Maintenance.cpp", "agent/jobs/", "agent/cli/", "relay/main.cpp", "relay/console/")
BANNED = (
    ("clock", re.compile(r"(_clock::now\s*\(|Poco::Timestamp|(?<![\w.:>])(::|std::)time\s*\()"), WORLD),
    ("random", re.compile(r"(\brandom_device\b|(?<![\w.>])s?rand\s*\(|\bmt19937)"), WORLD),
    ("environment", re.compile(r"\b(secure_)?getenv\s*\("), WORLD),
    ("fork", re.compile(r"(?<![\w.>])(::)?(v?fork|system|popen)\s*\("), ("agent/jobs/", "agent/agents/")),
    ("open", re.compile(r"(?<![\w.>:])::(open|openat|creat)\s*\("),
     WORLD + ("common/sqlite/", "common/http/", "common/tls/", "agent/journal/", "agent/resources/", "agent/vault/",
              "agent/scrub/", "agent/steps/", "agent/api/", "agent/agents/", "agent/tools/")),
    ("free", re.compile(r"(?<![\w.>])(delete\s+\w|delete\[\]|std::free\s*\(|::free\s*\(|\bmalloc\s*\()"),
     ("common/base/",)),
    ("singleton", re.compile(r"(Poco::Util::Application|Logger::get|defaultPool)"), ("agent/main.cpp",)),
)
STATIC_LOCAL = re.compile(r"^\s+static (?!constexpr|const |assert|cast|_assert)(?!.*\()[\w:<>, ]+ \w+( =|;|\{)")
LEFT_OVER = re.compile(r"\b(TODO(?!\(#\d+\))|FIXME|XXX|HACK)\b")
COMMENTED_CODE = re.compile(r"^\s*//\s*(if \(|for \(|return .*;$|\w+\(.*\);$|#include)")
# What looks at the texts of a flow before it runs, below agent/flow.
CHECKING = tuple("agent/script/" + name for name in ("Scanner.cpp", "Template.cpp", "Failure.cpp", "ProgramRealm.cpp"))
# The same, whose mistakes are tables of the unit tests beside them.
CHECKING_BELOW = ("agent/script/Program.cpp", "agent/script/ProgramApi.cpp", "common/json/PatternCompiler.cpp",
                  "common/json/Strict.cpp", "common/json/SchemaCompiler.cpp", "common/calendar/CronParser.cpp",
                  "common/calendar/TimeZones.cpp", "common/yaml/Builder.cpp")
FOREIGN = re.compile(r"((?<![\w}$])/root/|(?<!\w)/home/\w+/)")
FUNCTION_START = re.compile(r"^(?!\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|try|constexpr"
                            r" std::array|constexpr \w+ k))[\w\s:*&<>,~\[\]()=\"'|.!%^+\-/]*\)\s*(const|noexcept|override"
                            r"|final|->\s*[\w:<>&*]+|:\s.*)*\s*\{$")


class Tree:
    """The tracked files of a folder, read once."""

    def __init__(self, root):
        self.root = root
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                capture_output=True, check=False)
        if listed.returncode == 0:
            self.files = sorted(set(filter(None, listed.stdout.decode().split("\0"))))
        else:
            self.files = sorted(os.path.relpath(os.path.join(path, name), root)
                                for path, _, names in os.walk(root) for name in names)
        self.files = [name for name in self.files if os.path.isfile(os.path.join(root, name))]
        self.texts = {}

    def text(self, name):
        if name not in self.texts:
            with open(os.path.join(self.root, name), encoding="utf-8", errors="replace") as file:
                self.texts[name] = file.read()
        return self.texts[name]

    def lines(self, name):
        return enumerate(self.text(name).splitlines(), 1)

    def code(self, name):
        """The lines that are not inside of a raw string."""
        raw = ""
        for number, line in self.lines(name):
            if not raw:
                yield number, line
            for found in re.finditer(r'R"(\w*)\(|\)(\w*)"', line):
                raw = (found[1] or "raw") if found[0].startswith("R") else ""

    def sources(self, *folders):
        return [f for f in self.files if f.endswith(SOURCES) and f.startswith(folders or ("agent/", "common/", "relay/", "tests/"))]

    def has(self, path):
        return os.path.exists(os.path.join(self.root, path))


def code_of(line):
    """A line without its comment and without what stands in quotes."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return line.split("//", 1)[0]


def excused(line, rule):
    return re.search(r"(//|#) style: " + rule + r": \S", line) is not None or (rule == "state" and "// Stateless" in line)


def layers(tree):
    """Includes point only downwards in the table of config/cmake/Layers.cmake."""
    uses = {}
    for match in re.finditer(r"^belay_layer\((\S+)(?:\s+USES\s+([^)]*))?\)", tree.text("config/cmake/Layers.cmake"), re.M):
        uses[match[1]] = (match[2] or "").split()
    by_library = {"belay_" + folder.split("/")[-1]: folder for folder in uses}
    def reach(folder, seen):
        for library in uses[folder]:
            below = by_library.get(library)
            if below and below not in seen:
                seen.add(below)
                reach(below, seen)
        return seen
    allowed = {folder: reach(folder, {folder}) for folder in uses}
    for name in tree.sources("agent/", "common/", "relay/"):
        folder = os.path.dirname(name)
        if folder in ("agent", "relay"):
            continue
        if folder not in allowed:
            yield name, 1, "its folder is not in the table of layers"
            continue
        for number, line in tree.lines(name):
            found = re.match(r'#include "((agent|common|relay)/\w+)/', line)
            if found and found[1] not in allowed[folder]:
                yield name, number, "%s may not use %s" % (folder, found[1])
            if name.startswith(SEALED) and THIRD_PARTY_HEADERS.match(line):
                yield name, number, "third-party headers do not appear here"


def limits(tree, soft=False):
    """Lengths of files and lines."""
    which = 0 if soft else 1
    for name in tree.sources():
        text = tree.text(name)
        most = (HEADER_LINES if name.endswith(".h") else SOURCE_LINES)[which]
        count = text.count("\n")
        if count > most:
            yield name, count, "%d lines, at most %d" % (count, most)
        for number, line in tree.lines(name):
            if len(line) > LINE_COLUMNS[which] and 'R"' not in line and "http" not in line:
                yield name, number, "%d columns, at most %d" % (len(line), LINE_COLUMNS[which])


def functions(tree, soft=False):
    """Lengths of functions."""
    most = FUNCTION_LINES[0 if soft else 1]
    for name in tree.sources("agent/", "common/", "relay/"):
        start, before = None, [""]
        for number, line in tree.code(name):
            # The first line of a declaration over several lines says where its end stands.
            if before[-1].strip() == "" or before[-1].rstrip().endswith((";", "{", "}", ":")) or "//" in before[-1]:
                before = [""]
            before.append(line)
            if start is None and FUNCTION_START.match(line):
                first = before[1]
                start = (number, len(first) - len(first.lstrip()))
            elif start is not None and line.rstrip() in (" " * start[1] + "}", " " * start[1] + "};"):
                if number - start[0] + 1 > most:
                    yield name, start[0], "a function of %d lines, at most %d" % (number - start[0] + 1, most)
                start = None


def banned(tree):
    """Calls that only adapters may make."""
    for name in tree.sources("agent/", "common/", "relay/"):
        for number, line in tree.code(name):
            code = code_of(line)
            for rule, pattern, where in BANNED:
                if name.startswith(where):
                    continue
                if pattern.search(code) and not excused(line, rule):
                    yield name, number, "%s: %s" % (rule, line.strip()[:90])


def state(tree):
    """No static locals or mutable globals with state."""
    for name in tree.sources("agent/", "common/", "relay/"):
        if not name.endswith(".cpp"):
            continue
        for number, line in tree.lines(name):
            code = code_of(line)
            if STATIC_LOCAL.match(code) and not excused(line, "state"):
                yield name, number, "a static local: %s" % line.strip()[:90]
            if re.match(r"^(static |thread_local )(?!constexpr|const |inline const)[\w:<>]+ \w+( =|;)", code) \
                    and not excused(line, "state"):
                yield name, number, "a global: %s" % line.strip()[:90]


def policy(tree):
    """The policy is asked at one place, in the only path to a performer."""
    calls = []
    for name in tree.sources("agent/"):
        if name.startswith("agent/trust/"):
            continue
        for number, line in tree.lines(name):
            if re.search(r"\bpolicy(_|\(\))?(\.|->)check\s*\(", code_of(line)):
                calls.append((name, number))
    if len(calls) != 1:
        for name, number in calls or [("agent/runtime", 1)]:
            yield name, number, "policy.check is called %d times" % len(calls)


def codes(tree):
    """Each error code has a page, and each page a code."""
    known = set(re.findall(r'^BELAY_ERROR\(\w+, "(BLY-[A-Z0-9-]+)"', tree.text("common/base/ErrorCodes.inc"), re.M))
    pages = {os.path.basename(name)[:-3] for name in tree.files
             if name.startswith("docs/errors/") and name.endswith(".md") and os.path.basename(name).startswith("BLY-")}
    for code in sorted(known - pages):
        yield "common/base/ErrorCodes.inc", 1, "%s has no page in docs/errors" % code
    for page in sorted(pages - known):
        yield "docs/errors/%s.md" % page, 1, "there is no such code"
    for name in tree.sources("agent/", "common/", "relay/"):
        for number, line in tree.lines(name):
            for code in re.findall(r"\bBLY-[A-Z0-9]+(?:-[A-Z0-9]+)*\b", line):
                if code not in known and not name.endswith("ErrorCodes.inc"):
                    yield name, number, "there is no code %s" % code


def left_over(tree):
    """No notes to oneself, no dead code, no names of machines."""
    for name in tree.files:
        if name.startswith(("tests/style/", "THIRD_PARTY", "LICENSE")) or name.endswith((".patch", ".svg", ".bin")):
            continue
        if not (name.endswith(SOURCES) or name.endswith((".py", ".sh", ".md", ".cmake", ".txt", ".yaml", ".inc"))):
            continue
        for number, line in tree.lines(name):
            if LEFT_OVER.search(line) and not excused(line, "left_over"):
                yield name, number, line.strip()[:90]
            if FOREIGN.search(line) and not excused(line, "left_over"):
                yield name, number, "names a machine or registry: %s" % line.strip()[:90]
            if name.endswith(SOURCES) and COMMENTED_CODE.match(line) and not line.rstrip().endswith("."):
                yield name, number, "code in a comment: %s" % line.strip()[:90]
            if line != line.rstrip() and not name.endswith(".md"):
                yield name, number, "blanks at the end"


def headers(tree):
    """#pragma once, and own header first."""
    for name in tree.sources("agent/", "common/", "relay/"):
        text = tree.text(name)
        if name.endswith(".h") and "#pragma once" not in text[:400]:
            yield name, 1, "#pragma once is missing"
        own = name[:-4] + ".h"
        if name.endswith(".cpp") and tree.has(own):
            first = re.search(r'^#include ["<]([^">]+)', text, re.M)
            if first and first[1] != own:
                yield name, 1, "its own header comes first"
        if name.endswith(".h") and re.search(r"^using namespace", text, re.M):
            yield name, 1, "using namespace in a header"
        base = os.path.basename(name).split(".")[0]
        if not re.match(r"^([A-Z][A-Za-z0-9]*|main)$", base):
            yield name, 1, "files are named in PascalCase"


def contracts(tree):
    """A class in a header says its threads."""
    for name in tree.sources("agent/", "common/", "relay/"):
        if not name.endswith(".h"):
            continue
        lines = tree.text(name).splitlines()
        for index, line in enumerate(lines):
            if not re.match(r"^class (BELAY_\w+(\(.*\))? )?\w+( final)?( :.*)? \{$", line):
                continue
            above = index - 1
            while above > 0 and lines[above].startswith("template"):
                above -= 1
            if above < 0 or not lines[above].lstrip().startswith("//"):
                yield name, index + 1, "a class without a contract"


def documents(tree):
    """Documents cite paths that exist, and no line numbers."""
    cited = re.compile(r"`((?:agent|common|tests|config|systemd|docs|relay)/[\w./*{},-]+)`")
    for name in tree.files:
        if not (name.startswith("docs/") or name in ("README.md", "AGENTS.md")) or not name.endswith(".md"):
            continue
        folder = os.path.dirname(name)
        for number, line in tree.lines(name):
            for path in cited.findall(line):
                if re.search(r"[*{}]", path) or tree.has(path.rstrip("/.")):
                    continue
                # A class is cited by its path without the extension.
                if not (tree.has(path + ".h") or tree.has(path + ".cpp")):
                    yield name, number, "there is no %s" % path
            for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", line):
                if not tree.has(os.path.normpath(os.path.join(folder, path))):
                    yield name, number, "a link to nothing: %s" % path
            if re.search(r"`[\w/]+\.(cpp|h|py|sh):\d+`", line):
                yield name, number, "cites a line number"


def mutants(tree):
    """What a mutant takes out of the sources stands there once: whoever changes the rule looks after its mutant."""
    sys.path.insert(0, os.path.join(tree.root, "tests", "mutants"))
    from mutants import MUTANTS
    for mutant in MUTANTS:
        with open(os.path.join(tree.root, mutant.file), encoding="utf-8") as file:
            count = file.read().count(mutant.old)
        if count != 1:
            yield mutant.file, 1, "mutant %s finds its place %d times" % (mutant.name, count)


def messages(tree):
    """What validation can say stands among the mistakes that tests/unit/flow/MistakesTest.cpp makes, or of the libraries
    below it in a unit test."""
    mistakes = set()
    for name in tree.files:
        if name.startswith("tests/data/mistakes/") and name.endswith(".txt"):
            mistakes.update(shown(tree.text(name)))
    for name in tree.sources("agent/flow/", *CHECKING, *CHECKING_BELOW):
        said, where = mistakes, "no mistake of tests/data/mistakes"
        if name in CHECKING_BELOW:
            folder = "tests/unit/%s/" % name.split("/")[1]
            said = {one for file in tree.sources(folder) for one in literals(tree.text(file))} | mistakes
            where = "neither a mistake of tests/data/mistakes nor a test of " + folder
        for line, pattern, words in templates(tree.text(name)):
            if not any(pattern.fullmatch(one) for one in said):
                yield name, line, where + " gets: " + words


RULES = (("layers", layers), ("limits", limits), ("functions", functions), ("banned", banned), ("state", state),
         ("policy", policy), ("codes", codes), ("left_over", left_over), ("headers", headers), ("contracts", contracts),
         ("documents", documents), ("mutants", mutants), ("messages", messages))


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                           os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    tree, passed, failed = Tree(root), 0, 0
    for name, rule in RULES:
        found = list(rule(tree))
        for file, line, text in found[:60]:
            print("%s:%d: %s: %s" % (file, line, name, text))
        if len(found) > 60:
            print("... %d more of %s" % (len(found) - 60, name))
        passed, failed = passed + (not found), failed + bool(found)
    soft = [(limits, "files and lines"), (functions, "functions")]
    print("over the soft limits: " + ", ".join("%d %s" % (len(list(rule(tree, True))), what) for rule, what in soft))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
