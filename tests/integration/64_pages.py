"""What the pages show is done as it stands there: the commands of README and authoring.md, the policies of policy.md."""

import os
import re
import subprocess

import belay
import check

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
# What differs from one time to another: where it runs, ids, times, people, columns.
VARIES = ((r"belay (--user )?(--config \S+ )?", "belay "), (r"\b[rw]1[0-9a-z]{15}\b", "ID"), (r"uid:\d+ \(\w+\)", "WHO"),
          (r"(\+|\bin )?(just now|\d+(\.\d+)? (ms|s|m|h|d)\b( ago)?)", "TIME"), (r"[ \t]+", " "))


def blocks(page, kind):
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return re.findall(r"^```%s\n(.*?)^```$" % kind, file.read(), re.M | re.S)


def commands(block):
    """Each command of a block, with what it is said to print."""
    out = []
    for line in block.splitlines():
        if line.startswith("$ "):
            out.append((line[2:], []))
        else:
            out[-1][1].append(line)
    return out


def alike(text):
    for pattern, word in VARIES:
        text = re.sub(pattern, word, text)
    return [line.strip() for line in text.splitlines()]


def shell(host, command):
    """As a person types it, both streams as a terminal shows them."""
    words = " ".join(host.command(json_out=False))
    done = subprocess.run(["bash", "-c", "belay() { %s \"$@\"; }\n%s" % (words, command)], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, cwd=host.folder, env=host.environment, timeout=30, check=False)
    return done.stdout


def git(folder, *words):
    subprocess.run(["git", "-C", folder, "-c", "user.name=Ada", "-c", "user.email=ada@localhost", *words], check=True,
                   capture_output=True)


def worktree(host):
    """A repository `app`, and a worktree `draft` of it with changes that nobody has committed."""
    app, draft = host.folder + "/app", host.folder + "/draft"
    os.mkdir(app)
    git(app, "init", "--quiet", "-b", "main")
    host.write("app/main.c", "int main() {}\n")
    git(app, "add", ".")
    git(app, "commit", "--quiet", "-m", "Begin")
    git(app, "worktree", "add", draft)
    host.write("draft/main.c", "int main() { return 0; }\n")
    host.write("draft/Makefile", "all: main\n")
    git(draft, "add", "-N", "Makefile")
    return app, draft


def test_the_flow_of_the_readme_applies_what_was_approved():
    flow, = blocks("README.md", "yaml")
    session, = [block for block in blocks("README.md", "console") if "review-and-apply" in block]
    with belay.started() as host:
        app, draft = worktree(host)

        def here(text):
            return text.replace("/srv/app", app).replace("/srv/draft", draft)

        host.write("review-and-apply.flow.yaml", here(flow))
        check.equal([], host.cli("flow", "validate", "review-and-apply.flow.yaml").data["diagnostics"])
        real = {}
        for command, wanted in commands(session):
            for shown, own in real.items():
                command = command.replace(shown, own)
            got = shell(host, here(command))
            check.equal(alike(here("\n".join(wanted))), alike(got), command)
            # The ids of the page stand for those of this run.
            ids = re.compile(r"\b[rw]1[0-9a-z]{15}\b")
            real.update(zip(ids.findall("\n".join(wanted)), ids.findall(got)))
            if command.startswith("belay flow run"):
                host.open_wait(next(iter(real.values())))
        with open(app + "/main.c", encoding="utf-8") as file:
            check.equal("int main() { return 0; }\n", file.read())


def test_the_commands_of_authoring_print_what_is_shown():
    with belay.Host() as host:
        os.symlink(ROOT + "/tests", host.folder + "/tests")
        for block in blocks("docs/authoring.md", "console"):
            for command, wanted in commands(block):
                check.equal(alike("\n".join(wanted)), alike(shell(host, command)), command)


def test_the_keys_that_error_pages_advise_are_taken():
    keys = []
    for page in sorted(os.listdir(os.path.join(ROOT, "docs/errors"))):
        with open(os.path.join(ROOT, "docs/errors", page), encoding="utf-8") as file:
            text = file.read()
        keys += [(page, "retry", value) for value in re.findall(r"`retry: ({[^`…]*})`", text)]
        keys += [(page, "budget", value) for value in re.findall(r"`budget: ({[^`…]*})`", text)]
        keys += [(page, "budget", "{%s: 5m}" % key) for key in re.findall(r"`budgets?\.(\w+)`", text)]
    check.equal({"retry", "budget"}, {key for _, key, _ in keys})
    with belay.Host() as host:
        for page, key, value in keys:
            handle = "agents: {a: {adapter: claude-code, budget: %s}}\n" % value if key == "budget" else ""
            step = ("agent: {use: a, prompt: x}" if handle else
                    "run: {command: [ls]}, effect: idempotent, retry: %s" % value)
            host.write("f.flow.yaml", "slug: f\n%ssteps:\n  - {id: a, %s}\n" % (handle, step))
            answer = host.cli("flow", "validate", "f.flow.yaml")
            check.equal(0, answer.code, "%s: %s" % (page, answer))


def test_each_policy_of_the_page_is_taken():
    policies = blocks("docs/policy.md", "yaml")
    check.equal(True, len(policies) > 8, "policies")
    for policy in policies:
        with belay.Host(policy=policy) as host:
            answer = host.cli("config", "check")
            check.equal(0, answer.code, "%s\n%s" % (policy, answer))


if __name__ == "__main__":
    check.main(globals())
