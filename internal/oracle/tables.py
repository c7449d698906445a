"""The systematic part: operators, built-ins, methods and formats over tables.

Every expression here is spelled alike in AVAP and in Python. Holes of the
patterns are filled with every combination of their columns.
"""

import itertools

INTS = (
    "0 1 -1 2 3 -3 7 -7 10 255 1000000007 4294967296 9007199254740993"
    " 4611686018427387904 9223372036854775807 (-9223372036854775808)"
).split()
FLOATS = (
    "0.0 -0.0 0.1 0.5 -0.5 1.5 2.5 -2.5 3.0 1e16 1e-5 3.14159 1e308 -1e308 5e-324"
    " 1e22 123456789.125 0.30000000000000004 9007199254740992.0"
    " 9223372036854775807.0 2.675 1e100"
).split()
NUMBERS = INTS + FLOATS + ["True", "False"]

# One or two of every kind.
KINDS = [
    "None", "True", "3", "-2.5", '""', '"ab"', "[]", "[1, 2]", "(1, 2)", "()",
    '{"a": 1}', "{}",
]  # fmt: skip

ARITHMETIC = ["+", "-", "*", "/", "//", "%", "**"]
ORDERINGS = ["==", "!=", "<", "<=", ">", ">="]
OPERATORS = ARITHMETIC + ORDERINGS + ["in", "not in", "is", "is not", "and", "or"]

TEXTS = [
    '""', '"abc"', '"Hello World"', '"  pad\\t "', '"ñandú ÉTÉ"', '"straße"',
    '"İstanbul ıI"', '"ΑΣ ΟΔΟΣ Σ ς"', '"ǆ ǅ ﬁn"', '"👍🏽 ok"', '"e\\u0301a É"',
    '"123"', '"٣٤"', '"²½Ⅷ"', '"a1b2"', '"they\'re o\'neil"', '"a,b,,c"',
    '"x\\ty\\nz"', '"\\u00a0x\\u2003y\\u001c"', '"_a-b_c 1st"', '"中文 日本"', '" "',
    '"\\u200b"', '"ŉ ΐ"', '"ABC9d"', '"\\u0000"', '"½"', '"ª"', '"-"',
]  # fmt: skip

# Method of a string, receivers, arguments.
TEXT_METHODS = [
    ("upper lower title capitalize strip lstrip rstrip isdigit isalpha isalnum split",
     TEXTS, [""]),
    ("strip lstrip rstrip",
     ['"xxabcxx"', '"  a b  "', '"éaé"', '"abc"', '""', '"\\t x\\n"'],
     ['"x"', '"ax"', '" "', '""', "None", '"é"', '"cba"', "1"]),
    ("split",
     ['"a,b,,c"', '" a  b "', '""', '"abc"', '"a\\nb\\r\\nc"', '"--a--b--"', '"ñ,é"'],
     ['","', "None", '" "', '",", 1', "None, 1", '",", 0', "None, 0", '",", -1', '"--"',
      '""', "1", '"\\n"', '",", 9', "None, -1", '"b"', '",", "1"', '",", True']),
    ("join",
     ['", "', '""', '"é"', '"--"'],
     ['["a", "b", "c"]', '("x", "y")', '"abc"', "[]", '{"k": 1, "l": 2}', "[1, 2]",
      '["a", None]', "5", '["solo"]', '[""]', '["", ""]', '["ñ", "👍"]']),
    ("replace",
     ['"banana"', '""', '"aaa"', '"ñandú"', '"a.b"'],
     ['"a", "o"', '"a", ""', '"", "-"', '"an", "AN"', '"a", "o", 1', '"a", "o", 0',
      '"a", "o", -1', '"", "-", 2', '"zz", "y"', '"ñ", "nn"', '"a", 1', '"aa", "b"',
      '".", "\\\\"', '"a", "aa"', "None, \"x\""]),
    ("startswith endswith",
     ['"Hello"', '""', '"ñandú"', '"lo lo"'],
     ['"He"', '"lo"', '""', '("He", "lo")', "()", '"ñ"', '"ú"', '"l", 3', '"H", 1',
      '"lo", -2', '"", 9', '"e", 1, 2', '"He", None, None', '["He"]', "1", '("a", 1)',
      '"Hello World"', '"lo", 0, -3', '("ell", "H"), 1', '"", 5', '"", 6']),
    ("find count",
     ['"banana"', '""', '"ñañaña"', '"aaaa"', '"👍a👍"'],
     ['"a"', '"an"', '"aa"', '""', '"z"', '"ña"', '"a", 2', '"a", -1', '"a", 1, 3',
      '"", 3', '"", 9', '"a", None, 2', '"a", -3, -1', '"👍"', "1", '"a", 5, 1',
      '"", 6', '"a", 1.5', '"a", True']),
    ("zfill",
     ['"5"', '"-5"', '"+5"', '""', '"abc"', '"--1"', '"é"', '"-"', '"3.14"'],
     ["0", "1", "3", "5", "-2", "True", "2.0", '"3"', "None"]),
    ("upper strip split find isdigit", ["(5)", "[1]", "None", "(1, 2)", "(1.5)"], [""]),
    ("join replace startswith zfill format", ["[1]", "None", "{}"], ['"a"']),
]  # fmt: skip

