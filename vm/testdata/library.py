"""Records what CPython says of built-ins, methods and formats.

    python3 library.py SEED CALLS > library.txt

A line is a name, the arguments as a tuple (a method's receiver first), the keyword
arguments as a dict, and the result, all as Python writes them. What a method does to
its list or dict is seen because the receiver follows the result. An error is its code.
Python 3.11, standard library only.
"""

import math
import random
import resource
import sys

WORDS = ["", "a", "ab", "abc", "aaa", "Hello World", "hello wORLD", "  pad\t\n", "a,b,,c", ",", "1", "12", "-7", "+3", "x=1;y=2",
    "ñandú", "straße", "ΑΣ ΟΔΥΣΣΕΥΣ. Σ", "İstanbul", "ﬁn ǆ ᾳ", "日本語", "a😀b😀", "\u00a0x\u2003", "\x1cy\x1f", "they're bill's", "x1y2",
    "²³", "٣٤", "½", "Ⅷ", "1_000", " 12 ", "0x1F", "0b101", "0o17", "1e3", "-1.5", ".5", "5.", "inf", "nan", "1e400", "1__0", "_1", "1_",
    "９", "٣.٥", "2.5e-3_0", "\n", "a\nb\r\nc", "'q\"", "\\", "mañana ' Σ", "Σ", "aΣ", "aΣ'", "aΣ'b", "Σa", "007", "00", "-0", "z" * 40, "ab" * 30]
INTS = [0, 1, -1, 2, 3, 5, 7, 10, -2, -3, -10, 15, 25, 35, 45, 55, 100, 255, 1234, 12345, 65, 97, 233, 8364, 128512, 1234567, -1234567, 10**9, 10**18,
    2**63 - 1, -2**63, 2**31, 5 * 10**17, 15 * 10**17]
FLOATS = [0.0, -0.0, 0.5, 1.5, 2.5, -2.5, 2.675, 1.005, 0.1, 1e16, 1e15, 123456.789, 1e-5, 1e-4, 1.0, 100.0, 3.14159, 1e22, 1e23, 1e100, 5e-324, 1.7976931348623157e308,
    -0.001, 999999.5, 0.00012345, 12345678.9, 1e21, -1e-7, 25.0, 35.0, 15.0, 1234.5, 9.5, 99.95, 2**53 + 0.0, 9.2e18, 9.3e18]


def number(r):
    k = r.random()
    if k < 0.35:
        return r.choice(INTS)
    if k < 0.5:
        return r.randint(-1000, 1000)
    if k < 0.85:
        return r.choice(FLOATS)
    return r.choice([True, False, r.uniform(-1000, 1000), r.uniform(0, 1) * 10.0 ** r.randint(-20, 20)])


def word(r):
    if r.random() < 0.7:
        return r.choice(WORDS)
    return "".join(r.choice("aAbBzZ 01.,-_'ßΣσéÉ日😀\t") for _ in range(r.randint(0, 12)))


def small(r):
    return r.choice([0, 1, 2, 3, 4, 5, -1, -2, -3, 10, True])


def scalar(r):
    return r.choice([None, True, False, number(r), number(r), word(r), word(r)])


def value(r, depth=2):
    if depth == 0 or r.random() < 0.6:
        return scalar(r)
    n = r.randint(0, 4)
    k = r.random()
    if k < 0.4:
        return [value(r, depth - 1) for _ in range(n)]
    if k < 0.6:
        return tuple(value(r, depth - 1) for _ in range(n))
    return {key(r): value(r, depth - 1) for _ in range(n)}


def key(r):
    return r.choice([word(r), r.randint(0, 5), True, None, 1.5, "a", "b", "k"])


def same(r):
    """A list of one kind, as lists mostly are."""
    n = r.randint(0, 30)
    make = r.choice([lambda: r.randint(-20, 20), lambda: word(r), lambda: r.choice(FLOATS), lambda: number(r), lambda: [r.randint(0, 3), word(r)]])
    return [make() for _ in range(n)]


def iterable(r):
    return r.choice([same(r), same(r), value(r), word(r), tuple(same(r)), {key(r): 1, key(r): 2}])


def maybe(*makers):
    """Arguments, of which some at the end may be left out; now and then a wrong one."""
    def make(r):
        need = [m for m in makers if not isinstance(m, tuple)]
        more = [m[0] for m in makers if isinstance(m, tuple)]
        used = need + more[: r.randint(0, len(more))]
        if r.random() < 0.02:
            used = used[:-1] if used and r.random() < 0.5 else used + [value]
        return tuple(value(r) if r.random() < 0.04 else m(r) for m in used)
    return make


