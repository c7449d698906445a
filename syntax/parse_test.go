// This file shows what each form of the language reads as. A tree is written
// as an s-expression; « » hold arguments that are text alone, f marks floats.

package syntax

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mustParse parses what is right.
func mustParse(tb testing.TB, src string) *File {
	tb.Helper()
	f, err := Parse(src, Options{})
	if err != nil {
		tb.Fatalf("%v in\n%s", err, src)
	}
	return f
}

// example is a source and what it reads as.
type example struct{ src, want string }

func testExamples(t *testing.T, examples []example, read func(string) string) {
	t.Helper()
	for _, e := range examples {
		t.Run(e.src, func(t *testing.T) {
			want := strings.TrimPrefix(strings.ReplaceAll(e.want, "\n\t\t\t", "\n"), "\n")
			if diff := cmp.Diff(want, read(e.src)); diff != "" {
				t.Errorf("%s\n(-want +got)\n%s", e.src, diff)
			}
		})
	}
}

func TestExpressions(t *testing.T) {
	testExamples(t, []example{
		{`1`, `1`},
		{`2.5`, `f2.5`},
		{`1e3`, `f1000`},
		{`1E-2`, `f0.01`},
		{`0`, `0`},
		{`0.5`, `f0.5`},
		{`9223372036854775807`, `9223372036854775807`},
		{`9223372036854775808`, `wide9223372036854775808`},
		{`-9223372036854775808`, `-9223372036854775808`},
		{`--9223372036854775808`, `(- -9223372036854775808)`},
		{`-(9223372036854775808)`, `(- wide9223372036854775808)`},
		{`-9223372036854775808 ** 2`, `(- (** wide9223372036854775808 2))`},
		{`1e999`, `wide1e999`},
		{`1e-999`, `f0`},
		{`True and true`, `(and True True)`},
		{`[None, null, False, false]`, `[None None False False]`},
		{`$x`, `$x`},
		{`año_1 + 变量`, `(+ año_1 变量)`},

		{`"a\n\t\r\\\"\'\d\q"`, `"a\n\t\r\\\"'\\d\\q"`},
		{`'it\'s "x"'`, `"it's \"x\""`},
		{`"é😀\u12"`, `"é😀\\u12"`},
		{"\"\\`\\$\"", "\"\\\\`\\\\$\""},
		{"`a`", "`\"a\"`"},
		{"``", "`\"\"`"},
		{"`${a}`", "`\"\" a \"\"`"},
		{"`a ${b + 1} c ${`d ${e}`} \\` \\${f} $g`", "`\"a \" (+ b 1) \" c \" `\"d \" e \"\"` \" ` ${f} $g\"`"},
		{"`${ {\"k\": \"}\"}[\"k\"] }`", "`\"\" (at {\"k\":\"}\"} \"k\") \"\"`"},
		{"`two\r\nlines`", "`\"two\\nlines\"`"},
		{"`// text ${1 // 2}`", "`\"// text \" (// 1 2) \"\"`"},

		{`-2 ** 2`, `(- (** 2 2))`},
		{`2 ** -1`, `(** 2 (- 1))`},
		{`2 ** 3 ** 4`, `(** 2 (** 3 4))`},
		{`a.b ** 2`, `(** (. a b) 2)`},
		{`- - 1`, `(- (- 1))`},
		{`1 - 2 - 3`, `(- (- 1 2) 3)`},
		{`1 - (2 - 3)`, `(- 1 (- 2 3))`},
		{`1 + 2 * 3 // 4 % 5`, `(+ 1 (% (// (* 2 3) 4) 5))`},
		{`"%s" % (a, b)`, `(% "%s" (tuple a b))`},
		{`a or b and not c`, `(or a (and b (not c)))`},
		{`a or b or (c or d)`, `(or a b (or c d))`},
		{`not a == b`, `(not (a == b))`},
		{`1 < x <= 2 != y`, `(1 < x <= 2 != y)`},
		{`(a < b) < c`, `((a < b) < c)`},
		{`a not in b`, `(a not in b)`},
		{`a is not None`, `(a is not None)`},
		{`a is None in b`, `(a is None in b)`},
		{`a + 1 in b`, `((+ a 1) in b)`},
		{`a if b else c if d else e`, `(? b a (? d c e))`},
		{`(a if b else c) if d else e`, `(? d (? b a c) e)`},
		{`a or b if c and d else e or f`, `(? (and c d) (or a b) (or e f))`},

		{`[]`, `[]`},
		{`[1, [2], (3), (4,), (), (5, 6,),]`, `[1 [2] 3 (tuple 4) (tuple) (tuple 5 6)]`},
		{`{}`, `{}`},
		{`{"a": 1, 2: {None: True},}`, `{"a":1 2:{None:True}}`},
		{`x[1]`, `(at x 1)`},
		{`x[-1][a.b]`, `(at (at x (- 1)) (. a b))`},
		{`x[:]`, `(slice x _ _ _)`},
		{`x[1:]`, `(slice x 1 _ _)`},
		{`x[:2]`, `(slice x _ 2 _)`},
		{`x[::-1]`, `(slice x _ _ (- 1))`},
		{`x[1:2:3]`, `(slice x 1 2 3)`},
		{`d.k.end.in.None`, `(. (. (. (. d k) end) in) None)`},
		{`"a,b".split(",")[0].upper()`, `(.upper (at (.split "a,b" ",") 0))`},
		{`x.sort(reverse=True)`, `(.sort x (reverse= True))`},
		{`sorted(x, reverse = a == b)`, `(sorted x (reverse= (a == b)))`},
		{`"{} {n}".format(1, n=2, reverse=3)`, `(.format "{} {n}" 1 (n= 2) (reverse= 3))`},
		{`len(x == y)`, `(len (x == y))`},

		{`[a for a in b]`, `(comp a (for (a) b))`},
		{`[a + b for a, b in c if a if b for d in a or b if not d]`, `(comp (+ a b) (for (a b) c) (if a) (if b) (for (d) (or a b)) (if (not d)))`},
		{`[a if b else c for d in e]`, `(comp (? b a c) (for (d) e))`},
		{`{k: v for k, v in x.items()}`, `(dcomp k:v (for (k v) (.items x)))`},
		{`sum(x * 2 for x in y)`, `(sum (bare (* x 2) (for (x) y)))`},
		{`",".join(str(x) for x in y if x)`, `(.join "," (bare (str x) (for (x) y) (if x)))`},
		{`[1, /* two */ 2]`, `[1 2]`},
		{"(1 +\r\n// not 2\r\n3)", `(+ 1 3)`},
		{"[{ // one\n1: 2} // two\n, 3]", `[{1:2} 3]`},
		{"`${ {} // 2 }`", "`\"\" (// {} 2) \"\"`"},
	}, func(src string) string {
		f := mustParse(t, "x = "+src)
		return strings.TrimSuffix(strings.TrimPrefix(dump(f), "(= x "), ")")
	})
}