LISTS = [
    "[]", "[1]", "[1, 2, 3]", '["a", 1.0, None, "a"]', "[[1], (2,), {}]", "[True, 0, -0.0]",
    '["", [], 9223372036854775807]',
]  # fmt: skip
DICTS = [
    "{}", '{"a": 1}', '{"a": 1, 2: "b", None: 3}', '{"b": [2], "a": {}}', "{1: 0, 2.5: ()}",
    '{True: "t", "": None}',
]  # fmt: skip

# Method of a list or dict, receivers, arguments. What the method gives, and
# what it leaves behind, in one value.
CHANGES = "[[x.{0}({2}), x] for x in [{1}]][0]"
CONTAINER_METHODS = [
    ("append", LISTS + ["(1,)", '"ab"', "{}"], ["1", "None", "[2]", '{"k": 1}', '"x"']),
    ("extend", LISTS,
     ["[2, 3]", "(4,)", '"ab"', '{"k": 1}', "[]", "5", "None", "range(3)",
      "y * 2 for y in [1, 2]"]),
    ("insert", LISTS,
     ["0, 9", "1, 9", "-1, 9", "99, 9", "-99, 9", "True, 9", '"0", 9', "1.0, 9"]),
    ("pop", LISTS, ["", "0", "-1", "1", "5", "-9", "True", '"0"']),
    ("remove count index", LISTS + ["[1, 2, 1, True, 1.0]"],
     ["1", "2", '"a"', "None", "True", "0.0", "[1]", "(2,)", "7", '""']),
    ("index", ["[1, 2, 1, 2]"],
     ["1, 1", "1, 1, 2", "1, -1", "2, -3", "2, -9, 9", "1, None", '1, "0"', "2, 1, -1"]),
    ("sort", ["[3, 1, 2]", '["b", "A", "a", "é"]', "[]", '[1, "a"]', "[[2], [1, 5], []]",
              "[1.5, 1, True, 0]", "[(2, 1), (1, 9)]", "[None, 1]", "[{}, {}]", "[None]"],
     ["", "reverse=True", "reverse=False", "reverse=1"]),
    ("reverse copy clear", LISTS + DICTS + ["[3, 2, 1]", '"ab"', "(1,)"], [""]),
    ("get pop setdefault", DICTS,
     ['"a"', '"z"', '"z", 0', "2", "2.0", "None", "True", "[]", '"a", 5', '"z", None',
      "1.0, 2"]),
    ("get", ["[1]", '"a"'], ["0"]),
    ("keys values items", DICTS + ["[1]"], [""]),
    ("update", DICTS,
     ['{"b": 2}', '{"a": 3, "c": 4}', '[["k", 1], ("l", 2)]', "{}", "[]", "[1]", "5",
      '[["k"]]', "None", '["xy"]', "[[[], 1]]", "zip([1], [2])"]),
]  # fmt: skip

ANY = KINDS + [
    "0", "1.0", "-0.0", "1e16", "1e-5", '"12"', '" 7 "', '"1.5"', '"ñ"', "[3, 1, 2]",
    '["b", "a"]', "[[1], [2, 3]]", "(0, None)", '{"b": 2, 1: "x"}', "range(4)",
    "[0, 0.0, False]", '[""]', "9223372036854775807", "(-9223372036854775808)", "1e308",
    '"a\'b"', '["it\'s", \'say "x"\', "both\'\\""]', '"\\u0007\\u00a0\\u00ad\\ufeff"',
    '["\\u0007", "\\n", "\\\\", "é", "\\u2028", "👍"]', "[None, True, -1.5]", "((1,), [()])",
    "{None: None, True: [1], 2.5: {}}",
]  # fmt: skip

