"""Expressions in two spellings: AVAP's and Python's."""

import typing


class Source(typing.NamedTuple):
    """One expression, or a piece of one, in both languages."""

    avap: str
    python: str


def joined(*pieces):
    """The pieces one after the other; a str is spelled alike in both."""
    both = [p if isinstance(p, Source) else Source(p, p) for p in pieces]
    return Source("".join(p.avap for p in both), "".join(p.python for p in both))


ESCAPED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
# Behind these a backslash is itself in AVAP, whatever Python makes of some.
UNESCAPED = set("dwsabfvxNU0179.+[(- ")


def quoted(text, rng):
    """A string literal."""
    quote = rng.choice("\"\"\"'")
    return Source(quote + escaped(text, quote, rng) + quote, ascii(text))


def template(texts, values, rng):
    """A template: texts around values, each value with whether it is a lone name."""
    avap, thunks = escaped(texts[0], "`", rng), []
    for (value, lone), text in zip(values, texts[1:]):
        avap += "${" + value.avap + "}" + escaped(text, "`", rng)
        thunk = f"lambda: {value.python}"
        thunks.append(f"lambda: lone({thunk})" if lone else thunk)
    python = f"template({', '.join([ascii(tuple(texts)), *thunks])})"
    return Source(f"`{avap}`", python)


def escaped(text, quote, rng):
    """What stands between the quotes for a text."""
    out, rest = [], iter(range(len(text)))
    for i in rest:
        char, after = text[i], text[i + 1 : i + 2]
        if char == "\\" and after in UNESCAPED and rng.random() < 0.6:
            out.append(char + after)
            next(rest)
        elif char == "\t" and rng.random() < 0.3:
            out.append(char)
        elif char == "\n" and quote == "`" and rng.random() < 0.3:
            out.append(char)
        elif char in ESCAPED:
            out.append(ESCAPED[char])
        elif char == quote or quote == "`" and char == "$" and after in ("", "{"):
            out.append("\\" + char)
        elif char in "\"'" and rng.random() < 0.2:
            out.append("\\" + char)
        elif not plain(char) or ord(char) < 0x10000 and rng.random() < 0.03:
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(char)
    return "".join(out)


def plain(char):
    """Whether a character may stand in a source as it is."""
    return char.isprintable() or char in "\u0301\u200d"