func TestArguments(t *testing.T) {
	testExamples(t, []example{
		{``, ``},
		{`  `, ``},
		{`,`, `«» «»`},
		{`, 0, , now`, `«» 0 «» now`},
		{`a, "b", 'c'`, `a "b" "c"`},
		{`state, active`, `state active`},
		{`two words`, `«two words»`},
		{`https://host/x?id=7`, `«https://host/x?id=7»`},
		{`/api/*, */`, `«/api/*» «*/»`},
		{`SELECT * FROM t WHERE id = 1`, `«SELECT * FROM t WHERE id = 1»`},
		{`SELECT COUNT(a, b) FROM t`, `«SELECT COUNT(a, b) FROM t»`},
		{`don't, 5", a`, `«don't» «5"» a`},
		{`niño's, ñ"`, `«niño's» «ñ"»`},
		{`"a, b" + 'c, d'`, `(+ "a, b" "c, d")`},
		{"`a, ${f(\"}\", [1])} `, b", "`\"a, \" (cmd f \"}\" [1]) \" \"` b"},
		{`"a)", b`, `"a)" b`},
		{`[0-9], [a-z]+, [A-Za-z0-9]`, `«[0-9]» «[a-z]+» [(- (- (- A Za) z0) 9)]`},
		{`%Y-%m-%d`, `«%Y-%m-%d»`},
		{`]`, `«]»`},
		{`:-}`, `«:-}»`},
		{`(?=a)`, `«(?=a)»`},
		{`2026-10-12, 555-1234, 16/9, 1-2-x, 1-2 + len(y)`, `«2026-10-12» «555-1234» «16/9» (- (- 1 2) x) (+ (- 1 2) (len y))`},
		{`10 - 5, 10 -5, 10//5, (1-2), "1-2", -3`, "(- 10 5) (- 10 5) (// 10 5) «(1-2)» \"1-2\" (- 3)"},
		{"`${1-2}`", "`\"\" (- 1 2) \"\"`"},
		{`12345678901234567890, 1e999, 1 + 1e999`, `«12345678901234567890» «1e999» «1 + 1e999»`},
		{`-9223372036854775808`, `-9223372036854775808`},
		{"`${1e999}`", "`\"\" wide1e999 \"\"`"},
		{`007, +5, .5, 0x1F, 1_000, 5px`, `«007» «+5» «.5» «0x1F» «1_000» «5px»`},
		{`"it's", 'don't'`, `"it's" «'don't'»`},
		{`"a" "b"`, `«"a" "b"»`},
		{`end, if, not, while x`, `«end» «if» «not» «while x»`},
		{`a = 1, a == 1`, `«a = 1» (a == 1)`},
		{`idx * 10, "T-" + str(idx)`, `(* idx 10) (+ "T-" (str idx))`},
		{`$x, $x + 1, $`, `$x (+ $x 1) «$»`},
		{`nosuch(1, two words), len(x, y)`, `(cmd nosuch 1 «two words») (len x y)`},
		{`foo(2026-10-12)`, `(cmd foo «2026-10-12»)`},
		{`len(x for x in y), foo(x for x in y)`, `(len (bare x (for (x) y))) (cmd foo «x for x in y»)`},
		{`{"a": [1, 2]}, [i for i in x]`, `{"a":[1 2]} (comp i (for (i) x))`},
		{`a /* no comment */ b`, `«a /* no comment */ b»`},
		{`a // b, // c`, `(// a b) «// c»`},
		{"a +\n  b,\n  // don't, really\n  c,\n  d\n  // end\n", `(+ a b) c d`},
		{"{\"a\": 1,\n // why\n \"b\": 2}", `{"a":1 "b":2}`},
		{"two\n// hidden\nlines", "«two\nlines»"},
		{"`a\n// text`", "`\"a\\n// text\"`"},
		{`----------`, `«----------»`},
		{strings.Repeat("-", 1000), "«" + strings.Repeat("-", 1000) + "»"},
		{`"\u00e9", "\d"`, `"é" "\\d"`},
	}, func(src string) string {
		f := mustParse(t, "cmd("+src+")")
		return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(dump(f), "(cmd cmd"), " "), ")")
	})
}