# Built-in, arguments.
CALLS = [
    ("str bool type len list tuple any all sorted reversed min max sum dict enumerate",
     ANY),
    ("int float abs round ord",
     NUMBERS + ["None", '"a"', '"é"', '"👍"', '"ab"', '""', "[]", '"12"', '" 12\\n"',
                '"-5"', '"+5"', '"1_000"', '"1__0"', '"٣٤"', '"5.5"', '"1e5"', '".5"',
                '"5."', '"inf"', '"-Infinity"', '"nan"', '"1e400"', '"1e-400"', '"0x1f"',
                '"9223372036854775807"', '"9223372036854775808"', '"-9223372036854775808"',
                '"007"', '"- 5"', '"1 2"', '"\\u00a07\\u2003"', '"_1"', '"1_0.5_0"', '"½"',
                '"1e"', '"0b1"', '"True"', '"1.7976931348623157e308"', '"2e308"']),
    ("str int float bool list tuple dict", [""]),
    ("int",
     ['"12", 16', '"ff", 16', '"0xff", 16', '"0xff", 0', '"z", 36', '"12", 2', '"10", 1',
      '"10", 37', "5, 10", '"-101", 2', '"7f_ff", 16', '"0o17", 0', '"012", 0', '"12", 10',
      '"7fffffffffffffff", 16', '"8000000000000000", 16', '"-8000000000000000", 16',
      '"0b11", 0', '"0", 0', '"1", "2"', '"", 16', '" 1f ", 16', "1.5, 10"]),
    ("round",
     ["2.675, 2", "1.005, 2", "0.5, 0", "1.5, 0", "2.5, 0", "-2.5, 0", "15, -1", "25, -1",
      "-15, -1", "1234.5678, -2", "1234, 2", "1234, -2", "1250, -2", "1350, -2", "5, -1",
      "9223372036854775807, -1", "9223372036854775800, -1", "2.5, None", "3.7, None",
      "1e22, -20", "0.1, 20", "1e308, -308", "1.7e308, -308", "True, 0", "7, True",
      '"2", 1', "2.5, 1.0", "123.456, 1", "-0.04, 1", "5e-324, 400", "1e16, 3",
      "0.125, 2", "0.375, 2", "2.5, -1", "99, -3", "550, -3", "500, -3", "1500, -3",
      "(-9223372036854775808), -1", "4611686018427387904, -18", "7, -30", "None, 1",
      "9.995, 2", "1e-7, 7", "12345678.9, 0", "[], 1"]),
    ("min max",
     ["1, 2", "2, 1.0", "1, 1.0", "1.0, 1", "True, 1", '"b", "a"', '"a", "B", "é"', "3, 1, 2",
      "[1, 2], [1]", "(1,), (2,)", '1, "a"', "None, 1", "x * x for x in [3, -4, 2]", "-0.0, 0.0",
      "0.0, -0.0", '["bb", "c", "a"]', '{"z": 1, "y": 2}', "[1], (1,)",
      "9223372036854775807, 9223372036854775807.0", "[[2, 1], [1, 9]]", "[None, None]"]),
    ("sum",
     ["[1, 2, 3], 10", "[1.5, 2]", "[[1], [2]], []", "[(1,)], ()", '["a"], ""', '["a"]',
      "[True, True]", "[9223372036854775807, 1]", "[9223372036854775807, 1, -1]",
      "[9223372036854775807], 1.0", "[1e308, 1e308]", "x for x in range(5)", "[], None",
      '[1], "a"', "{1: 2, 3: 4}", "(0.5, 0.25), 1", "[-9223372036854775807, -1]", "[[1]]",
      "range(101)", "[None]"]),
    ("sorted",
     ["[3, 1, 2], reverse=True", '"hello"', '"hello", reverse=True', "[1, True, 1.0, 0]",
      "[1, True, 1.0, 0], reverse=True", '["b", "A", "ñ", "a", "👍", "z"]', '[1, "a"]',
      "[[2, 1], [1, 2], [1]]", '{"b": 1, "a": 2}', '[(1, "b"), (1, "a")]', "[None, None]",
      "[2.5, 2, -1]", "-x for x in [1, 3, 2]", "[{}, {}]", "[], reverse=False",
      "(3, 1), reverse=2 > 1", "[(1, None), (0, 1)]", "[(1, None), (1, 2)]", "[[1], (1,)]"]),
    ("range",
     ["5", "0", "-3", "2, 5", "5, 2", "0, 10, 3", "10, 0, -3", "0, 5, 0", "1, 2, -1", "True",
      "1.0", '"3"', "None", "2, None", "-3, 3, 2", "9223372036854775806, 9223372036854775807",
      "9223372036854775800, 9223372036854775807, 100", "0, 9223372036854775807, 4611686018427387904",
      "3, -4, -2", "(-9223372036854775808), 9223372036854775807, 9223372036854775807"]),
    ("enumerate",
     ['"ab", 1', "[5, 6], -1", '["a"], 9223372036854775807', '["a", "b"], 9223372036854775807',
      '{"x": 1}, 5', '"ab", 1.5', "[], 3", '(1,), True', '"é👍"']),
    ("zip",
     ["", '"ab"', '"ab", [1, 2]', '"abc", [1]', "[1, 2], (3, 4), {5: 6, 7: 8}", "[], [1]", "1, [2]",
      "[1], None", "range(3), range(9)"]),
    ("dict",
     ['[["a", 1], ["b", 2]]', '[("a", 1), ("a", 2)]', '["ab", "cd"]', '[["a"]]', "[[1, 2, 3]]",
      "[1]", "zip([1, 2], [3, 4])", '[[[], 1]]', '{"a": 1}.items()', "[[1, 2], [1.0, 3], [True, 4]]",
      "enumerate([5])", "(x, x * x) for x in range(3)", "[[None, 1]]", '[("k", [])]']),
    ("any all",
     ['["", 0]', '[[], [0]]', "x > 2 for x in [1, 2, 3]", "x > 0 for x in [1, 2]", "[None]",
      '{"": 1}', '"\\u0000"', "x for x in []", "[-0.0, 0]"]),
    ("chr", ["65", "233", "8364", "128077", "0", "9", "-1", "1114111", "1114112", "65.0", '"a"',
             "True", "127", "160", "173", "57344", "None"]),
    ("ord", ['"a"', '"\\u0000"', '"\\n"', '"€"', '["a"]', '"\\ufeff"']),
    ("abs", ["-5", "-2.5", "-0.0", "True", "-9223372036854775807", '"1"']),
    ("tuple list", ['"ñ👍"', "range(3)", "x for x in [1, 2]", '{"a": 1, "b": 2}', "(1, [2])"]),
    ("bool", ['"False"', "[0]", "0.0", "-0.0", "None", "5e-324", "{0: 0}", "(None,)", '" "']),
    ("str", ["x for x in [1, 2]", "1e15", "1e17", "123456789012345680.0", "0.0001", "0.00001",
             "1.0", "100000000000000000000.0", "5e-324", "1.7976931348623157e308", "2.5e-7",
             "0.1 + 0.2", "1 / 3", "-1 / 3", "1e21 / 7", "[1.0, -0.0, 1e16, 1e-5]",
             '("a",)', "[[], (), {}]", '["\\t", "\'", \'"\', "\\"\'"]', "type(1)"]),
]  # fmt: skip