def spec(r):
    s = ""
    if r.random() < 0.4:
        s += r.choice(["", "", "*", "0", "é", "😀", "x"]) + r.choice("<>^=")
    if r.random() < 0.25:
        s += r.choice("+- ")
    if r.random() < 0.05:
        s += "z"
    if r.random() < 0.2:
        s += "#"
    if r.random() < 0.25:
        s += "0"
    if r.random() < 0.6:
        s += str(r.choice([0, 1, 3, 5, 8, 10, 12, 17, 25]))
    if r.random() < 0.25:
        s += r.choice([",", "_", ",", "_", ",_"])
    if r.random() < 0.35:
        s += "." + r.choice(["0", "1", "2", "3", "6", "10", "20", "", "330"])
    if r.random() < 0.75:
        s += r.choice("sdboxXcneEfFgG%") if r.random() < 0.95 else r.choice("zé,q")
    return s


def template(r):
    out = ""
    for _ in range(r.randint(1, 3)):
        out += r.choice(["", "a", "é ", "{{", "}}", ": "])
        k = r.random()
        name = r.choice(["", "", "", "0", "1", "k", "name", "2"])
        path = r.choice(["", "", "", "", "[0]", "[k]", ".a", "[1]", "[-1]", ".b[0]", "[x y]", "[]", "]", "."]) if k < 0.5 else ""
        conversion = r.choice(["", "", "", "!r", "!s", "!a", "!x", "!"]) if k < 0.6 else ""
        s = r.choice(["", ":" + spec(r), ":" + spec(r), ":{}", ":>{1}", ":{0}.{1}f"]) if r.random() < 0.6 else ""
        out += "{" + name + path + conversion + s + ("}" if r.random() < 0.98 else "")
    return out


def percent(r):
    out = ""
    for _ in range(r.randint(1, 3)):
        out += r.choice(["", "a", "é ", "%%", ": "])
        out += "%"
        if r.random() < 0.12:
            out += r.choice(["(k)", "(a)", "(a(b)c)", "()", "(k"])
        out += "".join(r.choice("-+ #0") for _ in range(r.choice([0, 0, 0, 1, 1, 2])))
        if r.random() < 0.4:
            out += r.choice(["1", "5", "10", "*", "0", "20"])
        if r.random() < 0.35:
            out += "." + r.choice(["0", "1", "2", "5", "", "*", "20", "340"])
        if r.random() < 0.05:
            out += r.choice("hlL")
        out += r.choice("sssrradddiuxXoeEfFgGc%") if r.random() < 0.97 else r.choice(["y", "é", ""])
    return out


def percent_args(r):
    k = r.random()
    if k < 0.7:
        return tuple(value(r, 1) if r.random() < 0.3 else number(r) for _ in range(r.randint(0, 4)))
    if k < 0.8:
        return {"k": number(r), "a": word(r), "": 1, "a(b)c": 2.5}
    return value(r)


def words(r):
    return r.choice([list, tuple])(word(r) if r.random() < 0.98 else scalar(r) for _ in range(r.randint(0, 6)))


def needle(r, s):
    if r.random() < 0.5 and s:
        i = r.randrange(len(s))
        return s[i:i + r.randint(1, 3)]
    return word(r)


def on_text(name, *makers):
    """Arguments of a string's method, drawn to fit the receiver."""
    def make(r):
        s = word(r) * r.choice([1, 1, 1, 2, 3])
        rest = maybe(*makers)(r)
        return (s,) + tuple(needle(r, s) if a is NEEDLE else a for a in rest)
    return make


NEEDLE = "<needle>"


def needle_arg(r):
    return NEEDLE


def base(r):
    return r.choice([0, 2, 8, 10, 16, 36, 3, 1, 37])


def digits(r):
    return r.choice([0, 1, 2, 3, 5, -1, -2, -3, -18, -19, -20, 15, 300, 330, -310, None])


def keys_of(r, d):
    return r.choice(list(d)) if d and r.random() < 0.6 else key(r)


def on_list(*makers):
    def make(r):
        recv = same(r) if r.random() < 0.7 else [value(r) for _ in range(r.randint(0, 5))]
        args = maybe(*makers)(r)
        return (recv,) + tuple(r.choice(recv) if a is NEEDLE and recv else a for a in args)
    return make


