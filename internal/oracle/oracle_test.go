package oracle

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The least that the record must hold.
const (
	leastCases   = 8000
	leastEach    = 20 // cases with a value in which an operator, built-in or method stands
	leastOfCode  = 30
	leastOfKind  = 50
	leastSuccess = 0.75
)

func TestRecordIsLargeAndUnique(t *testing.T) {
	cases := loaded(t)
	if len(cases) < leastCases {
		t.Errorf("%d cases, want at least %d", len(cases), leastCases)
	}
	seen := map[string]bool{}
	values := 0
	for _, c := range cases {
		if seen[c.Expr] {
			t.Errorf("twice: %s", c.Expr)
		}
		seen[c.Expr] = true
		if c.Code == "" {
			values++
		}
	}
	if share := float64(values) / float64(len(cases)); share < leastSuccess {
		t.Errorf("%.2f of the cases have a value, want at least %.2f", share, leastSuccess)
	}
}

func TestRecordHoldsEveryOutcome(t *testing.T) {
	codes, kinds := map[string]int{}, map[string]int{}
	for _, c := range loaded(t) {
		if c.Code != "" {
			codes[c.Code]++
		} else {
			kinds[c.Type]++
		}
	}
	wantEach(t, codes, leastOfCode, "type_error name_error overflow runtime_error")
	wantEach(t, kinds, leastOfKind, "NoneType bool int float str list tuple dict")
	if len(codes) != 4 || len(kinds) != 8 {
		t.Errorf("other codes or types than AVAP's: %v %v", codes, kinds)
	}
}

func TestRecordCoversTheLanguage(t *testing.T) {
	counts := map[string]int{}
	for _, c := range loaded(t) {
		if c.Code != "" {
			continue
		}
		tokens := tokensOf(c.Expr)
		slices.Sort(tokens)
		for _, token := range slices.Compact(tokens) {
			counts[token]++
		}
	}
	for name, tokens := range map[string]string{
		"operators": "+ - * / // % ** == != < <= > >= in not in is is not and or not if else",
		"literals":  "None null True true False false [ { ( `",
		"forms":     "for : [] .a .k",
		"built-ins": `str( int( float( bool( len( abs( min( max( round( sum( sorted( reversed(
			range( list( dict( tuple( type( enumerate( zip( any( all( ord( chr(`,
		"methods of strings": `.upper( .lower( .title( .capitalize( .strip( .lstrip( .rstrip(
			.split( .join( .replace( .startswith( .endswith( .find( .count( .isdigit( .isalpha(
			.isalnum( .zfill( .format(`,
		"methods of lists": `.append( .extend( .insert( .pop( .remove( .index( .count( .sort(
			.reverse( .copy( .clear(`,
		"methods of dicts": ".get( .keys( .values( .items( .update( .pop( .setdefault( .copy( .clear(",
		"keywords":         "reverse=",
	} {
		t.Run(name, func(t *testing.T) { wantEach(t, counts, leastEach, tokens) })
	}
}

func TestLoadRefusesWhatIsNoCase(t *testing.T) {
	const good = `{"e": "1 + 1", "v": "2", "t": "int"}` + "\n"
	for name, line := range map[string]string{
		"no JSON":        `1 + 1`,
		"no expression":  `{"v": "2", "t": "int"}`,
		"no outcome":     `{"e": "1"}`,
		"no type":        `{"e": "1", "v": "1"}`,
		"value and code": `{"e": "1", "v": "1", "t": "int", "x": "overflow"}`,
	} {
		t.Run(name, func(t *testing.T) {
			cases, err := load([]byte(good+line), parse)
			if err == nil {
				t.Fatalf("loaded %v", cases)
			}
			if !strings.Contains(err.Error(), "line 2") {
				t.Errorf("%q does not name line 2", err)
			}
		})
	}
	if _, err := load([]byte(`{"e": "1"}`), parse); !errors.Is(err, errNoCase) {
		t.Errorf("error = %v, want %v", err, errNoCase)
	}
}

func TestProgramsHoldEveryStatement(t *testing.T) {
	all, err := Programs()
	if err != nil {
		t.Fatal(err)
	}
	counts, values := map[string]int{}, 0
	for _, p := range all {
		if p.Code == "" {
			values++
		}
		for _, start := range []string{"if(", "else()", "startLoop(", "while(", "try()", "break()", "continue()"} {
			if strings.Contains(p.Script, "\n"+start) {
				counts[start]++
			}
		}
	}
	wantEach(t, counts, leastEach, "if( else() startLoop( while( try() break() continue()")
	if share := float64(values) / float64(len(all)); share < 0.6 {
		t.Errorf("%.2f of %d programs end with a value", share, len(all))
	}
}

func TestLoadRefusesWhatIsNoProgram(t *testing.T) {
	for _, line := range []string{
		`{"v": "1"}`, `{"p": "out = 1"}`, `{"p": "out = 1", "x": "type_error"}`, `{"p": "out = 1", "v": "1", "l": 1}`,
	} {
		if _, err := load([]byte(line), parseProgram); !errors.Is(err, errNoCase) {
			t.Errorf("%s: error = %v, want %v", line, err, errNoCase)
		}
	}
}

func TestTokensOf(t *testing.T) {
	got := tokensOf("`a${x in d.k}` + \"not in ${\" if len('in') // 2 else x[0:1].pop(y) is not -1.5")
	want := strings.Split("`|x|in|d|.k|`|+|'|if|len(|'|)|//|2|else|x|[]|0|:|1|]|.pop(|y|)|is not|-|1.5", "|")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func loaded(t *testing.T) []Case {
	t.Helper()
	cases, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// wantEach asks for a count of each token; `not in` and `is not` are one token.
func wantEach(t *testing.T, counts map[string]int, least int, tokens string) {
	t.Helper()
	for _, token := range regexp.MustCompile(`not in|is not|\S+`).FindAllString(tokens, -1) {
		if counts[token] < least {
			t.Errorf("%s: %d cases, want at least %d", token, counts[token], least)
		}
	}
}

var (
	literal  = regexp.MustCompile("(?s)'(\\\\.|[^'\\\\])*'|\"(\\\\.|[^\"\\\\])*\"|`(\\\\.|[^`\\\\])*`")
	embedded = regexp.MustCompile(`\$\{([^}]*)\}`)
	postfix  = regexp.MustCompile(`([\w\])'])\[`)
	equality = regexp.MustCompile(`(\w)(==)`)
	tokenRE  = regexp.MustCompile(`not in\b|is not\b|\.?[A-Za-z_]\w*[(=]?|\d[\w.]*|\*\*|//|[=!<>]=|\S`)
)

// tokensOf splits an expression: quoted text is ', a template ` before and
// behind each of its values, a subscript [], a call keeps its bracket, a key its
// dot. It counts what stands where; it is no scanner of the language.
func tokensOf(expr string) []string {
	expr = literal.ReplaceAllStringFunc(expr, func(text string) string {
		if text[0] != '`' {
			return "'"
		}
		out := "`"
		for _, m := range embedded.FindAllStringSubmatch(text, -1) {
			out += literal.ReplaceAllString(m[1], "'") + "`"
		}
		return out
	})
	expr = equality.ReplaceAllString(expr, "$1 $2")
	expr = postfix.ReplaceAllString(expr, "$1\x00")
	tokens := tokenRE.FindAllString(expr, -1)
	for i, token := range tokens {
		if token == "\x00" {
			tokens[i] = "[]"
		}
	}
	return tokens
}