SEQUENCES = ['"añb👍c"', "[0, 1, 2, 3, 4]", "(0, 1, 2)", '""', "[]"]
INDEXES = ["0", "1", "-1", "4", "-5", "5", "-6", "True", "1.0", '"a"', "None", "2 - 1",
           "9223372036854775807", "(-9223372036854775808)"]  # fmt: skip
BOUNDS = ["", "0", "1", "-1", "3", "-4", "9", "-9", "None"]
STEPS = ["", ":", ":1", ":2", ":-1", ":-2", ":None", ":9", ":-9"]

# Pattern of %, and the values that make sense behind it.
PERCENT_FLAGS = ["", "-", "+", " ", "0", "#", "-0", "+0", "#0", "+-", " 0"]
PERCENT_WIDTHS = ["", "3", "8"]
PERCENT_PRECISIONS = ["", ".0", ".1", ".3", "."]
PERCENT_NUMBERS = ["0", "42", "-42", "True", "2.5", "-2.5", "0.0", "-0.0", "1234567.891",
                   "1e-7", "1e22", "9223372036854775807", "(-9223372036854775808)", "2.675"]
PERCENT_INTS = ["0", "42", "-255", "True", "9223372036854775807", "(-9223372036854775808)"]
PERCENT_ANY = ["None", '"ab"', '"ñ👍é"', "[1, 'x']", "2.50", "{}", '"it\'s"']
PERCENTS = [
    ("d i u e E f F g G", PERCENT_NUMBERS),
    ("x X o", PERCENT_INTS),
    ("s r a", PERCENT_ANY),
    ("c", ["65", '"é"', '"👍"', "10"]),
]

FORMAT_FILLS = ["", "<", ">", "^", "=", "*<", "é^", "0>", "_="]
FORMAT_SIGNS = ["", "+", "-", " "]
FORMAT_WIDTHS = ["", "#", "0", "8", "08", "#06", "2", "13"]
FORMAT_PRECISIONS = ["", "", ",", "_", ".0", ".2", ",.3", ".10", "_.1"]
FORMATS = [
    (["", "e", "E", "f", "F", "g", "G", "%"],
     ["0.0", "-0.0", "1.5", "-1234567.891", "1e22", "1e-7", "42", "-7", "True",
      "9223372036854775807", "2.675", "1e16", "0.5"]),
    (["", "d", "b", "o", "x", "X", "c"],
     ["0", "42", "-1234567", "True", "65", "9223372036854775807", "(-9223372036854775808)"]),
    (["", "s"], ['"ab"', '""', '"ñ👍é"', '"longer text"']),
]  # fmt: skip

