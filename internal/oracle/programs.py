"""Random programs of statements, spelled in AVAP and in Python.

Each begins with the same variables, one or two of a kind, and ends with the list of
all of them. Numbers, texts and lists are cut where they are assigned, so that no loop
makes anything large.
"""

import re
import traceback

import meaning
from spelling import Source, joined

VARIABLES = {
    "i": "2", "j": "0", "n": "5", "s": '"abc"', "t": '""', "l": "[3, 1, 2]", "q": "[]",
    "d": '{"k": 1}', "x": "None", "b": "False",
}  # fmt: skip

# <kind> is an expression of that kind, <kind!> a variable of it.
GRAMMAR = {
    "int": """
        <int!> ~ <int!> ~ <int!> ~ <digit> ~ <digit> ~ <int> + <int> ~ <int> - <int>
        <int> * <digit> ~ <int> // <int> ~ <int> % <int> ~ -<int!> ~ abs(<int>) ~ len(<text>)
        len(<list!>) ~ len(d) ~ min(<int>, <int>) ~ max(<int>, <int>, <digit>) ~ f(<int>, <int>)
        <int> if <bool> else <int> ~ <list!>[<int>] ~ <list!>[-1] ~ sum(<list!>) ~ d["k"]
        d.get(<text>, <int>) ~ <text>.count("a") ~ sum([v * <int> for v in <list!>])
    """,
    "digit": "0 ~ 1 ~ 2 ~ 3 ~ 7",
    "text": """
        <text!> ~ <text!> ~ "a" ~ "é" ~ <text> + <text> ~ <text> + str(<int>) ~ str(<int>)
        <text!>[1:] ~ <text!>[:-1] ~ <text!>[<digit>] ~ <text>.upper() ~ <template> ~ <template>
        ",".join([str(v) for v in <list!>]) ~ "%s-%d" % (<text>, <int>) ~ <text> * 2
    """,
    "bool": """
        b ~ <int> < <int> ~ <int> >= <int> ~ <int> == <int> ~ <int!> != <digit> ~ <text> == <text>
        <text!> < <text!> ~ "a" in <text> ~ <int> in <list!> ~ <text> not in d ~ not <bool>
        <bool> and <bool> ~ <bool> or <bool> ~ <int> < <int> <= <int> ~ x is None
        any([v > <int> for v in <list!>])
    """,
    "list": """
        <list!>.copy() ~ [<int>, <int>] ~ [v + <int> for v in <list!>] ~ <list!> + [<int>]
        [v for v in <list!> if v != <int>] ~ sorted(<list!>) ~ <list!>[1:] ~ <list!>
    """,
    "any": "<int> ~ <text> ~ <bool> ~ <list> ~ None",
}
GRAMMAR = {kind: re.split(r"\s*~\s*|\s*\n\s*", text.strip()) for kind, text in GRAMMAR.items()}
NAMES = {"int": "ijn", "text": "st", "list": "lq"}

# Statements on one line. What makes a text, list or number bounds it.
SIMPLE = """
    <int!> = <int> % 1000 ~ <int!> = <int!> + 1 ~ <text!> = <text> ~ <list!> = <list> ~ x = <any>
    b = <bool> ~ <list!>.append(<int>) ~ <list!>[<int>] = <int> ~ d[<text>] = <int> % 1000
    d["k"] = <int> % 1000
    <list!>.pop() ~ x = d.get(<text>) ~ x = <list!>[<digit>] ~ <list!>[0] = <int> % 1000
"""
SIMPLE = re.split(r"\s*~\s*|\s*\n\s*", SIMPLE.strip())
CUT = dict.fromkeys("st", "{0} = {0}[-12:]") | dict.fromkeys("lq", "{0} = [v % 1000 for v in {0}[-6:]]")

FUNCTION = [
    ("function f(a, b) {", "def f(a, b):"),
    ("startLoop(k, 0, 3)", "    for k in range(0, 3 + 1):"),
    ("if(k * b > a)", "        if k * b > a:"),
    ("return(a - k)", "            return a - k"),
    ("end()", None),
    ("endLoop()", None),
    ("return(a % 100 + b)", "    return a % 100 + b"),
    ("}", None),
]