def on_dict(*makers):
    def make(r):
        recv = {key(r): value(r) for _ in range(r.randint(0, 6))}
        args = maybe(*makers)(r)
        return (recv,) + tuple(keys_of(r, recv) if a is NEEDLE else a for a in args)
    return make


def pairs(r):
    return r.choice([{key(r): 1, key(r): 2}, [[key(r), 1], (key(r), value(r))], ["ab", "cd"], [("a",)], [1], []])


BUILTINS = {
    "str": maybe((value,)), "int": maybe((lambda r: r.choice([value(r), word(r), number(r), str(r.choice(INTS))]),)),
    "float": maybe((lambda r: r.choice([value(r), word(r), number(r), str(r.choice(FLOATS)), repr(r.uniform(-1, 1) * 10.0 ** r.randint(-300, 300))]),)),
    "bool": maybe((value,)), "len": maybe(value), "abs": maybe(number), "min": maybe(iterable, (number,), (number,)), "max": maybe(iterable, (number,), (number,)),
    "round": maybe(number, (digits,)), "sum": maybe(iterable, (value,)), "sorted": maybe(iterable), "reversed": maybe(iterable),
    "range": maybe(small, (small,), (small,)), "list": maybe((iterable,)), "dict": maybe((pairs,)), "tuple": maybe((iterable,)), "type": maybe(value),
    "enumerate": maybe(iterable, (small,)), "zip": maybe((iterable,), (iterable,), (iterable,)), "any": maybe(iterable), "all": maybe(iterable),
    "ord": maybe(lambda r: r.choice(["a", "é", "😀", "", "ab", 3])), "chr": maybe(lambda r: r.choice([65, 233, 8364, 128512, -1, 0x110000, 0, 127, 128])),
}
EXTRA = {"int": maybe(lambda r: r.choice([word(r), "ff", "zz", "101", "-0x1f", "0_1", "0x_f", "12", "8" * 30]), base),
    "minmax": maybe(number, number, (number,))}
METHODS = {
    "upper": on_text("upper"), "lower": on_text("lower"), "title": on_text("title"), "capitalize": on_text("capitalize"),
    "strip": on_text("strip", (lambda r: r.choice([None, " ", "a", "abc", "ñé", "", "pad \n"]),)), "lstrip": on_text("lstrip", (lambda r: r.choice([None, "a", "Hh"]),)),
    "rstrip": on_text("rstrip", (lambda r: r.choice([None, "abdlx", "Σ"]),)),
    "split": on_text("split", (lambda r: r.choice([None, NEEDLE, NEEDLE, " "]),), (small,)), "join": lambda r: (word(r), r.choice([words(r), words(r), words(r), word(r), {word(r): 1}, 5])),
    "replace": on_text("replace", needle_arg, word, (small,)), "startswith": on_text("startswith", lambda r: r.choice([NEEDLE, NEEDLE, "", words(r)]), (small,), (small,)),
    "endswith": on_text("endswith", lambda r: r.choice([NEEDLE, NEEDLE, "", words(r)]), (small,), (small,)),
    "find": on_text("find", needle_arg, (small,), (lambda r: r.choice([small(r), None]),)), "count": on_text("count", needle_arg, (small,), (small,)),
    "isdigit": on_text("isdigit"), "isalpha": on_text("isalpha"), "isalnum": on_text("isalnum"), "zfill": on_text("zfill", lambda r: r.choice([0, 3, 5, 12, -1])),
    "format": lambda r: (template(r),) + tuple(value(r, 1) if r.random() < 0.4 else number(r) for _ in range(r.randint(0, 3))),
}
LIST_METHODS = {
    "append": on_list(value), "extend": on_list(iterable), "insert": on_list(small, value), "pop": on_list((small,)), "remove": on_list(needle_arg),
    "index": on_list(needle_arg, (small,), (small,)), "count": on_list(needle_arg), "sort": on_list(), "reverse": on_list(), "copy": on_list(), "clear": on_list(),
}
DICT_METHODS = {
    "get": on_dict(needle_arg, (value,)), "keys": on_dict(), "values": on_dict(), "items": on_dict(), "update": on_dict((pairs,)), "pop": on_dict(needle_arg, (value,)),
    "setdefault": on_dict(needle_arg, (value,)), "copy": on_dict(), "clear": on_dict(),
}


