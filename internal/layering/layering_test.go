// Package layering holds the rules of who may import whom, as a test.
//
// The rules are about what ends up in a program: imports of test files are
// free.
package layering

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/avap-framework/avap"

// layer is a package, or with "/..." at the end all packages below a folder.
// Paths are relative to the module; its root is ".".
type layer struct {
	path    string
	imports []string // what it may import of the project
	outside bool     // whether it may depend on what talks to the outside world
}

// layers are the packages of the project from low to high: a row allows only
// what stands above it in the table, and its own folder.
var layers = []layer{
	{path: "syntax"},
	{path: "bytecode"},
	{path: "host"},
	{path: "host/...", imports: []string{"host", "host/..."}, outside: true},
	{path: "seal", imports: []string{"bytecode"}},
	{path: "vm", imports: []string{"bytecode"}},
	{path: "compile", imports: []string{"syntax", "bytecode"}},
	{path: "command", imports: []string{"vm", "host", "bytecode"}},
	{path: "catalog", imports: []string{"syntax", "bytecode", "compile", "vm", "seal"}},
	{path: ".", imports: []string{"syntax", "bytecode", "vm", "compile", "command", "catalog"}},
	{path: "definitions/avapv2pb", outside: true},
	{path: "definitions", imports: []string{"definitions/...", "syntax", "compile", "bytecode", "vm", "command", "catalog", "seal"}, outside: true},
	{path: "definitions/...", imports: []string{"definitions/...", "syntax", "bytecode", "command", "seal"}, outside: true},
	{path: "internal/load", imports: []string{"seal"}},
	{path: "internal/workload", imports: []string{"internal/load", "seal"}},
	{path: "internal/plot"},
	{path: "internal/balancer", outside: true},
	{path: "internal/rotation", imports: []string{"internal/load", "internal/balancer", "seal"}, outside: true},
	{path: "worker", imports: []string{".", "vm", "bytecode", "worker/...", "catalog", "seal"}, outside: true},
	{path: "worker/...", imports: []string{".", "vm", "host", "bytecode", "catalog", "definitions/avapv2pb"}, outside: true},
	{path: "internal/guard", imports: []string{".", "vm", "seal", "worker", "worker/...", "definitions", "definitions/..."}, outside: true},
	{path: "internal/guard/measured", imports: []string{"internal/guard"}, outside: true},
	{path: "internal/...", imports: []string{"syntax", "bytecode", "compile", "command", "catalog", "seal"}, outside: true},
	{path: "cmd/...", imports: []string{"..."}, outside: true},
}

// outsideWorld is what an embedder of the engine does not pay for: these and
// the packages below them.
var outsideWorld = []string{"net/http", "database/sql", "google.golang.org/grpc"}

// listed is what the test reads of go list's answer.
type listed struct {
	ImportPath string
	Imports    []string // direct
	Deps       []string // direct and indirect
}

func TestImportsRunDownwards(t *testing.T) {
	if err := readFolders("../.."); err != nil {
		t.Fatal(err)
	}
	packages, err := list()
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range violations(packages) {
		t.Error(violation)
	}
}

func TestViolations(t *testing.T) {
	pkg := func(path string, imports ...string) listed {
		return listed{ImportPath: module + path, Imports: imports, Deps: imports}
	}
	tests := []struct {
		name     string
		packages []listed
		want     []string
	}{
		{
			"nothing found",
			nil,
			[]string{"no packages of the project found"},
		}, {
			"allowed",
			[]listed{
				pkg("", module+"/vm"), pkg("/vm", "fmt", module+"/bytecode"),
				pkg("/host/httpclient", "net/http", module+"/host"),
				pkg("/cmd/avap", "net/http", module, module+"/worker", module+"/cmd/avap/cli"),
			},
			nil,
		}, {
			"upwards",
			[]listed{pkg("/vm", module+"/compile")},
			[]string{"vm imports compile"},
		}, {
			"not in the row",
			[]listed{pkg("/compile", module+"/host")},
			[]string{"compile imports host"},
		}, {
			"the folder's own package is not below it",
			[]listed{pkg("", module+"/host/sqldb")},
			[]string{". imports host/sqldb"},
		}, {
			"main packages",
			[]listed{pkg("/worker", module+"/cmd/avap")},
			[]string{"worker imports cmd/avap"},
		}, {
			"outside world, through another package",
			[]listed{{ImportPath: module, Deps: []string{"net/http/httptrace", "net/httpx"}}},
			[]string{". depends on net/http/httptrace"},
		}, {
			"no row",
			[]listed{pkg("/helpers", "fmt"), pkg("/vm", module+"/helpers")},
			[]string{"helpers is in no row of the table", "vm imports helpers"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, violations(tt.packages)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTableRunsDownwards holds the table itself to its order.
func TestTableRunsDownwards(t *testing.T) {
	for i, l := range layers {
		for _, path := range l.imports {
			if !slices.ContainsFunc(layers[:i+1], func(lower layer) bool {
				return path == "..." || lower.path == path
			}) && !strings.HasPrefix(path, l.path+"/") {
				t.Errorf("the row of %s allows %s, which stands below it or nowhere", l.path, path)
			}
		}
	}
}

// readFolders reads the project's folders for no other end than that go test
// sees them read: it then takes an earlier result only while they are the same.
func readFolders(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && path != root
		if err == nil && entry.IsDir() && (hidden || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		return err
	})
}

// list returns the packages of the project.
func list() ([]listed, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// violations says what in the packages goes against the rules.
func violations(packages []listed) []string {
	if len(packages) == 0 {
		return []string{"no packages of the project found"}
	}
	var found []string
	for _, p := range packages {
		path, _ := relative(p.ImportPath)
		i := slices.IndexFunc(layers, func(l layer) bool { return matches(l.path, path) })
		if i < 0 {
			found = append(found, path+" is in no row of the table")
			continue
		}
		found = append(found, layers[i].violations(path, p)...)
	}
	return found
}

func (l layer) violations(path string, p listed) []string {
	var found []string
	for _, imported := range p.Imports {
		of, ours := relative(imported)
		if ours && !slices.ContainsFunc(l.imports, func(pattern string) bool { return matches(pattern, of) }) {
			found = append(found, path+" imports "+of)
		}
	}
	if l.outside {
		return found
	}
	for _, dep := range p.Deps {
		if slices.ContainsFunc(outsideWorld, func(o string) bool {
			return dep == o || strings.HasPrefix(dep, o+"/")
		}) {
			found = append(found, path+" depends on "+dep)
		}
	}
	return found
}

// relative returns an import path as the table writes it, and whether it is one
// of the project.
func relative(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// matches says whether a pattern of the table stands for a path.
func matches(pattern, path string) bool {
	folder, all := strings.CutSuffix(pattern, "...")
	if all {
		return strings.HasPrefix(path, folder)
	}
	return pattern == path
}
