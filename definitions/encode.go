// This file holds messages that are encoded by hand, once for all who are sent them. The
// numbers of their fields are those of definitions/proto.

package definitions

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/avap-framework/avap/catalog"
	"github.com/avap-framework/avap/definitions/store"
)

// Fields of avap.v2.WatchResponse.
const (
	fieldReset    protowire.Number = 1
	fieldUnits    protowire.Number = 2
	fieldManifest protowire.Number = 3
)

// Fields of avap.v2.Unit.
const (
	fieldKind    protowire.Number = 1
	fieldName    protowire.Number = 2
	fieldVersion protowire.Number = 3
	fieldPackage protowire.Number = 4
	fieldRemoved protowire.Number = 5
	fieldHash    protowire.Number = 6
)

// Fields of avap.v2.Manifest.
const (
	fieldBody  protowire.Number = 1
	fieldKeyID protowire.Number = 2
	fieldMAC   protowire.Number = 3
)

// Fields of avap.CatalogResponse.
const (
	fieldCommands    protowire.Number = 1
	fieldTotalCount  protowire.Number = 2
	fieldVersionHash protowire.Number = 3
)

// appendNumber appends a field that is a number, an enum or a bool.
func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

// appendText appends a field that is text.
func appendText(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// appendBytes appends a field that is bytes, or an encoded message.
func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// messageWriter shares units out among WatchResponse messages.
type messageWriter struct {
	manifest []byte
	message  []byte
	units    int // in message
	frames   []frame
}

// fieldSize is how many bytes of a message a field takes that is n bytes.
func fieldSize(n int) int { return protowire.SizeTag(fieldUnits) + protowire.SizeBytes(n) }

// unit adds an encoded Unit.
func (w *messageWriter) unit(b []byte) {
	if w.units > 0 && len(w.message)+fieldSize(len(b))+fieldSize(len(w.manifest)) > maxMessage {
		w.frames = append(w.frames, w.message)
		w.message, w.units = nil, 0
	}
	w.message = appendBytes(w.message, fieldUnits, b)
	w.units++
}

// end adds the manifest and returns all messages.
func (w *messageWriter) end() []frame {
	return append(w.frames, appendBytes(w.message, fieldManifest, w.manifest))
}

// appendUnit appends a Unit as a bytecode version has it; u is nil if it is gone.
func appendUnit(b []byte, k store.Key, u *unit, version uint32) []byte {
	b = appendNumber(b, fieldKind, uint64(k.Kind))
	b = appendText(b, fieldName, k.Name)
	if u == nil {
		return appendNumber(b, fieldRemoved, 1)
	}
	b = appendNumber(b, fieldVersion, u.Version.Version)
	if hash := u.entry(version).Hash; hash != (catalog.Hash{}) {
		b = appendBytes(b, fieldPackage, u.pack.Bytes)
		b = appendBytes(b, fieldHash, hash[:])
	}
	return b
}

// appendManifest appends a Manifest.
func appendManifest(b []byte, m catalog.SignedManifest) []byte {
	b = appendBytes(b, fieldBody, m.Body)
	b = appendText(b, fieldKeyID, m.KeyID)
	return appendBytes(b, fieldMAC, m.MAC)
}
