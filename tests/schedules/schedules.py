"""Compares what build/tests/schedule_probe says about zones and cron expressions with other programs.

    schedules.py change|nightly [SEED]

zones        every zone of this host: each change of ten years, one second before and after, and random instants, against
             Python's zoneinfo; then local times back to instants
fields       random expressions in UTC against croniter and against a scan of all days
clocks       random expressions around changes of clocks, against a scan of all minutes written here from docs/schedules.md

Prints each difference with all that it takes to see it again. The last line is "N passed, N failed".
"""

import datetime
import itertools
import os
import random
import subprocess
import sys
import zoneinfo

import croniter

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.environ.get("BELAY_BUILD", os.path.join(ROOT, "build"))
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)
FROM, UNTIL = (int(datetime.datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (2020, 2030))
MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
          "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()


class Probe:
    """The program that says what the library says."""

    def __init__(self):
        self.process = subprocess.Popen([os.path.join(BUILD, "tests", "schedule_probe")], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if answer.startswith("error: "):
            raise ValueError("%s: %s" % (words[:3], answer))
        return answer.rstrip("\t").split("\t") if answer else []

    def times(self, *words):
        return [int(word) for word in self.ask(*words)]


class Differences:
    """Counts comparisons of one kind and shows the first differences."""

    def __init__(self, name):
        self.name, self.compared, self.found = name, 0, 0

    def check(self, same, *what):
        self.compared += 1
        if not same:
            self.found += 1
            if self.found <= 10:
                print("  %s: %s" % (self.name, " ".join(map(str, what))))

    def end(self):
        bad = self.found or not self.compared
        print("%s %s: %d compared, %d differ" % ("FAILED" if bad else "passed", self.name, self.compared, self.found))
        return not bad


def at(zone, when):
    """Offset and abbreviation by zoneinfo."""
    local = datetime.datetime.fromtimestamp(when, UTC).astimezone(zone)
    return "%d:%s" % (local.utcoffset().total_seconds(), local.tzname())


def local_of(zone, when):
    """The local time of an instant, in seconds as if it were UTC."""
    return when + int(datetime.datetime.fromtimestamp(when, UTC).astimezone(zone).utcoffset().total_seconds())


def resolve(zone, local):
    """kind:first:last by zoneinfo: what both values of fold mean, and whether they come back."""
    naive = EPOCH + datetime.timedelta(seconds=local)
    ways = [local - int(naive.replace(tzinfo=zone, fold=fold).utcoffset().total_seconds()) for fold in (0, 1)]
    right = sorted({way for way in ways if local_of(zone, way) == local})
    if right:
        return "%s:%d:%d" % ("unique" if len(right) == 1 else "fold", right[0], right[-1])
    low, high = min(ways) - 1, max(ways) + 1  # The gap's end is between both readings.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if local_of(zone, middle) > local else (middle, high)
    return "gap:%d:%d" % (high, high)


def zone_names():
    """Each name that the library takes and this host has."""
    names = zoneinfo.available_timezones() - {"localtime", "posixrules"}
    return sorted(name for name in names if not name.startswith(("right/", "posix/")))


def zones(probe, rng, nightly):
    offsets, locals_ = Differences("offsets"), Differences("local times")
    step = 86400 * (1 if nightly else 14)
    for name in zone_names():
        zone = zoneinfo.ZoneInfo(name)
        changes = [int(word.split(":")[0]) for word in probe.ask("changes", name, FROM, UNTIL)]
        whens = [when + side for when in changes for side in (-1, 0)]
        whens += range(FROM + rng.randrange(step), UNTIL, step)
        whens += [rng.randrange(-2**31, 2**32 + 2**31) for _ in range(500 if nightly else 30)]
        for when, said in zip(whens, probe.ask("offsets", name, *whens)):
            offsets.check(said == at(zone, when), name, when, "says", said, "and zoneinfo", at(zone, when))
        near = [local_of(zone, when) + side + delta for when in changes[:8 if not nightly else None] for side in (-1, 0)
                for delta in (0, rng.randrange(-7200, 7200))]
        near += [rng.randrange(FROM, UNTIL) for _ in range(20)]
        for local, said in zip(near, probe.ask("locals", name, *near)):
            locals_.check(said == resolve(zone, local), name, local, "says", said, "and zoneinfo", resolve(zone, local))
    return [offsets.end(), locals_.end()]


def item(rng, least, most, names):
    def word(value):
        if names and rng.random() < 0.3 and value - least < len(names):
            return rng.choice((str.lower, str.upper, str.title))(names[value - least])
        return str(value)
    low = rng.randint(least, most)
    if rng.random() < 0.6:
        return word(low)
    high = rng.randint(low, most)
    step = "/%d" % rng.randint(1, high - low) if high > low and rng.random() < 0.4 else ""
    return "%s-%s%s" % (word(low), word(high), step)


def field(rng, least, most, star, names=()):
    if rng.random() < star:
        return "*" if rng.random() < 0.6 else "*/%d" % rng.randint(1, min(most - least, 6 if most == 7 else 30))
    return ",".join(item(rng, least, most, names) for _ in range(rng.choice((1, 1, 1, 2, 4))))


def expression(rng):
    if rng.random() < 0.03:
        return rng.choice(sorted(MACROS))
    return " ".join((field(rng, 0, 59, 0.3), field(rng, 0, 23, 0.4), field(rng, 1, 31, 0.6),
                     field(rng, 1, 12, 0.7, MONTHS), field(rng, 0, 7, 0.6, WEEKDAYS)))


def starred(text):
    return text[0] in "*?"


def fields(probe, rng, nightly):
    scanned, other = Differences("fields by a scan of days"), Differences("fields by croniter")
    for _ in range(20000 if nightly else 1000):
        cron = expression(rng)
        after = rng.randrange(FROM, UNTIL)
        try:
            said = probe.times("next", "UTC", cron, after, 12)
        except ValueError as error:
            scanned.check("never happens" in str(error) and not scan(cron, after, 1), cron, error)
            continue
        wanted = scan(cron, after, 12)
        scanned.check(said == wanted, repr(cron), after, "says", said, "and the scan", wanted)
        count = probe.times("count", "UTC", cron, after, said[-1])
        scanned.check(count == [len(said)], repr(cron), after, "counts", count)
        if not misread(cron):
            wanted = by_croniter(cron, after, 12)
            other.check(said == wanted, repr(cron), after, "says", said, "and croniter", wanted)
    return [scanned.end(), other.end()]


def scan(cron, after, count):
    """The next due times in UTC, day by day; none when there are none in 45 years."""
    allowed, out = Fields(cron), []
    day = EPOCH + datetime.timedelta(seconds=after - after % 86400)
    times = [hour * 3600 + minute * 60 for hour in sorted(allowed.hours) for minute in sorted(allowed.minutes)]
    silent = 0
    while len(out) < count and silent < 45 * 366:
        silent += 1
        if allowed.allow_day(day):
            silent, begin = 0, int((day - EPOCH).total_seconds())
            out += [begin + time for time in times if begin + time > after][:count - len(out)]
        day += datetime.timedelta(days=1)
    return out


def misread(cron):
    """What croniter 1.3.5 gets wrong: of several days of the month one that some months do not have makes it miss the
    first days of the next month, and one that no month has makes it give up though a day of the week would do; all days
    in a list are a star for it."""
    words = MACROS.get(cron, cron).split()
    allowed = Fields(cron)
    days = words[2] not in "*?" and max(allowed.days) > 28 and (len(allowed.days) > 1 or not allowed.both)
    return days or (len(allowed.weekdays) == 7 and not starred(words[4])) or (
        len(allowed.days) == 31 and not starred(words[2]))


def by_croniter(cron, after, count):
    # A star before a step is a restriction for croniter: it is told how days go together.
    other = croniter.croniter(MACROS.get(cron, cron), after, day_or=not Fields(cron).both, max_years_between_matches=100)
    return [int(other.get_next(float)) for _ in range(count)]


def values(text, least, most, names=()):
    """The values that a field allows, read without any of the library's code."""
    out = set()
    for part in text.lower().split(","):
        for index, name in enumerate(names):
            part = part.replace(name.lower(), str(index + least))
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        low, high = (least, most) if low in "*?" else (int(low), int(high or low))
        out.update(range(low, high + 1, int(step or 1)))
    return out


class Fields:
    """The fields of an expression as sets."""

    def __init__(self, cron):
        words = MACROS.get(cron, cron).split()
        self.minutes, self.hours, self.days = (values(*args) for args in zip(words, (0, 0, 1), (59, 23, 31)))
        self.months, self.weekdays = values(words[3], 1, 12, MONTHS), values(words[4], 0, 6 if starred(words[4]) else 7,
                                                                              WEEKDAYS)
        self.weekdays = {day % 7 for day in self.weekdays}
        self.both = starred(words[2]) or starred(words[4])
        self.every_hour = len(self.hours) == 24
        self.star_minute = starred(words[0])

    def allow_day(self, naive):
        day, weekday = naive.day in self.days, naive.isoweekday() % 7 in self.weekdays
        return naive.month in self.months and (day and weekday if self.both else day or weekday)

    def allow(self, naive):
        return naive.minute in self.minutes and naive.hour in self.hours and self.allow_day(naive)


def window(zone, begin, end):
    """All local minutes of [begin, end): naive local time, kind, first and last instant; gaps too."""
    local = min(local_of(zone, begin), local_of(zone, end)) - 86400
    local -= local % 60
    rows = []
    while local < max(local_of(zone, begin), local_of(zone, end)) + 86400:
        kind, first, last = resolve(zone, local).split(":")
        rows.append((EPOCH + datetime.timedelta(seconds=local), kind, int(first), int(last)))
        local += 60
    return rows


def due(cron, rows, begin, end):
    """docs/schedules.md, "When the clocks change", minute by minute."""
    allowed, out = Fields(cron), set()
    for naive, kind, first, last in rows:
        if not allowed.allow(naive) or (kind == "gap" and allowed.every_hour):
            continue
        out.add(first)
        if allowed.every_hour or allowed.star_minute:
            out.add(last)
    return sorted(when for when in out if begin < when <= end)


def clocks(probe, rng, nightly):
    found = Differences("clocks")
    places = {}
    for name in zone_names():
        whens = [int(word.split(":")[0]) for word in probe.ask("changes", name, FROM, UNTIL)]
        zone = zoneinfo.ZoneInfo(name)
        whens = [when for when in whens if local_of(zone, when) - local_of(zone, when - 1) != 1]
        places.setdefault(tuple(whens), name)
    cases = [(name, when) for whens, name in sorted(places.items()) for when in whens]
    cases += [("Pacific/Apia", 1325239200), ("Pacific/Kwajalein", 745934400), ("Australia/Lord_Howe", 1570289400)]
    for name, when in itertools.chain(cases[-3:], rng.sample(cases, len(cases) if nightly else 60)):
        zone = zoneinfo.ZoneInfo(name)
        begin, end = when - rng.randrange(3600, 40 * 3600), when + rng.randrange(3600, 40 * 3600)
        rows = window(zone, begin, end)
        for cron in sample(rng, rows, 40 if nightly else 25):
            wanted = due(cron, rows, begin, end)
            said = probe.times("next", name, cron, begin, len(wanted) + 1)
            said = [time for time in said if time <= end]
            found.check(said == wanted, name, repr(cron), begin, end, "says", said[:20], "and the scan", wanted[:20])
            count = probe.times("count", name, cron, begin, end)
            found.check(count == [len(wanted)], name, repr(cron), begin, end, "counts", count, "of", len(wanted))
    return [found.end()]


def sample(rng, rows, count):
    """Expressions, most of which are due where it matters: at minutes in gaps and folds."""
    special = [row for row in rows if row[1] != "unique"]
    for _ in range(count):
        if special and rng.random() < 0.6:
            naive = rng.choice(special)[0]
            minute = rng.choice((str(naive.minute), "*/%d" % rng.choice((5, 7, 15, 20)), "*", "0,30", "*/30,5"))
            hour = rng.choice((str(naive.hour), "*", "*/%d" % rng.choice((2, 3, 6)), "0-6", "%d,%d" % (
                naive.hour, (naive.hour + 1) % 24), "0-23"))
            yield "%s %s %s" % (minute, hour, rng.choice(("* * *", "%d * *" % naive.day, "* %d *" % naive.month,
                                                          "* * %d" % (naive.isoweekday() % 7), "*/2 * 1-5", "1-15 * SUN")))
        else:
            yield expression_of_any_day(rng)


def expression_of_any_day(rng):
    while True:
        cron = expression(rng)
        if cron not in MACROS and cron.split()[3][0] != "*":
            continue
        fields_ = Fields(cron)
        if not fields_.both or fields_.days & set(range(1, 29)):
            return cron


def main():
    nightly = sys.argv[1:2] == ["nightly"]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    print("seed=%d" % seed)
    probe, results = Probe(), []
    for part in (zones, fields, clocks):
        results += part(probe, random.Random(seed), nightly)
    print("%d passed, %d failed" % (sum(results), len(results) - sum(results)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