# Whole expressions that no table above makes.
SINGLES = r"""
"%s is %d and %.2f" % ("a", 3, 2.5)
"%s" % ("a",)
"%s" % "a"
"%s %s" % ("a",)
"%s" % ("a", "b")
"%d" % "a"
"%d" % None
"%x" % 2.5
"%f" % "1"
"%c" % "ab"
"%c" % ""
"%c" % 1.5
"%%"
"%%" % ()
"100%%" % ()
"%d%%" % 50
"%5.1f%%" % 12.345
"%" % 1
"%q" % 1
"%s" % ()
"abc" % ()
"abc" % {}
"abc" % []
"abc" % [1]
"abc" % 5
"abc" % "x"
"abc" % {"a": 1}
"" % ()
"%s" % [1, 2]
"%s" % {"a": 1}
"%(k)s" % {"k": 1}
"%(k)s %(l)d" % {"k": "v", "l": 2}
"%(k)5.1f|" % {"k": 2.25}
"%(k)-5s|%(k)s" % {"k": "a"}
"%(z)s" % {"k": 1}
"%(k)s" % 5
"%(k)s" % [1]
"%(k)s %%" % {"k": 1}
"%(a b)s" % {"a b": 1}
"%()s" % {"": 1}
"%*d|" % (5, 3)
"%-*d|" % (5, 3)
"%.*f" % (2, 3.14159)
"%*s|" % (-5, "a")
"%*d" % ("5", 3)
"%ld" % 3
"%s %s" % (None, True)
"%s" % None
"%r" % "it's"
"%r %s" % ("a", "a")
"%a" % "é"
"%5s|%-5s|%.2s" % ("ab", "ab", "abc")
"%s" % ((1, 2),)
"%s, %s" % (1, [2])
"%d" % True
"%d" % -2.9
"%i" % 2.9
"%.3s" % 3.14159
"%05d" % -42
"%+.1e" % 12345.678
"%g" % 100000.0
"%g" % 1000000.0
"%g" % 0.0001
"%g" % 0.00001
"%#x" % 255
"%#o" % 8
"%x" % -255
"%s" % "%s"
"%s%s" % ("%d", 1)
"{}".format(1)
"{} {}".format(1, "a")
"{1} {0}".format("a", "b")
"{0}{0}".format("a")
"{name}".format(name="x")
"{a} {b}".format(b=1, a=2)
"{} {name}".format(1, name="x")
"{}".format()
"{} {}".format(1)
"{z}".format(a=1)
"{} {0}".format(1)
"{0} {}".format(1)
"{".format()
"}".format()
"{}}".format(1)
"{{}}".format()
"{{{}}}".format(1)
"{{x}} {}".format(2)
"{0[k]}".format({"k": 1})
"{0[1]}".format(["a", "b"])
"{a[k]}".format(a={"k": [1]})
"{0[z]}".format({"k": 1})
"{0[9]}".format([1])
"{0[k]}".format([1])
"{0[k][1]}".format({"k": [1, 2]})
"{0[0]}".format("añ")
"{[k]}".format({"k": 1})
"{!r}".format("it's")
"{!s}".format([1, "a"])
"{!a}".format("é")
"{!r:>6}".format("a")
"{!s:5}|".format(None)
"{!x}".format(1)
"{:>10}".format("ab")
"{:<5}|".format(42)
"{:^7}".format(1.5)
"{:*^9}".format("mid")
"{:,}".format(1234567)
"{:_}".format(1234567)
"{:,}".format(-1234.5)
"{:.2f}".format(3)
"{:d}".format(2.5)
"{:x}".format(255)
"{:#x}".format(255)
"{:08.3f}".format(-3.14159)
"{:+d}".format(5)
"{:%}".format(0.256)
"{:.1%}".format(0.256)
"{:e}".format(12345.678)
"{:g}".format(1e10)
"{:c}".format(233)
"{:b}".format(10)
"{:5}|{:<5}|".format(True, True)
"{}".format(True)
"{:d}".format(True)
"{:s}".format(True)
"{:s}".format("a")
"{:s}".format(1)
"{:d}".format("a")
"{:5}".format(None)
"{:5}".format([1])
"{}".format(None)
"{:}".format([1])
"{:.1}".format("abc")
"{:=5}".format("a")
"{:,}".format("a")
"{:,x}".format(255)
"{:_x}".format(65535)
"{:>{}}".format("a", 4)
"{:>{w}}".format("a", w=4)
"{0:{1}.{2}f}".format(3.14159, 8, 2)
"{:{}}".format("ab", ">6")
"{:q}".format(1)
"{:010}".format("ab")
"{:.}".format(1.5)
"{} {} {}".format([1], (2,), {"k": None})
"{:>8}|{:<8}|{:^8}".format("ñ", "é", "👍")
"{:.3}".format(1234.5)
"{:.3}".format(2.0)
"{:}".format(1e16)
"{:f}".format(1e16)
"{:.0f}".format(0.5)
"{:.0f}".format(1.5)
"{:.0f}".format(2.5)
"{:#.0f}".format(2.5)
"{:,.2f}".format(1234567.891)
"{:012,}".format(1234567)
"{: }".format(5)
"{:-^20}".format("title")
1 < 2 < 3
1 < 3 < 2
3 > 2 >= 2 != 1
1 == 1.0 == True
1 < 2 > 1 in [1]
"a" < "b" < "c"
1 < 2 < "a"
2 < 1 < "a"
1 in [1] == True
not 1 == 2
not 1 in [2]
not not 1
not None and 1
1 or 1 / 0
0 and 1 / 0
0 or "" or None
1 and "a" and []
None or 0 and 1
1 if 0 else 2 if 0 else 3
1 if 1 else 1 / 0
(1 if 0 else 2) + 1
1 + 1 if 0 else 2
1 or 2 if 0 else 3
-2 ** 2
(-2) ** 2
2 ** -1
2 ** 3 ** 2
(2 ** 3) ** 2
-2 ** -2
2 ** -2 ** 2
--5
- -5
-(-5)
not -1
-True
2 * -3
2 - -3
2--3
10 - 4 - 3
2 * 3 % 4
2 + 3 * 4 ** 2
7 // 2 * 2
-7 // 2
7 // -2
-7 % 3
7 % -3
-7.5 // 2
-7.5 % 2
7.5 % -2
5.0 // 0.1
5.0 % 0.1
1e16 % 0.1
-1e-300 % 1.0
1 / 0
1 // 0
1 % 0
1.0 / 0
1.0 // 0.0
1.0 % 0
0 ** -1
0.0 ** -1
0 ** 0
0.0 ** 0
10 ** 18
10 ** 19
2 ** 62
2 ** 63
(-2) ** 63
(-2) ** 64
1 ** 9223372036854775807
(-1) ** 9223372036854775807
0 ** 9223372036854775807
2 ** 9223372036854775807
2 ** -9223372036854775807
2.0 ** 1024
2.0 ** -1080
10.0 ** 308
10.0 ** 309
9223372036854775807 + 1
9223372036854775807 - -1
-9223372036854775808
-9223372036854775807 - 1
-9223372036854775807 - 2
[-9223372036854775808]
-(-9223372036854775808)
abs(-9223372036854775808)
(-9223372036854775808) // -1
(-9223372036854775808) % -1
(-9223372036854775808) / -1
9223372036854775807 * 2
3037000500 * 3037000500
3037000499 * 3037000499
9223372036854775807 / 3
9223372036854775807 / 9223372036854775806
9007199254740993 / 1
9223372036854775807 == 9223372036854775807.0
9223372036854775807 < 9223372036854775807.0
9007199254740993 == 9007199254740992.0
9007199254740993 > 9007199254740992.0
9223372036854775808
1 if True else 9223372036854775808
1e400
1e308 * 10
-1e308 * 10
1e308 + 1e308
1e308 - -1e308
1e-400
1e-320 / 10
5e-324 / 2
0.1 + 0.2
1.1 * 1.1
1e16 + 1
1 - 0.9
0.1 * 3
100 * 1.1
1e22 + 1.0
123456789 * 1.1
True + True
True * 3
True / 2
True + 1.5
False ** False
True == 1
True is 1
True is True
1 is 1
1 is 1.0
"a" is "a"
None is None
None is not 0
(1, 2) is (1, 2)
(1,) is (1.0,)
[] is []
[] is not []
{} is {}
() is []
-0.0 is 0.0
[x is x for x in [[], {}]]
[a is b for a in [[1]] for b in [[1]]]
[a == b for a in [[1]] for b in [[1]]]
[1, 2] == [1.0, 2.0]
[1, 2] == (1, 2)
[1, 2] < [1, 3]
[1, 2] < [1, 2, 0]
[1, "a"] < [2, 1]
[1, "a"] < [1, 2]
[None] == [None]
[None] < [None]
(1, 2) <= (1, 2)
{"a": 1, "b": 2} == {"b": 2, "a": 1}
{1: 2} == {1.0: 2}
{} < {}
{1: "a", True: "b", 1.0: "c"}
{1.0: "a", 1: "b"}
{0: "a", False: "b", -0.0: "c", None: "d"}
{True: 1, "True": 2}
{None: 1, "None": 2}
{1: 1, "1": 2, 1.5: 3}
{9007199254740993: 1, 9007199254740992.0: 2}
{[1]: 1}
{{}: 1}
{(1, 2): 1}
{"a": 1}[1]
{"a": 1}["a"]
{1: "x"}[True]
{1: "x"}[1.0]
{1: "x"}[[]]
{"a": {"b": [1, {"c": 2}]}}.a.b[1].c
{"a": 1}.a
{"a": 1}.z
[1].a
"ab".a
None.a
(5).a
{"a": [1, 2]}.a[-1]
{"name": "x"}.name.upper()
{"items": 1}.items
{"items": 1}.items()
[{"n": 1}, {"n": 2}][1].n
"a" in {"a": 1}
1 in {True: 0}
[] in {}
"" in ""
"b" in "abc"
"bc" in "abc"
"ac" in "abc"
1 in "1"
None in "a"
1 in 5
1 in None
1.0 in [1]
True in [1]
[1] in [[1]]
"é" in "cafe\u0301"
"a" not in "b"
1 not in [2]
[1] + [2]
[1] + (2,)
(1,) + (2,)
[1] * 3
3 * [1]
"ab" * 3
3 * "ab"
"ab" * -1
"ab" * True
[] * 5
(1,) * 2
[1] * 1.0
"a" * "b"
"a" + 1
1 + "a"
"a" + None
"a" - "b"
-"a"
-[1]
-None
-{}
[1] - [1]
{"a": 1} + {"b": 2}
[[]] * 3
[x.append(1) for x in [[]] * 3]
[[x[0].append(1), x] for x in [[[]] * 3]][0][1]
(1)
(1,)
()
((1))
((1, 2), 3)
[]
{}
[[], [[]], [[[]]]]
[1, 2.0, "3", None, True, [4], (5,), {"6": 6}]
[1,2,3][0]
"abc"[1]
"abc"[-1]
"abc"[3]
[1, 2][2]
[1, 2]["0"]
[1, 2][None]
(1, 2)[5]
5[0]
None[0]
None["a"]
True[0]
1.5[0]
5[0:1]
[1, 2, 3][::0]
"abc"["a":]
[1, 2, 3][1.0:]
[1, 2, 3][True:]
[1, 2, 3][:None]
[[1, 2], [3, 4]][1][0]
"abc"[1:][0]
missing
missing + 1
[missing]
missing.a
missing[0]
len(missing)
{"a": missing}
1 if missing else 2
True or missing
False and missing
missing or 1
[x for x in [1]] + [x]
[x for x in missing]
[x for x in x]
[missing for x in []]
[missing for x in [1]]
[y for x in [1] for y in y]
[y for x in y for y in [1]]
[x for x in [1] if missing]
missing.upper()
"a".join(missing)
[x * x for x in range(5)]
[x for x in range(10) if x % 2 == 0]
[x for x in range(10) if x % 2 if x > 3]
[(x, y) for x in [1, 2] for y in "ab"]
[[y for y in range(x)] for x in range(4)]
[x for x in [1, 2] for x in [x, x * 10]]
[x for row in [[1, 2], [3]] for x in row]
[x + y for x in [1, 2] if x > 1 for y in [10, 20] if y > 10]
[k for k, v in {"a": 1, "b": 2}.items() if v > 1]
[k + v for k, v in ["ab", "cd"]]
[a + b + c for a, b, c in [(1, 2, 3)]]
[k for k, v in [1]]
[k for k, v in [[1]]]
[k for k, v in [[1, 2, 3]]]
[k for k, v in [(1, [])]]
[x for x in 5]
[x for x in None]
[x for x in "añ👍"]
[x for x in {"a": 1, "b": 2}]
[x for x in (1, 2)]
[x if x > 1 else -x for x in [1, 2]]
[x for x in [1, 2] if x > 1 or x < 0]
[x for x in ([1] if True else [2])]
[1 / x for x in [1, 0]]
[x.upper() for x in ["a", "b"]]
[x.name for x in [{"name": "a"}, {"name": "b"}]]
{x: x * x for x in range(3)}
{k: v for k, v in [("a", 1), ("b", 2), ("a", 3)]}
{v: k for k, v in {"a": 1, "b": 2}.items()}
{k.upper(): v for k, v in {"a": 1}.items() if v}
{x: y for x in [1, 2] for y in [3, 4]}
{x: 1 for x in [1, True, 1.0]}
{x: 1 for x in [[]]}
{x: {y: x * y for y in [1, 2]} for x in [1, 2]}
{i: c for i, c in enumerate("ab")}
sum(x for x in [1, 2, 3])
sum(x * x for x in range(4) if x)
sum(x for x in [1, "a"])
any(x > 2 for x in [1, 2, 3])
all(x for x in [1, 0])
any(1 / x for x in [1, 0])
all(1 / x for x in [1, 0])
any(x for x in missing)
sorted(-x for x in [1, 3, 2])
list(x for x in "ab")
tuple(x for x in "ab")
len(x for x in [1, 2])
type(x for x in [1, 2])
reversed(x for x in [1, 2])
dict((k, 1) for k in "ab")
",".join(str(x) for x in [1, 2])
"".join(c for c in "abc" if c != "b")
min(len(w) for w in ["aa", "b"])
max(x for x in [])
enumerate(x for x in "ab")
zip(x for x in "ab")
sum([x for x in [1, 2]], 10)
range(3)
range(3)[1]
range(3) + [9]
range(3) == [0, 1, 2]
type(range(3))
zip([1], [2])[0]
type(zip())
type(enumerate([]))
type(reversed([]))
type({}.keys())
type({}.items())
{"a": 1}.keys() + ["b"]
{"a": 1}.items()[0]
{"a": 1}.values()[0]
{"b": 1, "a": 2}.keys()
len({"a": 1}.keys())
reversed("abc")
reversed({"a": 1, "b": 2})
reversed((1, 2))
reversed(range(3))
reversed(5)
enumerate("ab")[1]
type(1)
type(1.0)
type("a")
type(None)
type(True)
type([])
type(())
type({})
type(1 > 0)
type(1) == "int"
type(type(1))
[type(x) for x in [1, "a", None, 1.5, True, [], (), {}]]
str(1) + "a"
str("a'b")
str(["a'b"])
str([1, "a", None])
str((1,))
str({"a": [1, 2.0], 1: None})
str(1e16)
str(1e15)
str(-0.0)
str(0.1 + 0.2)
str(None) + str(True)
len("ñandú")
len("👍🏽")
len("e\u0301")
len([1, [2, 3]])
len({"a": 1})
len((1, 2))
len(5)
len(None)
"a\tb\n"
"\d+\w\."
"\\"
"\"'"
'it\'s'
"it's"
'say "x"'
'both \' and "'
["it's"]
['say "x"']
['both \' "']
["\\ \t \n \r"]
["\u0000\u0001\u001f\u007f"]
["\u0080\u009f\u00a0\u00ad"]
["\u200b\u200e\u2028\u2029\u202f\u3000\ufeff"]
["\ue000 \ufffd \uffff"]
["é ñ ü 中 👍 ̂"]
"\u0041\u00e9\u4e2d"
[1, 2].pop()
[].pop()
[1, 2].pop(0)
[1, 2].append(3)
[3, 1].sort()
[1].sort() == None
[1, 2].index(3)
[1].remove(2)
{"a": 1}.pop("a")
{"a": 1}.pop("b")
{"a": 1}.pop("b", 0)
{}.get("a")
{}.get("a", [])
{}.setdefault("a", []).append(1)
{"a": 1}.update({"b": 2})
"a".upper().lower().title()
" a b ".strip().split(" ")
"a-b-c".split("-")[1]
"x".join("abc").split("x")
"abc".find("c") == 2
"abc"[::-1].upper()
"%s" % "a".upper()
"%s" % 1 + "2"
"%d" % 3 * 2
"abc".replace("b", "x" * 3)
"Hello"[1:4] in "yellow"
len("a" * 5 + "b")
[1, 2, 3][len("a")]
{"a": 1}["a"] + 1
max([1, 5, 3]) - min([1, 5, 3])
sorted({"b": 1, "a": 2}.items())
[v for k, v in sorted({"b": 1, "a": 2}.items())]
dict(zip("ab", [1, 2]))
sum([[1, 2], [3]], [])
int("12") + float("0.5")
int(7.9) + int(-7.9)
int(True)
int("a")
float("a")
int(None)
float(None)
int([])
float([])
int(1e18)
int(1e19)
int(9223372036854774784.0)
int(9223372036854775807.0)
int(-9223372036854775808.0)
float(9223372036854775807)
float("1e308") * 1
bool("False") and bool(" ")
round(2.5)
round(3.5)
round(-2.5)
round(0.5)
round(-0.5)
round(1e300)
round(2.567, 2)
""".strip().splitlines()