func TestStatements(t *testing.T) {
	testExamples(t, []example{
		{"", ""},
		{"\uFEFF // nothing\r\n /* at all */ ;;\n", ""},
		{"a = 1; b = 2 ;c = 3", "(= a 1)\n(= b 2)\n(= c 3)"},
		{"a = 1\r\nb = 2\r\n", "(= a 1)\n(= b 2)"},
		{`d["k"] = 1`, `(= (at d "k") 1)`},
		{`users[0].name = "Eva"`, `(= (. (at users 0) name) "Eva")`},
		{`d.end = 1`, `(= (. d end) 1)`},
		{`f(x).y = 1`, `(= (. (cmd f x) y) 1)`},
		{`$d["k"] = 1`, `(= (at $d "k") 1)`},
		{`l.append(1) // why`, `(.append l 1)`},
		{`[1].append(2)`, `(.append [1] 2)`},
		{`x = f(1) // 2`, `(= x (// (cmd f 1) 2))`},
		{`x = {} // empty`, `(= x {})`},
		{`x = 1; // one`, `(= x 1)`},
		{`x /* the */ = /* answer */ 42`, `(= x 42)`},
		{"x = [1,\n  2,\n\n  3]", "(= x [1 2 3])"},
		{`print(x)`, `(cmd print x)`},
		{`str(x)`, `(str x)`},
		{`x()`, `(cmd x)`},

		{"if(a, b, =)\nend()", "(if3 = a b)"},
		{"if(a, two words, \">=\") // c\nend() // d", "(if3 >= a «two words»)"},
		{"if(nothing, , '!=')\nend()", "(if3 != nothing «»)"},
		{"if(None, None, =)\nend()", "(if3 = None None)"},
		{"if(/api/*, /api/x, ==)\nend()", "(if3 == «/api/*» «/api/x»)"},
		{"if(a == 1 /* x */ and f(two words, b))\nend()", "(if (and (a == 1) (cmd f «two words» b)))"},
		{"if(a == 1 /* (b, don't, c */)\nend()", "(if (a == 1))"},
		{"if(/* one, two, = */ a == 1)\nx = 1 /* , */\nend() // c", "(if (a == 1)\n  (= x 1))"},
		{"if(a /* ` */ and [b /* ) */] == \"c\" /* \" */)\nend()", `(if (and a ([b] == "c")))`},
		{"if(a, /* b, =)\nend()\nx = 1 /* c */", "(if3 = a «/* b»)\n(= x 1)"},
		{`if("yes") ; x = 1 ; end()`, "(if \"yes\"\n  (= x 1))"},
		{"if(None, None, `age > 18 and (vip or x in [\"a, b\"])`)\nend()", `(if (and (age > 18) (or vip (x in ["a, b"]))))`},
		{"if(, \"\", `a\n  == b`)\nend()", "(if (a == b))"},
		{"if(null, '', `1-2`)\nend()", "(if (- 1 2))"},
		{"if(a)\nx = 1\nelse() // no\ny = 2\nend()", "(if a\n  (= x 1)\nelse\n  (= y 2))"},
		{"if(a)\nelse()\nif(b)\nelse()\nend()\nend()", "(if a\nelse\n  (if b\n  else))"},
		{"while(x < 1)\nbreak()\ncontinue() // c\nend()", "(while (x < 1)\n  (break)\n  (continue))"},
		{"while(f(two words) // 2)\nendLoop()", "(while (// (cmd f «two words») 2))"},
		{"startLoop(i, 1, limit + 1)\nendLoop()", "(loop i 1 (+ limit 1))"},
		{"startLoop('i', \"1\", )\nend()", "(loop i \"1\" «»)"},
		{"return", "(return)"},
		{"return()", "(return)"},
		{"return ( ) ; x = 1", "(return)\n(= x 1)"},
		{"return(())", "(return (tuple))"},
		{"return a + 1", "(return (+ a 1))"},
		{"return(a)", "(return a)"},
		{"return (a) + b // c", "(return (+ a (// b c)))"},
		{"return(a, b)", "(return (tuple a b))"},

		{"try()\nx = 1\nexception(err)\ny = 2\nend()", "(try\n  (= x 1)\nexception err\n  (= y 2))"},
		{"try()\nexception()\nend()", "(try\nexception )"},
		{"try()\nexception(\"msg\")\nend()", "(try\nexception msg)"},
		{"try()\nx = 1\ny = exception(err) // flat\nz = 2", "(try\n  (= x 1)\nexception err flat y)\n(= z 2)"},
		{"if(a)\ntry()\ny = exception()\nend()", "(if a\n  (try\n  exception  flat y))"},
		{"try()\nx = 1\nexception(e)\ny = 2", "(try\n  (= x 1)\nexception e flat )\n(= y 2)"},
		{"try()\nexception(e)\ntry()\nexception(f)\nx = 1\nend()\ny = 1\ntry()\nexception(g)\nz = 1", `
			(try
			exception e flat )
			(try
			exception f
			  (= x 1))
			(= y 1)
			(try
			exception g flat )
			(= z 1)`},
		{"try()\nexception(e)\nfunction f() { return 1 }\nx = f()", `
			(function f ()
			  (return 1))
			(try
			exception e flat )
			(= x (call f))`},

		{"function f(a, b,) { return a * 2 }", "(function f (a b)\n  (return (* a 2)))"},
		{"function f(){} function g() { // c\nf() } x = 1", "(function f ())\n(function g ()\n  (call f))\n(= x 1)"},
		{"x = f(a b)\ny = f(1)", "(= x (cmd f «a b»))\n(= y (cmd f 1))"},
		{"y = f(1 /* ) */)\nfunction f(n) { if(n); return f(n - 1); end() }", "(function f (n)\n  (if n\n    (return (call f (- n 1)))))\n(= y (call f 1))"},
		{"// function f(a)\n/*\nfunction f(a) */ f(two words)", "(cmd f «two words»)"},
		{"function str(a) { }\nx = str(1)\naddVar(y, str(1))", "(function str (a))\n(= x (call str 1))\n(cmd addVar y (call str 1))"},
		{"addVar(y, g(1, x=2))\nfunction g(a) {}", "(function g (a))\n(cmd addVar y «g(1, x=2)»)"},
		{"// Greets.\n/* In\n * Spanish. */\ncommand greet(who: value, o: out) requires http, sql { o = who }", `
			(command greet (who:value o:out) (http sql) "Greets.\nIn\nSpanish."
			  (= o who))`},
		{"// far\n\ncommand f() {\n}", `(command f () () "")`},
	}, func(src string) string {
		return dump(mustParse(t, src))
	})
}

