// This file holds the versions of the instruction set: what each of them has.

package bytecode

// Version is the highest version of the instruction set and of its encoding that
// this machine runs. It runs the lower ones as well.
const Version = 1

// vocabulary is what programs of a version may mention: how many operations,
// built-ins, methods and codes of errors there were, counted from the beginning of
// their lists.
type vocabulary struct{ ops, builtins, methods, codes int }

// vocabularies are those of the versions from 1 on. A row that was released never
// changes; who adds to one of the lists adds a row, and raises Version.
var vocabularies = [Version]vocabulary{
	{ops: 90, builtins: 23, methods: 35, codes: 6},
}

// VersionOf returns the lowest version that has all that a program mentions: the
// machines of that version run it, however new the compiler that made it. The
// program is one that Verify accepts.
func VersionOf(p *Program) int {
	for v := range vocabularies[:Version-1] {
		if vocabularies[v].has(p) {
			return v + 1
		}
	}
	return Version
}

// has reports whether a program mentions nothing but what is in the vocabulary.
func (v *vocabulary) has(p *Program) bool {
	for i := range p.Functions {
		for _, in := range p.Functions[i].Code {
			if int(in.Op) >= v.ops || in.Op == OpRaise && int(in.B) >= v.codes ||
				in.Op == OpBuiltin && int(in.C) >= v.builtins || in.Op == OpBuiltinKw && v.lacks(p, in.C, v.builtins) ||
				in.Op == OpMethod && int(in.C) >= v.methods || in.Op == OpMethodKw && v.lacks(p, in.C, v.methods) {
				return false
			}
		}
	}
	return true
}

// lacks reports whether a call site has a target that is not among the first so many.
func (v *vocabulary) lacks(p *Program, site int32, targets int) bool {
	return site < 0 || int(site) >= len(p.Sites) || int(p.Sites[site].Target) >= targets
}
