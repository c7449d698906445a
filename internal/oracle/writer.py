"""The random part: a grammar of expressions, by the kind of their value."""

import re

from spelling import Source, joined, quoted, template

# What a kind is made of. <kind> is an expression of that kind, <new:kind> a
# name bound here, <out:kind> an expression outside of the names bound here.
# Operands get brackets by chance, so that precedence is Python's to say.
GRAMMAR = {
    "int": """
        <int> + <int> ~ <int> - <int> ~ <int> * <small> ~ <int> // <pos> ~ <int> % <pos>
        <int> // -<pos> ~ -<int> % <pos> ~ <small> ** <small> ~ -<small> ~ -<small> ** <small>
        abs(<int>) ~ len(<text>) ~ len(<any>) ~ sum(<ints>) ~ min(<ints>) ~ max(<int>, <int>)
        min(<int>, <int>, <int>) ~ round(<float>) ~ int(<float>) ~ int(str(<int>))
        <ints>[<index>] ~ <text>.count(<char>) ~ <text>.find(<char>) ~ ord(<char>)
        <int> if <bool> else <int> ~ <dict>.get(<key>, <int>) ~ <dict>[<key>] ~ <dict>.a
        <bool> + <bool> ~ <ints>.index(<int>) ~ <ints>.pop() ~ <ints>.count(<small>)
        sum(<int> for <new:int> in <out:ints>) ~ <int> or <int> ~ <bool> and <int>
        sum(<int> for <new:int> in <out:ints> if <bool>) ~ len(<words>) ~ {"n": <int>}.n
        [<int>, <int>][<bool>] ~ (<int>, <int>)[-1] ~ len(<word> for <new:word> in <out:words>)
        max(len(<word>) for <new:word> in <out:words>) ~ <dict>.pop(<key>, <int>)
        sum(<dict>.values()) ~ sum(v for k, v in <dict>.items()) ~ int(<text> == <text>)
    """,
    "float": """
        <num> / <pos> ~ <float> + <num> ~ <num> - <float> ~ <float> * <num> ~ <float> // <pos>
        <float> % <pos> ~ <float> % -<pos> ~ <pos> ** <float> ~ -<float> ~ abs(<float>)
        round(<float>, <small>) ~ float(<int>) ~ float(str(<float>)) ~ <floats>[<index>]
        max(<floats>) ~ min(<float>, <num>) ~ <float> if <bool> else <float> ~ sum(<floats>)
        <small> ** -<small> ~ <float> or <float> ~ round(<num> / <pos>, 2) ~ <float> ** 2
    """,
    "num": "<int> ~ <int> ~ <float> ~ <bool>",
    "bool": """
        <num> < <num> ~ <num> <= <num> ~ <num> == <num> ~ <num> != <num> ~ <num> > <num>
        <text> < <text> ~ <text> == <text> ~ <char> in <text> ~ <char> not in <text>
        <int> in <ints> ~ <word> in <words> ~ <key> in <dict> ~ <key> not in <dict>
        not <bool> ~ <bool> and <bool> ~ <bool> or <bool> ~ <num> < <num> <= <num>
        <any> is <any> ~ <any> is not None ~ <any> is None ~ <any> == <any> ~ <any> != <any>
        <ints> == <ints> ~ <ints> < <ints> ~ <words> <= <words> ~ bool(<any>) ~ any(<list>)
        all(<list>) ~ any(<bool> for <new:int> in <out:ints>) ~ type(<any>) == type(<any>)
        all(<bool> for <new:word> in <out:words>) ~ <text>.startswith(<char>) ~ not <any>
        <text>.endswith(<char>) ~ <text>.isdigit() ~ <text>.isalpha() ~ <text>.isalnum()
        <text>.startswith((<char>, <char>)) ~ <int> == <int> == <int> ~ <int> < <float> > <num>
    """,
    "text": """
        <text> + <text> ~ <text> * <small> ~ <text>.upper() ~ <text>.lower() ~ <text>.title()
        <text>.capitalize() ~ <text>.strip() ~ <text>.lstrip(<char>) ~ <text>.rstrip(<text>)
        <text>.replace(<char>, <text>) ~ <text>.replace(<char>, <char>, <small>)
        <text>[<index>] ~ <text>[<bound>:<bound>] ~ <text>[<bound>:<bound>:<step>] ~ <text>[::-1]
        str(<any>) ~ str(<num>) ~ str(<list>) ~ type(<any>) ~ <char>.join(<words>)
        <text>.join(str(<int>) for <new:int> in <out:ints>) ~ "".join(sorted(<text>))
        "".join(<text> for <new:word> in <out:words> if <bool>) ~ <words>[<index>]
        "%s" % <num> ~ "%s|%s" % (<any>, <any>) ~ "%d" % <int> ~ "%.2f" % <num> ~ "%5d|" % <int>
        "%x" % abs(<int>) ~ "%-6s|" % <word> ~ "%r" % <text> ~ "%(a)s" % {"a": <any>} ~ "%g" % <num>
        "%s and %s" % (<text>, <list>) ~ "{} {}".format(<any>, <any>) ~ "{0}{0}".format(<word>)
        "{:>10}|".format(<word>) ~ "{:.2f}".format(<num>) ~ "{a}".format(a=<any>) ~ <text>.zfill(<small>)
        "{:,}".format(<int>) ~ "{!r}".format(<any>) ~ "{:+}".format(<num>) ~ "{0[a]}".format(<dict>)
        <text> if <bool> else <text> ~ <text> or <text> ~ chr(<code>) ~ max(<words>) ~ min(<words>)
        <text>.split(<char>)[0] ~ <template> ~ <template> ~ <template> ~ "%s" % (<tuple>,)
    """,
    "word": "<word>.upper() ~ <word> + <char> ~ <word>[::-1]",
    "ints": """
        [<int>, <int>] ~ [<int>, <int>, <int>] ~ <ints> + <ints> ~ <ints> * 2 ~ sorted(<ints>)
        sorted(<ints>, reverse=<bool>) ~ range(<small>) ~ range(<int>, <int>, 3) ~ <ints>[::-1]
        <ints>[<bound>:<bound>] ~ <ints>[<bound>:<bound>:<step>] ~ reversed(<ints>)
        [<int> for <new:int> in <out:ints>] ~ [<int> for <new:int> in <out:ints> if <bool>]
        [<int> for <new:int> in <out:ints> for <new:int> in <out:ints>] ~ list(<ints>)
        [len(<word>) for <new:word> in <out:words>] ~ <dict>.values() ~ <ints>.copy()
        [<int> for <new:int> in <out:ints> if <bool> if <bool>] ~ [ord(c) for c in <text>]
        [i for i, x in enumerate(<list>)] ~ [x * y for x, y in zip(<ints>, <ints>)]
        <ints> if <bool> else <ints> ~ [[x.append(<int>), x][1] for x in [<ints>]][0]
        [[x.insert(<small>, <int>), x] for x in [<ints>]][0][1] ~ list({<int>: 0, <int>: 1})
    """,
    "floats": "[<float>, <float>] ~ [<num>, <float>] ~ [<float>, <int>, <float>]",
    "words": """
        [<word>, <word>] ~ [<word>, <text>, <word>] ~ <text>.split() ~ <text>.split(<char>)
        <text>.split(<char>, <small>) ~ sorted(<words>) ~ list(<text>) ~ reversed(<words>)
        [<word>.upper() for <new:word> in <out:words>] ~ [str(<int>) for <new:int> in <out:ints>]
        <dict>.keys() ~ sorted(<dict>) ~ [<text> for <new:word> in <out:words> if <bool>]
        <words>[<bound>:<bound>] ~ <words> + [<word>] ~ [k for k, v in <dict>.items()]
    """,
    "list": """
        [<any>] ~ [<any>, <any>] ~ [<num>, <text>, <any>] ~ list(<tuple>) ~ <list> + <list>
        <dict>.items() ~ enumerate(<words>) ~ zip(<ints>, <words>) ~ <ints> ~ <words>
        [(<word>, <int>) for <new:word> in <out:words> for <new:int> in <out:ints>]
        [<any> for <new:int> in <out:ints>] ~ enumerate(<text>, <int>) ~ [[<int>], <list>]
        [[<int> for <new:int> in <out:ints>] for <new:int> in <out:ints>] ~ sorted(<dict>.items())
        [[x.reverse(), x] for x in [<list>]][0] ~ [[x.clear(), x] for x in [<list>, <dict>]][1]
        [[x.remove(<small>), x] for x in [[1, 2, 3, <small>]]][0] ~ [[x.extend(<list>), x] for x in [<ints>]]
        [[x.setdefault(<key>, <int>), x] for x in [<dict>]][0] ~ [[x.sort(), x] for x in [<words>, <ints>]]
        [<bool> and <any> for <new:word> in <out:words>] ~ [] ~ [x for x in <list> if x]
    """,
    "tuple": """
        (<any>, <any>) ~ (<any>,) ~ tuple(<list>) ~ <tuple> + (<any>,) ~ <tuple>[<bound>:<bound>]
        tuple(<int> for <new:int> in <out:ints>) ~ () ~ <tuple> * 2
    """,
    "dict": """
        {"a": <int>, "b": <int>} ~ {"a": <int>, <key>: <int>, "name": <int>} ~ dict(zip(<words>, <ints>))
        {<word>: <int> for <new:word> in <out:words>} ~ dict([["a", <int>], [<key>, <int>]])
        {k: v + <int> for k, v in <dict>.items()}
        {k: v for k, v in <dict>.items() if v > <int>} ~ {<word>: len(<word>) for <new:word> in <out:words> if <bool>}
        [[x.update(<dict>), x] for x in [<dict>]][0][1] ~ <dict>.copy() ~ {"a": 1, "b": 2}
    """,
    "map": """
        {<num>: <any>, <num>: <any>} ~ {<bool>: <any>, <small>: <any>, None: <any>}
        {<key>: <list>, <small>: <dict>} ~ {<int>: <text> for <new:int> in <out:ints>}
        {"k": {"a": <any>}, "b": <list>} ~ {<any>: <any>} ~ {}
    """,
    "any": """
        <int> ~ <float> ~ <bool> ~ <text> ~ <list> ~ <tuple> ~ <dict> ~ <map> ~ None ~ <int> ~ <text>
        <any> or <any> ~ <any> and <any> ~ <any> if <bool> else <any> ~ <list>[<index>]
        <map>.get(<num>) ~ <map>.get(<key>, <any>) ~ {"k": <any>}.k ~ {"k": <any>}["k"] ~ <ints>
        <tuple>[<index>] ~ {"k": {"a": <any>}}.k.a ~ [<any>, <any>].pop(<index>)
    """,
    "wrong": """
        <any> + <any> ~ <any> - <num> ~ <any> * <any> ~ <any> / <any> ~ <any> < <any> ~ -<any>
        <any> in <any> ~ <any>[<any>] ~ <any>[<index>] ~ <any>.upper() ~ <any>.append(<any>)
        <any>.get(<any>) ~ len(<any>) ~ int(<any>) ~ float(<text>) ~ sum(<any>) ~ sorted(<any>)
        max(<any>, <any>) ~ <any>.name ~ <text> % <any> ~ "%d" % <any> ~ <unset> ~ <any> + <unset>
        <any> // <any> ~ <int> // <bool> ~ <int> / 0 ~ <big> + <big> ~ <big> * <int> ~ <big> - <int>
        <float> * 1e308 ~ {<any>: <any>, <list>: 1} ~ <any> ** <small> ~ <any> % <any> ~ chr(<small> - 3)
        [x for x in <any>] ~ [k for k, v in <list>] ~ dict(<list>) ~ zip(<any>, <any>) ~ round(<any>)
        <ints>.remove(<int>) ~ <dict>.pop(<word>) ~ <words>.index(<word>) ~ "".join(<list>) ~ abs(<any>)
    """,
}
RULES = {
    kind: [rule.strip() for rule in re.split("~|\n", rules.strip())]
    for kind, rules in GRAMMAR.items()
}
# Which kinds of bound names serve where another kind is wanted.
SERVES = {"num": "num int", "any": "int word", "text": "text word", "small": "int"}
HOLE = re.compile(r"<(?:(new|out):)?([a-z]+)>")

