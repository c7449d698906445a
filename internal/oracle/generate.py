"""Records what CPython says AVAP's expressions and programs mean: `make oracle`.

Writes the files of testdata next to this file, the same bytes on every run.
README.md says what a line holds. Python 3.11 or later, standard library only.
"""

import sys

sys.dont_write_bytecode = True

import collections
import json
import pathlib
import random
import re
import warnings

import meaning
import programs
import tables
from spelling import Source
from writer import Writer

OUT = pathlib.Path(__file__).parent / "testdata"
SEED = 20240229
LONGEST_EXPRESSION = 160
LONGEST_VALUE = 400

# Parts of the record: name, how many at most, the largest share of errors.
TABLES = [
    (tables.singles, 10_000, 1.0),
    (tables.calls, 10_000, 1.0),
    (tables.text_methods, 2_000, 0.2),
    (tables.container_methods, 10_000, 0.4),
    (tables.kinds, 1_200, 0.5),
    (tables.unary, 10_000, 0.5),
    (tables.arithmetic, 2_000, 0.2),
    (tables.orderings, 600, 0.0),
    (tables.items, 10_000, 1.0),
    (tables.slices, 600, 0.1),
    (tables.percents, 1_000, 0.05),
    (tables.formats, 1_400, 0.1),
]
RANDOM = 6_000
RANDOM_ERRORS = 0.12
PROGRAMS = 250
PROGRAM_ERRORS = 0.3

# A comment of AVAP, where Python has a floor division or a syntax error.
COMMENT = re.compile(r"[{};]\s*//|/\*")
QUOTED = re.compile(r"""'(\\.|[^'\\])*'|"(\\.|[^"\\])*["]""")


def main():
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or later is needed")
    warnings.simplefilter("ignore")
    rng = random.Random(SEED)
    record = Record()
    for table, most, errors in TABLES:
        sources = [Source(e, e) for e in table()]
        rng.shuffle(sources)
        record.fill(sources, most, errors)
    writer = Writer(rng)
    record.fill((writer.expression() for _ in iter(int, 1)), RANDOM, RANDOM_ERRORS)
    write("expressions.jsonl", record.lines)
    print(record.summary(), file=sys.stderr)
    write("programs.jsonl", [json.dumps(case) for case in random_programs(random.Random(SEED))])


def write(name, lines):
    (OUT / name).write_text("".join(line + "\n" for line in lines), "ascii", newline="\n")


def random_programs(rng):
    """Cases of whole programs, of which at most a share are errors."""
    cases, failed = [], 0
    while len(cases) < PROGRAMS:
        case = programs.case_of(programs.Program(rng))
        if case is None or "x" in case and failed + 1 > PROGRAM_ERRORS * (len(cases) + 1):
            continue
        failed += "x" in case
        cases.append(case)
    return cases


class Record:
    """The cases so far, each expression once."""

    def __init__(self):
        self.lines = []
        self.seen = set()
        self.counts = collections.Counter()

    def fill(self, sources, most, errors):
        """Takes up to most cases, of which at most a share are errors."""
        taken = failed = 0
        for source in sources:
            if taken == most:
                break
            case = None if source.avap in self.seen else case_of(source)
            if case is None or "x" in case and failed + 1 > errors * (taken + 1):
                continue
            taken += 1
            failed += "x" in case
            self.seen.add(source.avap)
            self.counts[case.get("x") or case["t"]] += 1
            self.lines.append(json.dumps(case))

    def summary(self):
        return f"{len(self.lines)} cases: {dict(self.counts.most_common())}"


def case_of(source):
    """What Python says of one expression; None where nothing is to be recorded."""
    if len(source.avap) > LONGEST_EXPRESSION:
        return None
    if COMMENT.search(QUOTED.sub("", source.avap)):
        return None
    try:
        value = meaning.evaluate(source.python)
        text = repr(value)
    except (meaning.OutOfContract, SyntaxError, RecursionError, MemoryError):
        return None
    except Exception as error:
        code = meaning.code_of(error)
        if code is None:
            raise
        return {"e": source.avap, "x": code}
    if len(text) > LONGEST_VALUE:
        return None
    return {"e": source.avap, "v": text, "t": type(value).__name__}


if __name__ == "__main__":
    main()
