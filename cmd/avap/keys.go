// This file holds the commands about keys: keygen and sign, and the flag that
// names the keyring.

package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/avap-framework/avap/seal"
)

// keyFlags say where keys come from: a file, and the environment.
type keyFlags struct{ file string }

func (k *keyFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&k.file, "keys", "", "the keyring, a file of avap keygen")
}

func (k *keyFlags) open() (*seal.Keyring, error) {
	return seal.OpenKeyring(seal.KeyringOptions{File: k.file, Getenv: os.Getenv})
}

// request returns the request key of an id, of the flag that is named; the key that
// signs where the id is empty.
func (k *keyFlags) request(flag, id string) (*seal.Key, error) {
	ring, err := k.open()
	if err != nil {
		return nil, err
	}
	if id == "" {
		return ring.Signing(seal.UseRequest)
	}
	if key := ring.Lookup(seal.UseRequest, id); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("%s %s: no request key of this id is valid now", flag, id)
}

// keygenFlags are what keygen is told.
type keygenFlags struct {
	out, id             string
	uses                []string
	notBefore, notAfter string
	add, force          bool
}

func keygenCommand() *cobra.Command {
	var f keygenFlags
	cmd := &cobra.Command{
		Use:   "keygen [--out FILE] [--use USE]… [--id ID]",
		Short: "Make keys",
		Long: `keygen writes a keyring with new keys of 32 random bytes, one for each use. The
file is its owner's alone, and an existing one is left as it is, unless --force
replaces it or --add adds to it.

Keys are rotated by adding a new one, which signs as soon as it is valid, because
it has the latest not_before: with --add that is now, unless --not-before says
otherwise. Leave the others the time to read the file before that, and remove the
old key once nothing that it signed is under way.`,
		Example: `  avap keygen
  avap keygen --out request.json --use request --id shop
  avap keygen --add --use request --id 2027-01 --not-before 2027-01-01T00:00:00Z`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			keys, err := f.generate(time.Now().UTC().Truncate(time.Second))
			if err != nil {
				return err
			}
			if f.out == "-" {
				_, err := cmd.OutOrStdout().Write(seal.AppendKeys(nil, keys))
				return err
			}
			if err := f.write(keys); err != nil {
				return err
			}
			names := make([]string, len(keys))
			for i, k := range keys {
				names[i] = fmt.Sprint(k)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", f.out, strings.Join(names, ", "))
			return err
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.out, "out", "avap-keys.json", "the file; - prints the keyring, secrets and all")
	fs.StringSliceVar(&f.uses, "use", []string{"package", "request", "catalog"}, "what the keys are for")
	fs.StringVar(&f.id, "id", "", "the keys' id (default this month, as 2026-11)")
	fs.StringVar(&f.notBefore, "not-before", "", "when they become valid, in RFC 3339")
	fs.StringVar(&f.notAfter, "not-after", "", "when they cease to be valid, in RFC 3339")
	fs.BoolVar(&f.add, "add", false, "add the keys to an existing file")
	fs.BoolVar(&f.force, "force", false, "replace an existing file")
	cmd.MarkFlagsMutuallyExclusive("add", "force")
	return cmd
}

// generate makes one key for each use.
func (f *keygenFlags) generate(now time.Time) ([]*seal.Key, error) {
	var times [2]time.Time
	for i, flag := range []struct{ name, value string }{{"not-before", f.notBefore}, {"not-after", f.notAfter}} {
		if flag.value == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, flag.value)
		if err != nil {
			return nil, fmt.Errorf("--%s %s: write a time as 2026-11-01T00:00:00Z", flag.name, flag.value)
		}
		times[i] = t
	}
	if f.add && f.notBefore == "" {
		times[0] = now
	}
	id := f.id
	if id == "" {
		id = now.Format("2006-01")
	}
	var keys []*seal.Key
	for _, use := range f.uses {
		k, err := seal.GenerateKey(seal.Use(use), id, times[0], times[1])
		if err != nil {
			return nil, fmt.Errorf("--use %s --id %s: %w", use, id, err)
		}
		for _, other := range keys {
			if other.Use == k.Use {
				return nil, fmt.Errorf("--use %s is given twice", use)
			}
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("--use is empty: write package, request or catalog")
	}
	return keys, nil
}

// write puts the keys into the file.
func (f *keygenFlags) write(keys []*seal.Key) error {
	if f.add {
		held, err := seal.ReadKeys(f.out)
		if err != nil {
			return err
		}
		for _, old := range held {
			for _, k := range keys {
				if old.Use == k.Use && old.ID == k.ID {
					return fmt.Errorf("%s: there is a %v already: give another --id", f.out, k)
				}
			}
		}
		keys = append(held, keys...)
	}
	text := seal.AppendKeys(nil, keys)
	if f.add || f.force {
		return writeWhole(f.out, text, 0o600)
	}
	file, err := os.OpenFile(f.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: there is such a file already: --add adds to it, --force replaces it", f.out)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// writeWhole writes a file whole or not at all. Of a symbolic link it is the file
// behind it. What is no file, as a pipe or /dev/null, is written to. A file that is
// there stays its owner's.
func writeWhole(name string, data []byte, mode fs.FileMode) error {
	old, err := os.Stat(name)
	if err == nil {
		if !old.Mode().IsRegular() {
			return writeTo(name, data)
		}
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return err
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".avap-*")
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		failed.Path = name // which the caller knows
	}
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if old != nil {
		keepOwner(tmp, old)
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// keepOwner gives a file that takes another's place its owner, as far as this user may:
// root who adds a key must not take the keyring from the server's user.
func keepOwner(file *os.File, of fs.FileInfo) {
	if s, ok := of.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(s.Uid), int(s.Gid)) // who may not keeps it, as with any new file
	}
}

// writeTo writes to what is there already, and stays what it is.
func writeTo(name string, data []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func signCommand() *cobra.Command {
	var (
		keys           keyFlags
		kid            string
		method, target string
		nonce          bool
	)
	cmd := &cobra.Command{
		Use:   "sign [--keys FILE] [--kid ID] --method POST --target TARGET [--nonce] FILE",
		Short: "Print the signature of a request",
		Long: `sign prints the header that signs a request, good for the next minutes. FILE is
the request's body as it will be sent; - is standard input. The key is the request
key of --keys, or AVAP_REQUEST_KEY.`,
		Example: `  avap sign --keys avap-keys.json --target /api/v1/execute body.json
  curl -H "$(avap sign --keys avap-keys.json body.json)" --data-binary @body.json localhost:8888/api/v1/execute`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := fromEnvironment(cmd); err != nil {
				return err
			}
			k, err := keys.request("--kid", kid)
			if err != nil {
				return err
			}
			body, err := readSource(cmd, args[0])
			if err != nil {
				return err
			}
			r := seal.Request{Method: method, Target: target, Body: []byte(body), Time: time.Now()}
			if nonce {
				if r.Nonce, err = newNonce(); err != nil {
					return err
				}
			}
			header, err := seal.Sign(k, r)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", seal.HeaderName, header)
			return err
		},
	}
	fs := cmd.Flags()
	keys.register(fs)
	fs.StringVar(&kid, "kid", "", "the key's id (default the key that signs)")
	fs.StringVar(&method, "method", "POST", "the request's method")
	fs.StringVar(&target, "target", "/api/v1/execute", "the request's target as it will be sent, the query included")
	fs.BoolVar(&nonce, "nonce", false, "add the field n, for workers with replay protection")
	return cmd
}

func newNonce() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}
