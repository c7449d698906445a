// This file reads the bombs.

// Package bombs holds scripts that would take a machine's memory or time, in
// AVAP and in the languages of its peers, and runs the peers' under the limits
// that each engine has.
package bombs

import (
	"embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// A Bomb is one idea of how to take memory or time.
type Bomb struct {
	ID       string
	What     string            // one sentence
	Codes    []string          // that AVAP may end with; "ok": it may also end well
	Serves   string            // the path of the Origin that the script asks; may be empty
	Database bool              // whether the script needs a database
	File     string            // the script in AVAP
	Sources  map[string]string // of the peers, by the name of the language, see Expand
}

//go:embed list
var list embed.FS

// Load reads the bombs: the AVAP scripts of a folder, whose opening comments
// describe them, each with its translations.
func Load(folder string) ([]Bomb, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.avap"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no bombs in %s", folder)
	}
	var all []Bomb
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		bomb := Bomb{ID: strings.TrimSuffix(filepath.Base(file), ".avap"), File: file}
		bomb.readHeader(string(text))
		if bomb.What == "" || len(bomb.Codes) == 0 {
			return nil, fmt.Errorf("%s: opens without its sentence or its codes", file)
		}
		if bomb.Sources, err = translations(bomb.ID); err != nil {
			return nil, err
		}
		all = append(all, bomb)
	}
	return all, known(all)
}

// readHeader reads the comments at the top of a script.
func (b *Bomb) readHeader(text string) {
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "// ")
		if !ok {
			return
		}
		key, value, _ := strings.Cut(comment, ": ")
		switch key {
		case "code":
			b.Codes = strings.Split(strings.ReplaceAll(value, " ", ""), ",")
		case "serves":
			b.Serves = value
		case "database":
			b.Database = true
		default:
			b.What = comment
		}
	}
}

// translations reads a bomb in the languages of the peers.
func translations(id string) (map[string]string, error) {
	name := path.Join("list", id+".txtar")
	text, err := list.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	for _, file := range txtar.Parse(text).Files {
		sources[file.Name] = string(file.Data)
	}
	return sources, nil
}

var repetition = regexp.MustCompile(`<<(.+?)\*(\d+)>>`)

// Expand writes <<text*1000>> out, the one notation that the files add to the
// languages, so that long sources need no long files.
func Expand(source string) string {
	return repetition.ReplaceAllStringFunc(source, func(found string) string {
		parts := repetition.FindStringSubmatch(found)
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			return found
		}
		return strings.Repeat(parts[1], n)
	})
}

// known makes sure that no translation is left without its bomb.
func known(all []Bomb) error {
	entries, err := list.ReadDir("list")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		id := strings.TrimSuffix(entry.Name(), ".txtar")
		if !slices.ContainsFunc(all, func(b Bomb) bool { return b.ID == id }) {
			return fmt.Errorf("list/%s translates no bomb", entry.Name())
		}
	}
	return nil
}
