"""Runs the test_ functions of a file, one after another, each with a bound, and counts.

Last line: "N passed, N failed". A skipped test says why and counts as neither.
"""

import os
import shutil
import signal
import sys
import time
import traceback
import unittest

Skip = unittest.SkipTest


class TooLong(BaseException):
    """A test ran longer than its bound."""


def _too_long(*_):
    raise TooLong()


def bound(seconds):
    """How long a test may take instead of 120 s."""
    def mark(test):
        test.seconds = seconds
        return test
    return mark


def equal(wanted, got, what=""):
    if wanted != got:
        raise AssertionError("%s: wanted %s, got %r" % (what or "value", repr(wanted)[:1500], str(got)[:1500]))


def has(text, part, what=""):
    if part not in text:
        raise AssertionError("%s: %r is not in %s" % (what or "text", part, str(text)[:1500]))


def lacks(text, part, what=""):
    if part in text:
        raise AssertionError("%s: %r is in it" % (what or "text", part))


def output(shown):
    """The output of a run that has succeeded."""
    equal("succeeded", shown["run"]["status"], str(shown)[:1500])
    return shown["run"]["output"]


def error(shown):
    """The error of a run that has failed."""
    equal("failed", shown["run"]["status"], str(shown)[:1500])
    return shown["run"]["error"]


def program(name):
    """Its path, also where only administrators have it in their PATH; the test is skipped when it is not installed."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if not found:
        raise Skip("%s is not installed" % name)
    return found


def main(names):
    wanted = sys.argv[1:]
    passed = failed = skipped = 0
    signal.signal(signal.SIGALRM, _too_long)
    slow = float(os.environ.get("BELAY_TEST_PATIENCE", "1"))
    for name, test in list(names.items()):
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        begun = time.monotonic()
        title = name[5:].replace("_", " ")
        signal.alarm(int(getattr(test, "seconds", 120) * slow))
        try:
            test()
            passed += 1
            print("passed %s (%.1f s)" % (title, time.monotonic() - begun))
        except Skip as why:
            skipped += 1
            print("skipped %s: %s" % (title, why))
        except (Exception, TooLong):  # pylint: disable=broad-except
            failed += 1
            print("FAILED %s (%.1f s)" % (title, time.monotonic() - begun))
            traceback.print_exc(file=sys.stdout)
        finally:
            signal.alarm(0)
        sys.stdout.flush()
    if skipped:
        print("%d skipped" % skipped)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed else 0)
