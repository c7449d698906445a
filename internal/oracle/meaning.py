"""What an AVAP expression means, said by CPython.

AVAP's expressions (the language reference, docs/language.md, sections 3 and 4)
mean what Python 3 says, but for a few documented differences. evaluate() takes
an expression in Python's spelling, replaces every operation in its syntax tree
by a function of this file that adapts those differences, and runs the rest as
CPython runs it: scopes, order of evaluation and short cuts are Python's own.
"""

import ast
import decimal
import math
import operator
import re

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
LONGEST_TEXT = 2_000
LONGEST_RANGE = 500
DIGITS = decimal.Context(prec=60, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX, traps=[])

BUILTINS = frozenset(
    "str int float bool len abs min max round sum sorted reversed range list dict"
    " tuple type enumerate zip any all ord chr".split()
)
METHODS = {
    str: frozenset(
        "upper lower title capitalize strip lstrip rstrip split join replace"
        " startswith endswith find count isdigit isalpha isalnum zfill format".split()
    ),
    list: frozenset(
        "append extend insert pop remove index count sort reverse copy clear".split()
    ),
    dict: frozenset("get keys values items update pop setdefault copy clear".split()),
}
# Methods of dict whose first argument is a key.
KEYED = frozenset("get pop setdefault".split())


class OutOfContract(Exception):
    """The reference and Python together do not settle what this means."""


def code_of(error):
    """The code that AVAP gives an exception of Python; None where it has none."""
    # AttributeError is a key or method of a value that has none: a wrong kind.
    for kinds, code in (
        ((TypeError, AttributeError), "type_error"),
        (NameError, "name_error"),
        (OverflowError, "overflow"),
        ((ArithmeticError, LookupError, ValueError), "runtime_error"),
    ):
        if isinstance(error, kinds):
            return code
    return None


def checked(value):
    """The value, if AVAP has it; the error that it is there, if not."""
    kind = type(value)
    if kind is int:
        if not INT_MIN <= value <= INT_MAX:
            raise OverflowError("int leaves 64 bits")
    elif kind is float:
        if not math.isfinite(value):
            raise OverflowError("float is not finite")
    elif kind is str:
        # A surrogate is no UTF-8.
        if len(value) > LONGEST_TEXT or re.search("[\ud800-\udfff]", value):
            raise OutOfContract
    elif kind is list or kind is tuple:
        for item in value:
            checked(item)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is tuple:
                raise TypeError("a tuple is no key in AVAP")
            checked(key)
            checked(item)
    elif value is not None and kind is not bool:
        raise OutOfContract  # complex
    return value


def overflow():
    """A literal beyond 64 bits, or beyond a float: an error where it is reached."""
    raise OverflowError("literal out of range")


def looked_up(container, key):
    """Refuses to look for a tuple among keys, which no dict of AVAP holds."""
    if type(container) is dict and type(key) is tuple:
        raise OutOfContract


# Operators.

ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def binary(name, left, right):
    """left op right."""
    if name == "Mult":
        bound_repetition(left, right)
        bound_repetition(right, left)
    elif name == "Pow":
        bound_power(left, right)
    elif name == "Mod" and type(left) is str:
        return percent(left, right)
    result = checked(ARITHMETIC[getattr(ast, name)](left, right))
    if name == "Pow" and type(result) is float and result != power(left, right):
        raise OutOfContract  # the last bit is that of the C library, not Python's
    return result


def bound_repetition(sequence, times):
    """Keeps repeated text and lists to a size that no quota minds."""
    if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
        if len(sequence) * times > LONGEST_TEXT or times > INT_MAX // 2:
            raise OutOfContract


def bound_power(base, exponent):
    """Says overflow without working out a number of a million digits."""
    if isinstance(base, int) and isinstance(exponent, int):
        if abs(base) > 1 and exponent > 64:
            raise OverflowError("int leaves 64 bits")


