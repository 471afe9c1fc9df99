"""What validation can say, as it stands in the sources, held against what tests/data/mistakes shows.

A message of a source is a pattern: its literals, and a gap for what is filled in. Of `a ? "x" : "y"` each side is a
message. `templates(text)` finds them; `shown(text)` gives the messages that a file of mistakes expects, and
`literals(text)` the texts of a unit test, of which a table of mistakes is one.
"""

import re

# Who takes a message, and as which argument.
TAKES = {"error": 2, "errorAtName": 2, "warning": 2, "fail": None, "notABundle": 0, "Error": 1, "refuse": None,
         "problem": 0, "codeError": 0, "invalid": None, "TypeError": None}
CALL = re.compile(r"(?<![\w~])(%s)\s*([({])" % "|".join(TAKES))
ASSIGNED = re.compile(r"(?<![\w.])(problem|what|message)\s*=(?!=)")
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\t": "\t"}
GAP = object()


def close(text, start):
    """The offset of the bracket that closes the one at `start`."""
    depth, at = 0, start
    while at < len(text):
        c = text[at]
        if c == '"':
            at = LITERAL.match(text, at).end() - 1
        elif c == "'" and re.match(r"'(?:[^'\\]|\\.)+'", text[at:]):
            at += re.match(r"'(?:[^'\\]|\\.)+'", text[at:]).end() - 1
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise ValueError("a bracket is not closed")


def split(text, separators):
    """The parts of an expression between separators that stand outside of brackets and texts."""
    parts, begin, at = [], 0, 0
    while at < len(text):
        c = text[at]
        if c == '"':
            at = LITERAL.match(text, at).end()
            continue
        if c in "([{":
            at = close(text, at) + 1
            continue
        if c in separators and text[at:at + 2] != "::" and text[at - 1:at + 1] != "::":
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return parts + [text[begin:]]


def messages(expression):
    """Each message that an expression gives, as a list of texts and gaps."""
    expression = expression.strip()
    if expression.startswith("(") and close(expression, 0) == len(expression) - 1:
        return messages(expression[1:-1])
    asked = split(expression, "?")
    if len(asked) > 1:
        rest = "?".join(asked[1:])
        sides = split(rest, ":")
        return messages(sides[0]) + messages(":".join(sides[1:]))
    terms = split(expression, "+")
    if len(terms) > 1:
        out = [[]]
        for term in terms:
            out = [left + right for left in out for right in messages(term)]
        return out
    made = re.fullmatch(r"std::string\((.*)\)", expression, re.S)
    if made:
        return messages(made[1])
    literals = LITERAL.findall(expression)
    if literals and not LITERAL.sub("", expression).strip():
        return [["".join(re.sub(r"\\.", lambda m: ESCAPES.get(m[0], m[0]), part) for part in literals)]]
    return [[GAP]]


def withoutBackquotes(text):
    """JavaScript with its templates written as sums: `a ${b}` as "a " + (b) + ""."""
    def asSum(template):
        pieces = re.split(r"\$\{([^}]*)\}", template[1])
        for at, piece in enumerate(pieces):
            pieces[at] = "(%s)" % piece if at % 2 else '"%s"' % piece.replace('"', '\\"')
        return " + ".join(pieces)
    return re.sub(r"`([^`\n]*)`", asSum, text)


def templates(text):
    """(line, pattern, words) of each message of a source. One without words of its own is passed on from elsewhere; one
    with the reason "// style: messages: why" beside it is none of a file."""
    source = text = withoutBackquotes(text) if 'R"js(' in text else text
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)\'|//[^\n]*', lambda m: " " if m[0][0] == "/" else m[0], text)
    found = []
    for call in CALL.finditer(text):
        inside = text[call.end():close(text, call.end() - 1)]
        arguments, place = split(inside, ","), TAKES[call[1]]
        if place is None:
            place = len(arguments) - 1
        if place < len(arguments) and '"' in arguments[place]:
            line, end = (text.count("\n", 0, at) for at in (call.start(), call.end() + len(inside)))
            if not any("// style: messages: " in one for one in source.splitlines()[max(line - 1, 0):end + 1]):
                # What others put into words of their own is a part of a message.
                whole = call[1] in ("error", "errorAtName", "warning")
                found += [(line + 1, words, whole) for words in messages(arguments[place])]
    for assigned in ASSIGNED.finditer(text):
        value = text[assigned.end():text.index(";", assigned.end())]
        if '"' in value:
            found += [(text.count("\n", 0, assigned.start()) + 1, words, False) for words in messages(value)]
    for line, words, whole in found:
        fixed = "".join(part for part in words if part is not GAP)
        if not fixed.strip():
            continue
        pattern = "".join("(.|\n)*" if part is GAP else re.escape(part) for part in words)
        if words[0] is not GAP and words[0].startswith("must "):
            pattern = "(.* )?" + pattern
        yield line, re.compile(pattern if whole else "(.|\n)*" + pattern + "(.|\n)*"), "".join("…" if part is GAP else part for part in words)


def shown(text):
    """The messages, without place, hint and code, that a file of mistakes expects."""
    for line in text.splitlines():
        said = re.match(r"> \S+: (?:error|warning): (.*) \[BLY-[A-Z-]+\]$", line)
        if said:
            # The hint follows a semicolon; which one is known to nobody, so that each is tried.
            pieces = said[1].split("; ")
            for count in range(1, len(pieces) + 1):
                yield "; ".join(pieces[:count])


def literals(text):
    """The texts of a source; those that stand beside each other are one, and of one in raw quotes each line is."""
    for raw in re.finditer(r'R"(\w*)\((.*?)\)\1"', text, re.S):
        yield raw[2]
    text = re.sub(r'R"(\w*)\((.*?)\)\1"', "0", text, flags=re.S)
    for several in re.finditer(r'%s(\s*%s)*' % (LITERAL.pattern.replace("(", "(?:", 1), LITERAL.pattern.replace("(", "(?:", 1)), text):
        yield "".join(re.sub(r"\\.", lambda m: ESCAPES.get(m[0], m[0]), part) for part in LITERAL.findall(several[0]))