def fits(v):
    if isinstance(v, bool) or v is None:
        return True
    if isinstance(v, int):
        return -2**63 <= v < 2**63
    if isinstance(v, float):
        return math.isfinite(v)
    if isinstance(v, (list, tuple)):
        return all(fits(i) for i in v)
    if isinstance(v, dict):
        return all(fits(k) and fits(i) for k, i in v.items())
    return True


def run(name, args, kw):
    lists = {"range", "zip", "enumerate", "reversed", "keys", "values", "items"}
    if name == "%":
        return args[0] % args[1]
    if name in BUILTINS:
        f = __builtins__.type if name == "type" else getattr(__builtins__, name)
        result = f(*args, **kw)
        if name == "type":
            return result.__name__
    else:
        result = getattr(args[0], name)(*args[1:], **kw)
    if name in lists:
        result = list(result)
    return result


def outcome(name, args, kw):
    try:
        result = run(name, args, kw)
    except (TypeError, AttributeError):
        return "!type_error"
    except OverflowError:
        return "!overflow"
    except MemoryError:
        return ""
    except Exception:
        return "!runtime_error"
    if not fits(result):
        return "!overflow"
    if isinstance(args[0] if args else None, (list, dict)) and name not in BUILTINS:
        result = (result, args[0])
    return repr(result)


def cases(r, n):
    for name, make in [*BUILTINS.items(), *EXTRA.items(), *METHODS.items()]:
        for _ in range(n):
            real = r.choice(["min", "max"]) if name == "minmax" else name
            kw = {}
            if name == "sorted" and r.random() < 0.4:
                kw = {"reverse": r.choice([True, False, 1, 0])}
            if name == "format" and r.random() < 0.6:
                kw = {"k": value(r, 1), "name": {"a": number(r), "b": [1, 2], "k": word(r)}}
            yield real, make(r), kw
    for name, make in [*LIST_METHODS.items(), *DICT_METHODS.items()]:
        for _ in range(n):
            yield name, make(r), {"reverse": True} if name == "sort" and r.random() < 0.4 else {}
    for _ in range(6 * n):
        yield "%", (percent(r), percent_args(r)), {}
    for _ in range(6 * n):
        v = r.choice([number(r), number(r), word(r), number(r), value(r)])
        yield "format", ("{:" + spec(r) + "}", v), {}
    for _ in range(n):
        yield "index", (tuple(same(r)), value(r)), {}
        yield "count", (tuple(same(r)), value(r)), {}


def differs(name, args, kw):
    """What AVAP does otherwise on purpose."""
    if name in ("str", "bytes") and len(args) > 1:
        return True
    if name == "format" and any(isinstance(a, (list, dict)) for a in [*args, *kw.values()]) and "." in args[0]:
        return True  # .key reads a dict
    if name == "dict" and not fits(args):
        return True
    if name in ("int", "float") and args and isinstance(args[0], str) and args[0].isascii() and any("\x1c" <= c <= "\x1f" for c in args[0]):
        return True
    if not fits(args):
        return True
    if name in DICT_METHODS and any(isinstance(a, (tuple, list, dict)) for a in args[1:2]):
        return True  # a tuple is no key
    if name == "%" and any(isinstance(a, int) and abs(a) > 1e6 for a in (args[1] if isinstance(args[1], tuple) else ())) and "*" in args[0]:
        return True  # too wide
    if name == "format" and "}}" in args[0] and any(isinstance(a, int) and a > 1e6 for a in args):
        return True
    if name == "format" and "%}" in args[0] and 1.7976931348623157e308 in args:
        return True  # infinite
    if name == "sum" and any(w in repr(args) for w in ("922337203685477580", "00000000000")):
        return True  # a part of the sum is too large
    text = repr(args)
    return name == "type" and len(args) != 1 or "<" in text and "needle" in text


def main():
    seed, n = int(sys.argv[1]), int(sys.argv[2])
    r, seen = random.Random(seed), set()
    print("# What CPython 3.11 says of built-ins, methods and formats: name, arguments, keyword")
    print("# arguments, result; an error is its code. Written by library.py", seed, n)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    for name, args, kw in cases(r, n):
        if differs(name, args, kw):
            continue
        head = f"{name}\t{args!r}\t{kw!r}"
        if head in seen:
            continue
        seen.add(head)
        try:
            line = f"{head}\t{outcome(name, args, kw)}"
            line.encode()
        except (UnicodeEncodeError, RecursionError):
            continue
        if len(line) < 1500 and line[-1] != "\t":
            print(line)


main()