class Program:
    """One program in the making."""

    def __init__(self, rng):
        self.rng = rng
        self.avap, self.python = [], []
        self.lines = []  # of the AVAP program, by the line of the Python one
        self.depth = self.loops = self.counters = 0
        self.left = rng.randrange(6, 22)  # statements
        for both in FUNCTION:
            self.line(*both)
        inside = rng.random() < 0.5
        if inside:
            self.line("function main() {", "def main():")
            self.depth = 1
        for name, value in VARIABLES.items():
            self.line(f"{name} = {value}", f"{name} = {value}")
        while self.left > 0:
            self.statement()
        everything = "[" + ", ".join(VARIABLES) + "]"
        if inside:
            self.line(f"return({everything})", f"return {everything}")
            self.line("}", None)
            self.depth, everything = 0, "main()"
        self.line(f"out = {everything}", f"out = {everything}")

    def line(self, avap, python):
        """A line in both languages; None is no line of Python's."""
        self.avap.append(avap)
        if python is not None:
            self.python.append("    " * self.depth + python)
            self.lines.append(len(self.avap))

    def make(self, text, depth=0):
        """What a piece of the grammar becomes."""
        pieces = []
        for piece in re.split(r"(<\w+!?>)", text):
            if not piece.startswith("<") or len(piece) < 3:
                pieces.append(piece)
            elif piece == "<template>":
                one, two = (self.make(f"<{k}>", depth + 1) for k in ("text", "int"))
                python = f'(str({one.python}) + ":" + str({two.python}))'
                pieces.append(Source("`${%s}:${%s}`" % (one.avap, two.avap), python))
            elif piece.endswith("!>") or depth > 2 and piece[1:-1] in NAMES:
                pieces.append(self.rng.choice(NAMES[piece.strip("<!>")]))
            else:
                chosen = self.rng.choice(GRAMMAR[piece[1:-1]])
                made = self.make(chosen, depth + 1)
                whole = text == piece or re.fullmatch(r"\w+|<\w+!?>", chosen)
                pieces.append(made if whole else joined("(", made, ")"))
        return joined(*pieces)

    def body(self):
        """The statements of a block, of which Python wants one at least."""
        self.depth += 1
        first = len(self.python)
        for _ in range(self.rng.randrange(1, 4)):
            self.statement()
        if len(self.python) == first:
            self.line("x = 0", "x = 0")
        self.depth -= 1

    def statement(self):
        self.left -= 1
        if self.left < 0:
            return
        choice = self.rng.random() * (1 if self.depth < 3 else 0.6)
        if choice < 0.6:
            self.simple()
        elif choice < 0.72 and self.loops:
            word = self.rng.choice(["break", "continue"])
            self.line(word + "()", word)
        elif choice < 0.8:
            self.condition()
        elif choice < 0.92:
            self.loop()
        else:
            self.line("try()", "try:")
            self.body()
            self.line("exception(err)", "except Exception:")
            self.body()
            self.line("end()", None)

    def simple(self):
        made = self.make(self.rng.choice(SIMPLE))
        self.line(*made)
        if (name := made.python[0]) in CUT:
            cut = CUT[name].format(name)
            self.line(cut, cut)

    def condition(self):
        if self.rng.random() < 0.5:
            made = self.make("<bool>")
            self.line(f"if({made.avap})", f"if {made.python}:")
        else:
            left, right = self.make("<int!>"), self.make("<digit>")
            avap, python = self.rng.choice([("=", "=="), ("!=", "!="), ("<", "<"), (">=", ">=")])
            self.line(f"if({left.avap}, {right.avap}, {avap})", f"if {left.python} {python} {right.python}:")
        self.body()
        if self.rng.random() < 0.5:
            self.line("else()", "else:")
            self.body()
        self.line("end()", None)

    def loop(self):
        self.loops += 1
        if self.rng.random() < 0.6:
            name, first, last = self.rng.choice("ij"), self.rng.randrange(3), self.rng.randrange(4)
            self.line(f"startLoop({name}, {first}, {last})", f"for {name} in range({first}, {last} + 1):")
            self.body()
            self.line("endLoop()", None)
        else:
            self.counters += 1
            name, made = f"w{self.counters}", self.make("<bool>")
            self.line(f"{name} = 0", f"{name} = 0")
            self.line(f"while({name} < 3 and ({made.avap}))", f"while {name} < 3 and ({made.python}):")
            self.depth += 1
            self.line(f"{name} = {name} + 1", f"{name} = {name} + 1")
            self.depth -= 1
            self.body()
            self.line("end()", None)
        self.loops -= 1


def case_of(program):
    """What Python says of a program."""
    script = "\n".join(program.avap)
    variables = {}
    try:
        exec(compile("\n".join(program.python), "program", "exec"), variables)
        return {"p": script, "v": repr(meaning.checked(variables["out"]))}
    except (meaning.OutOfContract, OverflowError):
        return None
    except Exception as error:
        code = meaning.code_of(error)
        if code is None:
            raise
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "program"]
        return {"p": script, "x": code, "l": program.lines[frames[-1].lineno - 1]}
