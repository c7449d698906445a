// This file holds how names are numbered while compiling.

package compile

// index gives the numbers of names. Most scripts have so few that each finds a place of
// its own; only those that do not go into a map.
type index struct {
	first [64]numbered
	used  []uint8 // places that are taken
	rest  map[string]int32
}

// numbered is a name with its number.
type numbered struct {
	name   string
	number int32
	taken  bool
}

// place is where a name is looked for first. It is no hash that could be relied on:
// names that were chosen to meet there go into the map, and cost what that costs.
func (x *index) place(name string) uint8 {
	if name == "" {
		return 0
	}
	last := len(name) - 1
	return (uint8(last) + 5*name[0] + 3*name[last]) % uint8(len(x.first))
}

// get gives the number of a name.
func (x *index) get(name string) (int32, bool) {
	if p := &x.first[x.place(name)]; p.taken && p.name == name {
		return p.number, true
	}
	if len(x.rest) == 0 {
		return 0, false
	}
	number, ok := x.rest[name]
	return number, ok
}

// put numbers a name that has no number yet.
func (x *index) put(name string, number int32) {
	at := x.place(name)
	if p := &x.first[at]; !p.taken {
		*p = numbered{name, number, true}
		x.used = append(x.used, at)
		return
	}
	if x.rest == nil {
		x.rest = map[string]int32{}
	}
	x.rest[name] = number
}

// reset forgets all names.
func (x *index) reset() {
	for _, at := range x.used {
		x.first[at] = numbered{}
	}
	x.used = x.used[:0]
	if len(x.rest) > 0 {
		x.rest = emptiedMap(x.rest)
	}
}