# A rule that needs no brackets as an operand.
ATOM = re.compile(r"[\w.]*(\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\})|\w+")

WORDS = [
    "", "a", "b", "ab", "abc", "Hello", "hello world", "ñandú", "Straße", "ÉTÉ", "👍", "x,y",
    "a-b", "  pad ", "\ttab", "line\nbreak", "12", "-7", "3.5", "٣", "it's", 'say "x"', "'\"",
    "e\u0301", "ıİ", "中文", "C:\\dir", "\\d+", "50%", "{}", "$x", "a_b", "ZZ", "None", "\u00a0",
    "\u200b", "\u0007", "//", "name", "\\", "#", "`", "${n}", "ab ab ab", "The quick fox",
]  # fmt: skip
CHARS = ["a", "b", "l", "ñ", " ", ",", "-", "👍", "é", "x", "1", "'", "o", "\t"]
KEYS = ["a", "b", "name", "k"]
TEXTS_AROUND = [
    "", "", " ", "id=", ": ", "user_", "\n", "é ", "$", "price $", "`q`", "a\tb", "{", "}", "'", '"',
    "\\d", "👍", ", ", "${x}", " // ", "%s", "\\", "/* */", "\u0007",
]  # fmt: skip
BIG = ["9223372036854775807", "9223372036854775800", "(-9223372036854775808)", "9007199254740993"]
FLOATS = [
    "0.0", "0.5", "1.5", "2.5", "0.1", "0.2", "3.14", "1e3", "1e16", "1e-5", "2.675", "100.0",
    "1e22", "0.001", "123456.789", "1e100", "7.0", "99.99", "1e-7",
]  # fmt: skip
UNSET = ["missing", "other", "noSuch_1"]


