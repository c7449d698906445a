// This file holds the table of the stock commands: their interfaces, and the
// documentation that docs/commands.md and the help texts are made of. A test
// runs every example.

package command

import "github.com/avap-framework/avap/bytecode"

// Families, in the order of the documentation.
const (
	familyVariables   = "Variables and results"
	familyFlow        = "Control flow"
	familyHTTP        = "HTTP requests"
	familySQL         = "Databases"
	familyHashes      = "Hashes and random text"
	familyRegex       = "Regular expressions"
	familyDates       = "Dates and times"
	familyCollections = "Lists and dicts"
)

func value(name string) bytecode.Param { return bytecode.Param{Name: name, Mode: bytecode.ModeValue} }

func text(name string) bytecode.Param { return bytecode.Param{Name: name, Mode: bytecode.ModeText} }

func name(name string) bytecode.Param { return bytecode.Param{Name: name, Mode: bytecode.ModeName} }
func out(name string) bytecode.Param  { return bytecode.Param{Name: name, Mode: bytecode.ModeOut} }

func params(ps ...bytecode.Param) []bytecode.Param { return ps }

// table is every stock command and word. It never changes.
var table = withUsage([]Spec{
	{
		Name: "addVar", Family: familyVariables,
		Params: params(out("targetVarName"), value("varValue")), Form: bytecode.FormAddVar,
		Doc: "Sets a variable of the Global pool, also from inside a function. " +
			"A bare name that is set gives its value, any other bare text is the text itself. " +
			"Quoted text of digits only becomes an int where it reads as one.",
		Example: "addVar(state, active)\naddVar(total, 6 * 7)\naddVar(code, \"43\")\naddResult(state)\naddResult(total)\naddResult(code)",
		Result:  `{"state":"active","total":42,"code":43}`,
	}, {
		Name: "addResult", Family: familyVariables,
		Params: params(name("sourceVariable")), Form: bytecode.FormExport,
		Doc: "Exports the present value of a variable to the answer's `result`, under its name. " +
			"A variable that is not set is exported as `null`. Lists and dicts are written as they are at the end of the script; " +
			"a name that is exported again takes the new value and keeps its place.",
		Example: "addVar(name, Ana)\naddResult(name)\naddResult(missing)",
		Result:  `{"name":"Ana","missing":null}`,
	}, {
		Name: "addParam", Family: familyVariables,
		Params: params(value("param"), out("variable")), Form: bytecode.FormParam,
		Doc: "Reads a parameter of the request: the first value of the query string under that key, else that of the body. " +
			"`None` where there is none or it is empty text. Query text that reads as a number, `true`, `false`, `null`, a JSON array or a JSON object becomes that value; " +
			"values of the body keep their JSON type.",
		Example: "addParam(id, id)\naddParam(city, city)\naddParam(page, page)\naddResult(id)\naddResult(city)\naddResult(page)",
		Query:   "id=7&city=Madrid",
		Result:  `{"id":7,"city":"Madrid","page":null}`,
	}, {
		Name: "getQueryParamList", Family: familyVariables,
		Params: params(out("TargetVariable")), Form: bytecode.FormQueryList,
		Doc: "Gives every parameter of the query string in its order, each as a dict of one key whose value is text. " +
			"Repeated keys are kept.",
		Example: "getQueryParamList(all)\naddResult(all)",
		Query:   "tag=a&tag=b&page=2",
		Result:  `{"all":[{"tag":"a"},{"tag":"b"},{"page":"2"}]}`,
	}, {
		Name: "if", Family: familyFlow, Syntax: true, Usage: "if(a, b, op) … else() … end()",
		Doc: "Runs the statements up to `else()` or `end()` where the comparison holds. `op` is one of `=`, `==`, `!=`, `<`, `>`, `<=`, `>=`. " +
			"What are numbers, or read as numbers, compare as numbers, everything else as text; `None` and the empty text are equal to each other alone. " +
			"`if(condition)` takes an expression instead.",
		Example: "addVar(age, 20)\nif(age, 18, >=)\n    addVar(access, granted)\nelse()\n    addVar(access, denied)\nend()\nif(age > 60 or age < 10)\n    addVar(price, reduced)\nend()\naddResult(access)\naddResult(price)",
		Result:  `{"access":"granted","price":null}`,
	}, {
		Name: "else", Family: familyFlow, Syntax: true, Usage: "else()",
		Doc:     "Begins the part of an `if` that runs where its comparison does not hold.",
		Example: "if(1, 2, >)\n    addVar(sign, more)\nelse()\n    addVar(sign, less)\nend()\naddResult(sign)",
		Result:  `{"sign":"less"}`,
	}, {
		Name: "end", Family: familyFlow, Syntax: true, Usage: "end()",
		Doc:     "Closes the innermost open block.",
		Example: "n = 1\nif(n, 1, =)\n    n = 2\nend()\naddResult(n)",
		Result:  `{"n":2}`,
	}, {
		Name: "startLoop", Family: familyFlow, Syntax: true, Usage: "startLoop(i, from, to) … endLoop()",
		Doc: "Runs the statements up to `endLoop()` once for each whole number from `from` to `to`, both included. " +
			"Where `from` is more than `to` nothing runs. Assigning the variable inside of the loop does not change the count; afterwards it keeps its last value.",
		Example: "sum = 0\nstartLoop(i, 1, 4)\n    sum = sum + i\nendLoop()\naddResult(sum)\naddResult(i)",
		Result:  `{"sum":10,"i":4}`,
	}, {
		Name: "endLoop", Family: familyFlow, Syntax: true, Usage: "endLoop()",
		Doc:     "Closes the innermost loop, which must be the innermost open block.",
		Example: "startLoop(i, 1, 3)\n    variableToList(i, seen)\nendLoop()\naddResult(seen)",
		Result:  `{"seen":[1,2,3]}`,
	}, {
		Name: "while", Family: familyFlow, Syntax: true, Usage: "while(condition) … end()",
		Doc:     "Runs the statements up to `end()` as long as the expression is true.",
		Example: "n = 1\nwhile(n < 100)\n    n = n * 3\nend()\naddResult(n)",
		Result:  `{"n":243}`,
	}, {
		Name: "try", Family: familyFlow, Syntax: true, Usage: "try() … exception(err) … end()",
		Doc: "Runs the statements up to `exception()`; an error there goes on behind it, without one they are skipped. " +
			"Errors of quotas, capabilities, integrity and cancellation cannot be caught.",
		Example: "try()\n    n = 1 / 0\nexception(err)\n    n = 0\nend()\naddResult(n)\naddResult(err)",
		Result:  `{"n":0,"err":"division by zero"}`,
	}, {
		Name: "exception", Family: familyFlow, Syntax: true, Usage: "exception(err)",
		Doc: "Begins the part of a `try` that runs after an error. Its message lands in the variable, if one is named, and in `__last_error__`. " +
			"In the flat form `x = exception(err)` the `try` ends at once: what follows runs in either case, and both variables hold the message or `No error detected`.",
		Example: "try()\nitem = [1, 2][0]\nx = exception(err)\naddResult(item)\naddResult(err)",
		Result:  `{"item":1,"err":"No error detected"}`,
	}, {
		Name: "break", Family: familyFlow, Syntax: true, Usage: "break()",
		Doc:     "Ends the innermost loop.",
		Example: "startLoop(i, 1, 10)\n    if(i * i > 20)\n        break()\n    end()\nendLoop()\naddResult(i)",
		Result:  `{"i":5}`,
	}, {
		Name: "continue", Family: familyFlow, Syntax: true, Usage: "continue()",
		Doc:     "Goes on with the innermost loop's next turn.",
		Example: "startLoop(i, 1, 6)\n    if(i % 2 == 1)\n        continue()\n    end()\n    variableToList(i, even)\nendLoop()\naddResult(even)",
		Result:  `{"even":[2,4,6]}`,
	}, {
		Name: "return", Family: familyFlow, Syntax: true, Usage: "return(value)",
		Doc:     "Ends a function and gives the value of its call, `None` where there is no value. At the top level it ends the script.",
		Example: "function double(n) {\n    return(n * 2)\n}\nx = double(21)\naddResult(x)\nreturn()\nx = 0",
		Result:  `{"x":42}`,
	}, {
		Name: "RequestGet", Family: familyHTTP, Needs: []string{"http"},
		Params: params(value("url"), value("querystring"), value("headers"), out("o_result")),
		Doc: "Sends an HTTP GET request. `querystring` and `headers` are dicts, or text that holds one in JSON or with single quotes; " +
			"the query is form-encoded in its order and appended to the URL's own. An answer of a JSON content type is parsed, any other is text. " +
			"A status of 400 or more, a time-out and a broken connection are errors (`http_error`).",
		Example: "RequestGet(https://shop.example/prices, {\"sku\": \"A 1\"}, , price)\nnet = price[\"net\"]\naddResult(net)",
		Result:  `{"net":12.5}`,
	}, {
		Name: "RequestPost", Family: familyHTTP, Needs: []string{"http"},
		Params: params(value("url"), value("querystring"), value("headers"), value("body"), out("o_result")),
		Doc: "Sends an HTTP POST request, otherwise as `RequestGet` does. A body that is a dict or a list, or text that is a JSON object or array, goes as JSON, " +
			"or form-encoded where the `Content-Type` header says so; any other text goes as it is.",
		Example: "order = {\"sku\": \"A 1\", \"pieces\": 3}\nRequestPost(https://shop.example/orders, , {\"X-Client\": \"web\"}, order, answer)\naddResult(answer)",
		Result:  `{"answer":{"order":1,"pieces":3}}`,
	}, {
		Name: "ormDirect", Family: familySQL, Needs: []string{"sql"}, Form: bytecode.FormSplice,
		Params: params(value("prompt"), out("TargetVariable")),
		Doc: "Runs one SQL statement on the application's database: gives the rows as a list of dicts, or `Success: N` for N rows that were changed. " +
			"In a backtick template that stands in `prompt` itself a `${…}` is never pasted into the SQL: it is a bound value of its own type, a list is bound item by item (an empty one as NULL), " +
			"`None` and names that are not set are NULL. Inside a quoted SQL text the whole quoted text becomes one bound text.",
		Example: "ormDirect(CREATE TABLE users (id INTEGER, name TEXT), made)\nwho = \"O'Brien\"\normDirect(`INSERT INTO users VALUES (${7}, ${who})`, added)\nids = [7, 8]\normDirect(`SELECT id, name FROM users WHERE id IN (${ids}) AND name LIKE '%${who}%'`, found)\naddResult(added)\naddResult(found)",
		Result:  `{"added":"Success: 1","found":[{"id":7,"name":"O'Brien"}]}`,
	}, {
		Name: "encodeSHA256", Family: familyHashes,
		Params:  params(value("SourceVariable"), out("TargetVariable")),
		Doc:     "Gives the SHA-256 digest of the value's text in lower-case hexadecimal digits.",
		Example: "h = encodeSHA256(\"secret\")\naddResult(h)",
		Result:  `{"h":"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}`,
	}, {
		Name: "encodeMD5", Family: familyHashes,
		Params:  params(value("SourceVariable"), out("TargetVariable")),
		Doc:     "Gives the MD5 digest of the value's text in lower-case hexadecimal digits. MD5 protects nothing; it is there for systems that ask for it.",
		Example: "encodeMD5(hello, h)\naddResult(h)",
		Result:  `{"h":"5d41402abc4b2a76b9719d911017c592"}`,
	}, {
		Name: "randomString", Family: familyHashes, Needs: []string{"random"},
		Params: params(text("Pattern"), value("Length"), out("TargetVariable")),
		Doc: "Gives `Length` repetitions of a pattern, drawn evenly from what it matches by a source that is fit for secrets. " +
			"The pattern is a regular expression, as a rule one character class.",
		Example: "randomString([0-9], 6, pin)\nn = len(pin)\ndigits = pin.isdigit()\naddResult(n)\naddResult(digits)",
		Result:  `{"n":6,"digits":true}`,
	}, {
		Name: "replace", Family: familyRegex,
		Params: params(value("SourceVariable"), text("rePattern"), text("newValue"), out("TargetVariable")),
		Doc: "Replaces every match of a regular expression (RE2) in the value's text. A space in the pattern stands for `\\s`, any white space; " +
			"`\\1` in the new value is the text of the first group.",
		Example: "replace(\"John  Smith\", \"([a-z]+) +([A-Z])\", \"\\\\1, \\\\2\", name)\naddResult(name)",
		Result:  `{"name":"John, Smith"}`,
	}, {
		Name: "getRegex", Family: familyRegex,
		Params: params(value("SourceVariable"), text("rePattern"), out("TargetVariable")),
		Doc: "Gives all matches of a regular expression (RE2) in the value's text, joined; where the pattern has a group, the texts of the first one. " +
			"`None` where nothing matches.",
		Example: "getRegex(\"id=7;id=9\", id=([0-9]), digits)\ngetRegex(\"no digits\", [0-9]+, none)\naddResult(digits)\naddResult(none)",
		Result:  `{"digits":"79","none":null}`,
	}, {
		Name: "getDateTime", Family: familyDates, Needs: []string{"time"},
		Params: params(text("Format"), value("TimeDelta"), text("TimeZone"), out("TargetVariable")),
		Doc: "Gives the present time plus `TimeDelta` seconds, in a zone of the IANA data base (UTC where empty), in the format of `strftime`. " +
			"With an empty format it is the Unix time, a float.",
		Example: "// At noon (UTC) of the first of March 2026.\ngetDateTime(\"%Y-%m-%d %H:%M %Z\", 3600, Europe/Madrid, later)\ngetDateTime(, 0, , stamp)\naddResult(later)\naddResult(stamp)",
		Result:  `{"later":"2026-03-01 14:00 CET","stamp":1772366400.0}`,
	}, {
		Name: "getTimeStamp", Family: familyDates,
		Params: params(value("DateString"), text("Format"), value("TimeDelta"), out("TargetVariable")),
		Doc: "Reads a date in the format of `strptime` and gives its Unix time plus `TimeDelta` seconds, a float. " +
			"The date is in UTC, unless the format holds `%z`.",
		Example: "getTimeStamp(\"01/03/2026 14:00\", \"%d/%m/%Y %H:%M\", 60, stamp)\naddResult(stamp)",
		Result:  `{"stamp":1772373660.0}`,
	}, {
		Name: "stampToDatetime", Family: familyDates,
		Params: params(value("timestamp"), text("Format"), value("TimeDelta"), out("TargetVariable")),
		Doc: "Writes a Unix time plus `TimeDelta` seconds in the format of `strftime`, in UTC. " +
			"With an empty format it gives the number.",
		Example: "stampToDatetime(1772373600, %d/%m/%Y, 86400, day)\naddResult(day)",
		Result:  `{"day":"02/03/2026"}`,
	}, {
		Name: "getListLen", Family: familyCollections,
		Params: params(value("SourceVariable"), out("TargetVariable")),
		Doc: "Gives the number of items of a list, of keys of a dict, of characters of a text. " +
			"Text that holds a list in the notation of JSON or Python counts its items.",
		Example: "items = [\"a\", \"b\"]\nn = getListLen(items)\ngetListLen(\"[1, 2, 3]\", m)\naddResult(n)\naddResult(m)",
		Result:  `{"n":2,"m":3}`,
	}, {
		Name: "itemFromList", Family: familyCollections,
		Params:  params(value("SourceVariable"), value("index"), out("TargetVariable")),
		Doc:     "Gives the item at an index, which counts from 0, or from the end where it is negative. An index out of range is an error.",
		Example: "items = [\"a\", \"b\", \"c\"]\nitemFromList(items, 0, first)\nitemFromList(items, -1, last)\naddResult(first)\naddResult(last)",
		Result:  `{"first":"a","last":"c"}`,
	}, {
		Name: "variableToList", Family: familyCollections,
		Params: params(value("element"), out("TargetVariable")), Form: bytecode.FormPush,
		Doc:     "Appends to a list, in place. Where the variable is not set, or `None`, a new list is made; anything else is an error.",
		Example: "variableToList(apple, basket)\nvariableToList(pear, basket)\naddResult(basket)",
		Result:  `{"basket":["apple","pear"]}`,
	}, {
		Name: "AddvariableToJSON", Family: familyCollections,
		Params: params(value("Key"), value("Value"), out("TargetVariable")), Form: bytecode.FormPut,
		Doc:     "Sets a key of a dict, in place. Where the variable is not set, or `None`, a new dict is made; anything else is an error.",
		Example: "AddvariableToJSON(name, Ana, user)\nAddvariableToJSON(age, 30, user)\naddResult(user)",
		Result:  `{"user":{"name":"Ana","age":30}}`,
	}, {
		Name: "variableFromJSON", Family: familyCollections,
		Params:  params(value("SourceVariable"), value("key"), out("TargetVariable")),
		Doc:     "Gives the value at a key of a dict, or of text that holds JSON; `None` where the key is missing.",
		Example: "user = {\"name\": \"Ana\"}\nvariableFromJSON(user, name, name)\nvariableFromJSON('{\"age\": 30}', age, age)\naddResult(name)\naddResult(age)",
		Result:  `{"name":"Ana","age":30}`,
	},
})

// withUsage fills in how the commands are written.
func withUsage(specs []Spec) []Spec {
	for i := range specs {
		if s := &specs[i]; s.Usage == "" {
			s.Usage = usage(s.Name, s.Params)
		}
	}
	return specs
}