def power(base, exponent):
    """base ** exponent as the float that is nearest to it."""
    base, exponent = float(base), float(exponent)
    if base == 0:
        return base**exponent
    if abs(exponent) > 2**53:
        return base**exponent  # 1 or next to nothing
    return float(DIGITS.power(decimal.Decimal(base), decimal.Decimal(exponent)))


def percent(pattern, values):
    """pattern % values, for text."""
    parts = values if type(values) is tuple else (values,)
    if type(values) is dict:
        parts = tuple(values.values())
    # Python writes the digits of an int here that AVAP does not have.
    wide = any(type(p) is float and abs(p) >= 2**63 for p in parts)
    if wide and re.search("[diu]", pattern):
        raise OutOfContract
    try:
        return checked(pattern % values)
    except OverflowError:
        raise OutOfContract from None  # of %c and of widths, not of numbers


def negative(value):
    return checked(-value)


def same(left, right):
    """`is`: identity of lists and dicts, same type and equal for the rest."""
    if type(left) is list or type(left) is dict:
        return left is right
    return type(left) is type(right) and left == right


def contains(item, container):
    looked_up(container, item)
    return item in container


COMPARISONS = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "Is": same,
    "IsNot": lambda left, right: not same(left, right),
    "In": contains,
    "NotIn": lambda left, right: not contains(left, right),
}


def compare(names, left, *rest):
    """A chain of comparisons; the operands behind the first are thunks."""
    for name, thunk in zip(names, rest):
        right = thunk()
        if not COMPARISONS[name](left, right):
            return False
        left = right
    return True


def item(container, index):
    """container[index], where index may be a slice."""
    looked_up(container, index)
    if type(container) is dict and type(index) is slice:
        raise OutOfContract  # a TypeError or a KeyError, by Python's version
    return container[index]


def key(container, name):
    """container.name."""
    if type(container) is not dict:
        raise TypeError("no keys behind a dot but of a dict")
    return container[name]


def template(texts, *thunks):
    """A template: pieces of text, and the values between them."""
    out = texts[0]
    for value, text in zip(thunks, texts[1:]):
        value = value()
        out += ("" if value is None else str(value)) + text
    return checked(out)


def lone(thunk):
    """A lone name in a template: None where it is not set."""
    try:
        return thunk()
    except NameError:
        return None


# Built-ins and methods.


def call(name, *args, **options):
    """A built-in."""
    return checked(ADAPTED.get(name, PLAIN.get(name))(*args, **options))


def bounded_range(*args):
    numbers = range(*args)
    if numbers[LONGEST_RANGE:]:
        raise OutOfContract
    return list(numbers)


def folded_sum(items, start=0):
    """sum() as one + after the other, so that each of them is checked."""
    items = list(items)
    total = sum(items, start)
    out = start
    for value in items:
        out = checked(out + value)
    # From Python 3.12 on sum() makes up for lost digits, before it does not.
    if type(out) is float and not total == out == compensated(items, start):
        raise OutOfContract
    return out


def compensated(items, start):
    """Neumaier's sum."""
    total, lost = float(start), 0.0
    for value in items:
        new = total + value
        big, small = (total, value) if abs(total) >= abs(value) else (value, total)
        lost += (big - new) + small
        total = new
    return total + lost


def character(number):
    if isinstance(number, int) and not -(2**31) <= number < 2**31:
        raise OutOfContract  # an OverflowError of C's int
    return chr(number)


PLAIN = {
    f.__name__: f
    for f in (str, int, float, bool, len, abs, min, max, round, sorted, list, dict)
    + (tuple, any, all, ord)
}
ADAPTED = {
    "range": bounded_range,
    "zip": lambda *args: list(zip(*args)),
    "enumerate": lambda *args: list(enumerate(*args)),
    "reversed": lambda sequence: list(reversed(sequence)),
    "type": lambda value: type(value).__name__,
    "sum": folded_sum,
    "chr": character,
}


