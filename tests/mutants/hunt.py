"""Tries each mutant of mutants.py: killed by its test is passed; one that survives, does not apply or does not compile
is failed. The sources that are changed are a copy; the tree itself is only read.

    hunt.py [NAME...]
"""

import os
import shutil
import subprocess
import sys
import time

from mutants import MUTANTS

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
COPY = os.path.join(ROOT, "build", "mutants")
JOBS = os.environ.get("JOBS", "2")
TEST_SECONDS = 300
BUILD_SECONDS = 1800


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def copy_sources():
    """What git knows of the tree as it is. Files that are the same keep their time, so that little is built again."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout
    names = {name for name in listed.split("\0") if name and os.path.isfile(os.path.join(ROOT, name))}
    for folder, folders, files in os.walk(COPY):
        if folder == COPY and "build" in folders:
            folders.remove("build")
        for file in files:
            path = os.path.join(folder, file)
            if os.path.relpath(path, COPY) not in names:
                os.remove(path)
    for name in names:
        source, target = os.path.join(ROOT, name), os.path.join(COPY, name)
        with open(source, "rb") as file:
            content = file.read()
        if os.path.exists(target):
            with open(target, "rb") as file:
                if file.read() == content:
                    continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        shutil.copymode(source, target)


def call(command, seconds, **options):
    """(exit status, output); a command that takes too long has failed."""
    try:
        done = subprocess.run(command, cwd=COPY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds, check=False,
                              **options)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return -1, "%s\nended after %d s" % (late.stdout or "", seconds)


def build(target):
    return call(["cmake", "--build", "build", "-j", JOBS, "--target", target], BUILD_SECONDS)


def test(words):
    """Programs of build/tests by their name; scripts of the tree with the binary of the copy."""
    if words[0].endswith(".py"):
        command = ["python3", *words]
    else:
        command = [os.path.join("build", "tests", words[0]), *words[1:]]
    environment = {**os.environ, "BELAY": os.path.join(COPY, "build", "belay"),
                   "BELAY_BUILD": os.path.join(COPY, "build"),
                   "PYTHONPATH": os.path.join(COPY, "tests", "support", "py")}
    return call(command, TEST_SECONDS, env=environment)


def target_of(words):
    return "product" if words[0].endswith(".py") else words[0]


def try_mutant(mutant):
    """What is wrong with the suite, or nothing: the mutant is dead."""
    path = os.path.join(COPY, mutant.file)
    whole = read(path) if os.path.exists(path) else ""
    if whole.count(mutant.old) != 1:
        return "its text stands %d times in %s" % (whole.count(mutant.old), mutant.file)
    if mutant.new == mutant.old:
        return "it changes nothing"
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(whole.replace(mutant.old, mutant.new))
        status, said = build(target_of(mutant.test))
        if status != 0:
            return "it does not compile:\n" + said[-1500:]
        status, said = test(mutant.test)
        return "" if status != 0 else "it survives %s" % " ".join(mutant.test)
    finally:
        with open(path, "w", encoding="utf-8") as file:
            file.write(whole)


def main():
    wanted = sys.argv[1:]
    mutants = [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]
    os.makedirs(COPY, exist_ok=True)
    copy_sources()
    status, said = call(["cmake", "--preset", "release", "--log-level=WARNING"], BUILD_SECONDS)
    if status != 0:
        print(said[-3000:])
        print("0 passed, 1 failed")
        return 1
    passed = failed = 0
    sound = {}  # Test -> what it says of the sources as they are.
    for mutant in mutants:
        if mutant.test not in sound:
            status, said = build(target_of(mutant.test))
            if status == 0:
                status, said = test(mutant.test)
            sound[mutant.test] = "" if status == 0 else "%s fails without it:\n%s" % (mutant.test[0], said[-2000:])
        begun = time.monotonic()
        wrong = sound[mutant.test] or try_mutant(mutant)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        print("%s %s (%s)%s, %.0f s" % ("alive " if wrong else "killed", mutant.name, mutant.rule,
                                        ": " + wrong if wrong else "", time.monotonic() - begun), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
