// This file holds a client of the first protocol that knows nothing of this
// project but what is written down about the wire: the numbers of the fields, the
// header of a package, and the secret.

package definitions_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/avap-framework/avap/definitions"
)

// bytesCodec sends and receives messages as bytes.
type bytesCodec struct{ encoding.CodecV2 }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}
func (bytesCodec) Name() string { return "proto" }

// invoke makes a call with a message of bytes.
func invoke(t *testing.T, c *grpc.ClientConn, method string, request []byte) ([]byte, error) {
	var answer []byte
	err := c.Invoke(with(t.Context(), workerToken), "/avap.DefinitionEngine/"+method, request, &answer, grpc.ForceCodecV2(bytesCodec{}))
	return answer, err
}

// fields reads the fields of a message: texts and bytes as text, numbers as they are.
func fields(t *testing.T, b []byte) map[protowire.Number][]any {
	t.Helper()
	got := map[protowire.Number][]any{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.BytesType:
			var v []byte
			v, n = protowire.ConsumeBytes(b)
			got[number] = append(got[number], string(v))
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			got[number] = append(got[number], v)
		default:
			t.Fatalf("field %d has wire type %d", number, kind)
		}
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
	}
	return got
}

// verify checks a package as wire.md describes it, and gives its payload.
func verify(code string, secret []byte) (string, error) {
	if len(code) < 42 || code[:4] != "AVAP" {
		return "", fmt.Errorf("not a package")
	}
	if size := binary.BigEndian.Uint32([]byte(code[6:10])); int(size) != len(code)-42 {
		return "", fmt.Errorf("the size is %d, the payload has %d bytes", size, len(code)-42)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(code[:10]))
	mac.Write([]byte(code[42:]))
	if !hmac.Equal(mac.Sum(nil), []byte(code[10:42])) {
		return "", fmt.Errorf("the MAC is wrong")
	}
	return code[42:], nil
}

// TestExistingClient syncs, asks for single commands, and verifies all packages.
func TestExistingClient(t *testing.T) {
	s, addr := serve(t, definitions.Options{})
	publish(t, s.Publisher(), "command greet(who: value, target: out) { target = \"Hello \" + who }", "addVar(x, 1)")
	c := dial(t, addr, nil)
	answer, err := invoke(t, c, "SyncCatalog", nil)
	if err != nil {
		t.Fatal(err)
	}
	catalog := fields(t, answer)
	secret := []byte(strings.Repeat("packagek1", 8))
	names := map[string]string{}
	digest := sha256.New()
	for _, message := range catalog[1] {
		cmd := fields(t, []byte(message.(string)))
		name, kind, code, hash := cmd[1][0].(string), cmd[2][0].(string), cmd[4][0].(string), cmd[5][0].(string)
		names[name] = kind
		payload, err := verify(code, secret)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(payload, "k1\x00\x00\x00\x00\x00\x00") {
			t.Errorf("%s: the payload begins %q", name, payload[:8])
		}
		if sum := sha256.Sum256([]byte(code)); hex.EncodeToString(sum[:]) != hash {
			t.Errorf("%s: the hash is %s", name, hash)
		}
		fmt.Fprintf(digest, "%s\n%s\n", name, hash)
		if _, err := verify(code[:50]+"x"+code[51:], secret); err == nil {
			t.Errorf("%s: an altered package verifies", name)
		}
	}
	if names["greet"] != "definition" || names["addVar"] != "stock" || names["source1"] != "" || uint64(len(names)) != catalog[2][0] {
		t.Errorf("%d commands of %v: %v", len(names), catalog[2], names)
	}
	if got := catalog[3][0]; got != hex.EncodeToString(digest.Sum(nil)) {
		t.Errorf("version_hash is %v", got)
	}

	for name, want := range map[string]string{
		"greet":    `[{"item":"who","type":"value","mode":"value"},{"item":"target","type":"variable","mode":"out"}]`,
		"addVar":   `[{"item":"targetVarName","type":"variable","mode":"out"},{"item":"varValue","type":"value","mode":"value"}]`,
		"addParam": `[{"item":"param","type":"value","mode":"value"},{"item":"variable","type":"var","mode":"out"}]`,
		"if":       `[]`,
	} {
		answer, err := invoke(t, c, "GetCommand", protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name))
		if err != nil {
			t.Fatal(err)
		}
		cmd := fields(t, answer)
		if diff := cmp.Diff(want, cmd[3][0]); diff != "" || cmd[1][0] != name || !json.Valid([]byte(want)) {
			t.Errorf("%v (-want +got):\n%s", cmd[1], diff)
		}
	}
	_, err = invoke(t, c, "GetCommand", protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "source1"))
	if status.Code(err) != codes.NotFound {
		t.Errorf("a script as a command: %v", err)
	}
	if _, err := invoke(t, c, "GetCommand", []byte("\xff")); status.Code(err) == codes.OK {
		t.Error("a broken request was answered")
	}
}

// TestSyncCatalogFollows answers with what is published by then.
func TestSyncCatalogFollows(t *testing.T) {
	s, addr := serve(t, definitions.Options{})
	c := dial(t, addr, nil)
	hashes := map[any]bool{}
	for i := range 3 {
		for range 2 {
			answer, err := invoke(t, c, "SyncCatalog", nil)
			if err != nil {
				t.Fatal(err)
			}
			hashes[fields(t, answer)[3][0]] = true
		}
		if len(hashes) != i+1 {
			t.Errorf("%d catalogs after %d publications", len(hashes), i)
		}
		publish(t, s.Publisher(), fmt.Sprintf("command c%d(x: value) { y = x }", i))
	}
}