class Writer:
    """Writes random expressions."""

    def __init__(self, rng):
        self.rng = rng
        self.scope = []  # names bound where we are: (name, kind)
        self.templates = 0

    def expression(self):
        """One expression, mostly one that has a value."""
        if self.rng.random() < 0.1:
            return self.rule("wrong", self.rng.randint(0, 1))
        if self.rng.random() < 0.08:
            return self.template(self.rng.randint(0, 1))
        kinds = ["int", "float", "bool", "text", "text", "ints", "words", "list", "tuple", "dict"]
        return self.rule(self.rng.choice(kinds + ["map", "any"]), self.rng.randint(0, 2))

    def rule(self, kind, depth):
        """A compound of a kind, its operands up to depth deep."""
        rule = self.rng.choice(RULES[kind])
        if rule == "<template>":
            return self.template(depth)
        if self.rng.random() < 0.1:
            rule = tight(rule)
        outer = list(self.scope)
        inner = outer + [
            (self.fresh(i), m[2]) for i, m in enumerate(HOLE.finditer(rule)) if m[1] == "new"
        ]
        names = iter(inner[len(outer) :])
        pieces, at = [], 0
        for m in HOLE.finditer(rule):
            pieces.append(rule[at : m.start()])
            self.scope = outer if m[1] == "out" else inner
            if m[1] == "new":
                pieces.append(next(names)[0])
            else:
                pieces.append(self.operand(m[2], depth))
            at = m.end()
        self.scope = outer
        return joined(*pieces, rule[at:])

    def fresh(self, i):
        return "xyzuvw"[len(self.scope) % 3 + i % 4 // 2 * 3]

    def operand(self, kind, depth):
        bound = [name for name, k in self.scope if k in SERVES.get(kind, kind).split()]
        if bound and self.rng.random() < 0.7:
            return joined(self.rng.choice(bound))
        if kind not in RULES or depth == 0 or self.rng.random() < 0.25:
            return self.leaf(kind)
        source = self.rule(kind, depth - 1)
        if not ATOM.fullmatch(source.avap) and self.rng.random() < 0.6:
            return joined("(", source, ")")
        return source

    def leaf(self, kind):
        return getattr(self, "leaf_" + kind)()

    def template(self, depth):
        """A template of up to three values."""
        if self.templates:
            return self.leaf_word()
        self.templates += 1
        texts, values = [self.rng.choice(TEXTS_AROUND)], []
        for _ in range(self.rng.randint(0, 3)):
            lone = self.rng.random() < 0.2
            kind = self.rng.choice(["any", "int", "text", "list", "num"])
            value = joined(self.name()) if lone else self.operand(kind, depth)
            if "\\" in value.avap or "`" in value.avap or not value.avap.strip():
                value = joined("None")
            values.append((value, lone))
            texts.append(self.rng.choice(TEXTS_AROUND))
        self.templates -= 1
        return template(texts, values, self.rng)

    def name(self):
        return self.rng.choice([name for name, _ in self.scope] + UNSET[:1])

    # Leaves.

    def pick(self, *choices):
        return joined(self.rng.choice(choices))

    def leaf_small(self):
        return joined(str(self.rng.randint(0, 6)))

    def leaf_pos(self):
        return self.pick("1", "2", "3", "5", "7", "10", "2.5", "0.5", "100", "64")

    def leaf_int(self):
        if self.rng.random() < 0.05:
            return self.leaf_big()
        if self.rng.random() < 0.2:
            return joined(str(self.rng.randint(-1000, 10**6)))
        return joined(str(self.rng.randint(-9, 30)))

    def leaf_big(self):
        return self.pick(*BIG)

    def leaf_float(self):
        if self.rng.random() < 0.3:
            return joined(repr(round(self.rng.uniform(-100, 1000), self.rng.randint(1, 6))))
        return self.pick(*FLOATS)

    def leaf_num(self):
        return self.leaf(self.rng.choice(["int", "int", "float", "bool"]))

    def leaf_bool(self):
        python = self.rng.choice(["True", "False"])
        return Source(python.lower() if self.rng.random() < 0.3 else python, python)

    def leaf_none(self):
        return Source("null" if self.rng.random() < 0.3 else "None", "None")

    def leaf_text(self):
        if self.rng.random() < 0.3:
            words = self.rng.choices(WORDS, k=2)
            return quoted(self.rng.choice(["", " ", "-", ","]).join(words), self.rng)
        return self.leaf_word()

    def leaf_word(self):
        return quoted(self.rng.choice(WORDS), self.rng)

    def leaf_char(self):
        return quoted(self.rng.choice(CHARS), self.rng)

    def leaf_key(self):
        return quoted(self.rng.choice(KEYS), self.rng)

    def leaf_index(self):
        return self.pick("0", "0", "-1", "-1", "1", "2", "-2")

    def leaf_bound(self):
        return self.pick("", "", "0", "1", "2", "-1", "-3", "5", "None", "99")

    def leaf_step(self):
        return self.pick("", "1", "2", "-1", "-2", "3", "None")

    def leaf_code(self):
        return self.pick("65", "97", "241", "8364", "128077", "48", "0", "10")

    def leaf_unset(self):
        return self.pick(*UNSET)

    def leaf_ints(self):
        items = [self.leaf_int() for _ in range(self.rng.randint(1, 5))]
        return joined("[", *separated(items), "]")

    def leaf_floats(self):
        return joined("[", *separated([self.leaf_num(), self.leaf_float()]), "]")

    def leaf_words(self):
        items = [self.leaf_word() for _ in range(self.rng.randint(1, 4))]
        return joined("[", *separated(items), "]")

    def leaf_list(self):
        items = [self.leaf_any() for _ in range(self.rng.randint(0, 3))]
        return joined("[", *separated(items), "]")

    def leaf_tuple(self):
        items = [self.leaf_any() for _ in range(self.rng.randint(2, 3))]
        return joined("(", *separated(items), ")")

    def leaf_dict(self):
        keys = self.rng.sample(KEYS, self.rng.randint(1, 3))
        items = [joined(quoted(k, self.rng), ": ", self.leaf_int()) for k in ["a", *keys]]
        return joined("{", *separated(items), "}")

    def leaf_map(self):
        keys = ["num", "key", "none", "bool", "word"]
        items = [
            joined(self.leaf(self.rng.choice(keys)), ": ", self.leaf_any())
            for _ in range(self.rng.randint(0, 3))
        ]
        return joined("{", *separated(items), "}")

    def leaf_any(self):
        return self.leaf(self.rng.choice(["num", "num", "text", "none", "bool", "int", "ints"]))


def separated(items):
    """The items with commas between them."""
    out = [", "] * (2 * len(items) - 1)
    out[::2] = items
    return out


def tight(rule):
    """The rule without spaces around its operators."""
    return re.sub(r"(?<=>) ([-+*/%<>=!]+) (?=<)", r"\1", rule)