func TestPositions(t *testing.T) {
	f := mustParse(t, "\uFEFFñ = a + [b][0].c\r\n  addVar(x,\n é.f( a - 1 ), `${ y }`)\n$z.m(q if r else s)\n")
	var got []string
	Inspect(f, func(n Node) bool {
		if x, is := n.(Expr); is {
			got = append(got, sexpr(x)+"@"+place(n.Position()))
		}
		return true
	})
	want := []string{
		"ñ@1:1", "(+ a (. (at [b] 0) c))@1:7", "a@1:5", "(. (at [b] 0) c)@1:15", "(at [b] 0)@1:12", "[b]@1:9", "b@1:10", "0@1:13",
		"(cmd addVar x (.f é (- a 1)) `\"\" y \"\"`)@2:3", "x@2:10",
		"(.f é (- a 1))@3:3", "é@3:2", "(- a 1)@3:9", "a@3:7", "1@3:11", "`\"\" y \"\"`@3:16", "y@3:20",
		"(.m $z (? r q s))@4:3", "$z@4:1", "(? r q s)@4:8", "q@4:6", "r@4:11", "s@4:18",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestComments(t *testing.T) {
	f := mustParse(t, "// one\nx = 1 /* two */; /* three\r\n four */\naddVar(a, // text\n  // five, don't\n  b) // six  \nif(x /* seven */)\nend()// eight")
	var got []string
	for _, c := range f.Comments {
		mark := ""
		if c.Trailing {
			mark = " trailing"
		}
		got = append(got, place(c.Pos)+" "+c.Text+mark)
	}
	want := []string{
		"1:1 // one", "2:7 /* two */ trailing", "2:18 /* three\n four */ trailing", "5:3 // five, don't",
		"6:6 // six trailing", "7:6 /* seven */ trailing", "8:6 // eight trailing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A charge that is refused ends the parse, wherever it comes.
func TestCharge(t *testing.T) {
	src := "function f(a) { return [a, `b ${a}`] }\nx = f(1 + 2)\nif(x, two words, =)\nelse()\nend() // c"
	total, calls := 0, 0
	if _, err := Parse(src, Options{Charge: func(n int) error { total += n; calls++; return nil }}); err != nil {
		t.Fatal(err)
	}
	if total < 1_000 || total > 4_000 {
		t.Errorf("the tree of %d bytes is charged with %d bytes", len(src), total)
	}
	refused := errors.New("refused")
	for granted := range calls {
		n := 0
		f, err := Parse(src, Options{Charge: func(int) error {
			if n++; n > granted {
				return refused
			}
			return nil
		}})
		if f != nil || err != refused {
			t.Errorf("charge %d refused: got %v, %v", granted, f, err)
		}
		if n != granted+1 {
			t.Errorf("charge %d refused: asked %d times", granted, n)
		}
	}
}

// The parser asks when it has taken a KiB, and at the end.
func TestChargeInPortions(t *testing.T) {
	src := strings.Repeat("x = [1, f(a, 2)]\n", 100)
	var asked []int
	if _, err := Parse(src, Options{Charge: func(n int) error { asked = append(asked, n); return nil }}); err != nil {
		t.Fatal(err)
	}
	for i, n := range asked {
		if n > 3*portion || n < portion && i < len(asked)-1 {
			t.Errorf("charge %d of %d is of %d bytes", i, len(asked), n)
		}
	}
	refused := errors.New("refused")
	for granted := range asked {
		left := granted
		f, err := Parse(src, Options{Charge: func(int) error {
			if left--; left < 0 {
				return refused
			}
			return nil
		}})
		if f != nil || err != refused || left != -1 {
			t.Errorf("charge %d refused: got %v, %v", granted, f, err)
		}
	}
	if len(asked) < 10 {
		t.Errorf("asked %d times", len(asked))
	}
}

// A comment's charge that is refused ends the parse too, though its line end follows.
func TestChargeOfComments(t *testing.T) {
	refused := errors.New("refused")
	long := strings.Repeat("c", 10_000) // for which the parser asks at once
	for _, src := range []string{"// " + long + "\nx = 1", "/* " + long + " */\nx = 1", "f(a) // " + long + "\nx = 1", "f(a,\n// " + long + "\n)\nx = 1"} {
		if f, err := Parse(src, Options{Charge: func(int) error { return refused }}); f != nil || err != refused {
			t.Errorf("%.10s: got %v, %v", src, f, err)
		}
	}
}

func TestBuiltins(t *testing.T) {
	for _, name := range Builtins {
		if !isBuiltin(name) {
			t.Errorf("%s is read as a command", name)
		}
	}
	if names := slices.Compact(slices.Sorted(slices.Values(Builtins))); len(names) != 23 || isBuiltin("print") {
		t.Errorf("the built-ins are %v", names)
	}
}

func TestInspectStops(t *testing.T) {
	f := mustParse(t, "x = [a, b]\nif(c)\nd = e\nend()")
	var got []string
	Inspect(f, func(n Node) bool {
		if x, is := n.(*Name); is {
			got = append(got, x.Name)
		}
		_, list := n.(*ListLit)
		return !list
	})
	if diff := cmp.Diff([]string{"x", "c", "d", "e"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