def product(pattern, *columns):
    """The pattern with every combination of the columns in its holes."""
    return [pattern.format(*row) for row in itertools.product(*columns)]


def arithmetic():
    """Every operator between numbers, those at the edges among them."""
    return product("{} {} {}", NUMBERS, ARITHMETIC, NUMBERS)


def orderings():
    return product("{} {} {}", NUMBERS, ORDERINGS, NUMBERS)


def kinds():
    """Every operator between every two kinds."""
    return product("{} {} {}", KINDS, OPERATORS, KINDS) + product("not {}", ANY)


def unary():
    return product("-{}", [v for v in ANY + NUMBERS if v[0] != "-"])


def text_methods():
    return rows("{1}.{0}({2})", TEXT_METHODS)


def container_methods():
    return rows(CHANGES, CONTAINER_METHODS)


def rows(pattern, table):
    """The pattern with every combination of each row of a table in its holes."""
    return [e for names, *columns in table for e in product(pattern, names.split(), *columns)]


def calls():
    return rows("{}({})", CALLS)


def items():
    return product("{}[{}]", SEQUENCES, INDEXES)


def slices():
    return product("{}[{}:{}{}]", SEQUENCES[:3], BOUNDS, BOUNDS, STEPS)


def percents():
    out = []
    for letters, values in PERCENTS:
        out += product(
            '"%{}{}{}{}" % {}', PERCENT_FLAGS, PERCENT_WIDTHS, PERCENT_PRECISIONS,
            letters.split(), [f"({v},)" if v[0] == "{" else v for v in values],
        )  # fmt: skip
    return out


def formats():
    out = []
    for letters, values in FORMATS:
        out += product(
            '"{{:{}{}{}{}{}}}".format({})', FORMAT_FILLS, FORMAT_SIGNS, FORMAT_WIDTHS,
            FORMAT_PRECISIONS, letters, values,
        )  # fmt: skip
    return out


def singles():
    return SINGLES