def bound(receiver, name):
    """The method of a value, as a function that also checks what it leaves."""
    if name not in METHODS.get(type(receiver), ()):
        if hasattr(receiver, name):
            raise OutOfContract  # "a".index, (1,).count
        raise TypeError(f"{type(receiver).__name__} has no method {name}")
    method = getattr(receiver, name)

    def run(*args, **options):
        if name in KEYED and args:
            looked_up(receiver, args[0])
        try:
            result = method(*args, **options)
        except OverflowError:
            raise OutOfContract from None  # of widths, not of numbers
        if name in ("keys", "values", "items"):
            result = list(result)
        checked(receiver)
        return checked(result)

    return run


# The syntax tree.


class Adapter(ast.NodeTransformer):
    """Puts the functions above in the place of the operations of a tree."""

    def visit_BinOp(self, node):
        if type(node.op) not in ARITHMETIC:
            raise SyntaxError("no such operator in AVAP")
        name = ast.Constant(type(node.op).__name__)
        return self._to("binary", name, self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node):
        if isinstance(node.op, ast.Not):
            return self.generic_visit(node)
        if not isinstance(node.op, ast.USub):
            raise SyntaxError("no such operator in AVAP")
        operand = getattr(node.operand, "value", None)
        if type(operand) is int and operand == -INT_MIN:
            return ast.Constant(INT_MIN)
        return self._to("negative", self.visit(node.operand))

    def visit_Compare(self, node):
        names = ast.Tuple([ast.Constant(type(op).__name__) for op in node.ops], ast.Load())
        rest = [self._thunk(self.visit(operand)) for operand in node.comparators]
        return self._to("compare", names, self.visit(node.left), *rest)

    def visit_Subscript(self, node):
        index = node.slice
        if isinstance(index, ast.Slice):
            parts = (index.lower, index.upper, index.step)
            index = self._to(
                "slice", *(self.visit(p) if p else ast.Constant(None) for p in parts)
            )
        else:
            index = self.visit(index)
        return self._to("item", self.visit(node.value), index)

    def visit_Attribute(self, node):
        return self._to("key", self.visit(node.value), ast.Constant(node.attr))

    def visit_Call(self, node):
        args = [self.visit(arg) for arg in node.args]
        options = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        if isinstance(node.func, ast.Attribute):
            function = self._to(
                "bound", self.visit(node.func.value), ast.Constant(node.func.attr)
            )
            return ast.Call(function, args, options)
        if node.func.id in ("template", "lone"):
            return self._to(node.func.id, *args)
        if node.func.id not in BUILTINS:
            raise SyntaxError("no such built-in in AVAP")
        call = self._to("call", ast.Constant(node.func.id), *args)
        call.keywords = options
        return call

    def visit_GeneratorExp(self, node):
        # A list whose brackets were left out.
        return self.visit(ast.ListComp(node.elt, node.generators))

    def visit_Dict(self, node):
        return self._to("checked", self.generic_visit(node))

    visit_DictComp = visit_Dict

    def visit_Constant(self, node):
        value = node.value
        if type(value) is int and value > INT_MAX or value == math.inf:
            return self._to("overflow")
        return node

    @staticmethod
    def _to(name, *args):
        # No name of AVAP has a character like this one in it.
        return ast.Call(ast.Name("·" + name, ast.Load()), list(args), [])

    @staticmethod
    def _thunk(body):
        nothing = ast.arguments(
            posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        return ast.Lambda(nothing, body)


SCOPE = {"·" + f.__name__: f for f in (binary, negative, compare, item, key, call, bound)}
SCOPE |= {"·" + f.__name__: f for f in (checked, overflow, template, lone, slice)}


def evaluate(source):
    """The value of an expression in Python's spelling.

    A template `a${x + 1}b` is spelled template(("a", "b"), lambda: x + 1), with
    lambda: lone(lambda: x) for a name alone. Raises what Python raises,
    OutOfContract, or SyntaxError where it is no expression.
    """
    tree = Adapter().visit(ast.parse(source, mode="eval"))
    compiled = compile(ast.fix_missing_locations(tree), "<expression>", "eval")
    return checked(eval(compiled, {"__builtins__": {}, **SCOPE}))
