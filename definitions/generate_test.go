// This file holds the test that the generated code is what the protocols say.

package definitions_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// generated reads the generated files below a folder.
func generated(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".pb.go") {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestGeneratedCode generates the code of the protocols anew and compares.
func TestGeneratedCode(t *testing.T) {
	temp := t.TempDir()
	cmd := exec.Command("go", "-C", "../tools", "run", "./protogen", "-in", "../definitions/proto", "-out", temp)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := generated(t, filepath.Join(temp, "definitions"))
	if len(want) != 4 {
		t.Errorf("%d files were generated, want 4", len(want))
	}
	if diff := cmp.Diff(want, generated(t, ".")); diff != "" {
		t.Errorf("go generate ./definitions would change (-want +got):\n%s", diff)
	}
}
