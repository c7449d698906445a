// This file holds the table of methods: which kinds have them, with how many arguments.

package vm

import (
	"unicode"

	"github.com/avap-framework/avap/bytecode"
)

// method is what a method does for one kind of receiver. args are the arguments
// alone, at least min and at most max of them; call must not keep them.
type method struct {
	min, max int
	call     func(m *Machine, recv Value, args []Value) (Value, error)
}

// many is the max of a method that takes any number of arguments.
const many = 1 << 30

// methodRow is one name's methods by the kind of the receiver.
type methodRow struct{ text, list, tuple, dict method }

// methods stand in the order of bytecode.Methods.
var methods = [len(bytecode.Methods)]methodRow{
	/* upper */ {text: method{0, 0, textCase(upperCase)}},
	/* lower */ {text: method{0, 0, textCase(lowerCase)}},
	/* title */ {text: method{0, 0, textCase(titleCase)}},
	/* capitalize */ {text: method{0, 0, textCase(capitalizeCase)}},
	/* strip */ {text: method{0, 1, textStrip(true, true)}},
	/* lstrip */ {text: method{0, 1, textStrip(true, false)}},
	/* rstrip */ {text: method{0, 1, textStrip(false, true)}},
	/* split */ {text: method{0, 2, textSplit}},
	/* join */ {text: method{1, 1, textJoin}},
	/* replace */ {text: method{2, 3, textReplace}},
	/* startswith */ {text: method{1, 3, textAffix("startswith", false)}},
	/* endswith */ {text: method{1, 3, textAffix("endswith", true)}},
	/* find */ {text: method{1, 3, textFind}},
	/* count */ {text: method{1, 3, textCount}, list: method{1, 1, listCount}, tuple: method{1, 1, listCount}},
	/* isdigit */ {text: method{0, 0, textOnly(isDigit)}},
	/* isalpha */ {text: method{0, 0, textOnly(unicode.IsLetter)}},
	/* isalnum */ {text: method{0, 0, textOnly(isAlphaNum)}},
	/* zfill */ {text: method{1, 1, textZfill}},
	/* format */ {text: method{0, many, textFormat}},
	/* append */ {list: method{1, 1, listAppend}},
	/* extend */ {list: method{1, 1, listExtend}},
	/* insert */ {list: method{2, 2, listInsert}},
	/* pop */ {list: method{0, 1, listPop}, dict: method{1, 2, dictPop}},
	/* remove */ {list: method{1, 1, listRemove}},
	/* index */ {list: method{1, 3, listIndex}, tuple: method{1, 3, listIndex}},
	/* sort */ {list: method{0, 0, listSort}},
	/* reverse */ {list: method{0, 0, listReverse}},
	/* copy */ {list: method{0, 0, listCopy}, dict: method{0, 0, dictCopy}},
	/* clear */ {list: method{0, 0, listClear}, dict: method{0, 0, dictClear}},
	/* get */ {dict: method{1, 2, dictGet}},
	/* keys */ {dict: method{0, 0, dictKeys}},
	/* values */ {dict: method{0, 0, dictValues}},
	/* items */ {dict: method{0, 0, dictItems}},
	/* update */ {dict: method{0, 1, dictUpdate}},
	/* setdefault */ {dict: method{1, 2, dictSetdefault}},
}

// methodOf returns the method of a number that a receiver of a kind has.
func methodOf(kind Kind, id int) method {
	row := &methods[id]
	switch kind {
	case String:
		return row.text
	case List:
		return row.list
	case Tuple:
		return row.tuple
	case Dict:
		return row.dict
	}
	return method{}
}

// callMethod calls method id of args[0] with the other args, of which the last
// ones have the names kw. args are not kept.
func (m *Machine) callMethod(id int, args []Value, kw []string) (Value, error) {
	recv, args, name := args[0], args[1:], bytecode.Methods[id]
	f := methodOf(recv.Kind(), id)
	if f.call == nil {
		return Value{}, typeErrorf("'%s' object has no method '%s'", recv.Kind(), name)
	}
	if len(kw) > 0 {
		switch {
		case name == "format":
			return m.formatText(recv, args[:len(args)-len(kw)], args[len(args)-len(kw):], kw)
		case name == "sort" && len(args) == 1 && kw[0] == "reverse":
			return m.sortInPlace(recv, args[0])
		}
		return Value{}, unknownKeyword(name, kw)
	}
	if err := checkCount(name, len(args), f.min, f.max); err != nil {
		return Value{}, err
	}
	return f.call(m, recv, args)
}

// checkCount is the error of a call with too few or too many arguments.
func checkCount(name string, n, least, most int) error {
	if least <= n && n <= most {
		return nil
	}
	bound, limit := "at least", least
	switch {
	case least == most:
		bound = "exactly"
	case n > most:
		bound, limit = "at most", most
	}
	plural := "s"
	if limit == 1 {
		plural = ""
	}
	return typeErrorf("%s() takes %s %d argument%s (%d given)", name, bound, limit, plural, n)
}

// unknownKeyword is the error of keyword arguments that name does not take.
func unknownKeyword(name string, kw []string) error {
	return typeErrorf("%s() got an unexpected keyword argument '%s'", name, kw[0])
}
