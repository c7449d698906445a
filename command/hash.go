// This file holds the commands that hash.

package command

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/avap-framework/avap/vm"
)

// hashPiece is how many bytes are hashed between two looks at the quotas.
const hashPiece = 16 << 10

// encodeSHA256(SourceVariable, TargetVariable)
func encodeSHA256(m *vm.Machine, args []vm.Value) error { return digest(m, args, sha256.New()) }

// encodeMD5(SourceVariable, TargetVariable)
func encodeMD5(m *vm.Machine, args []vm.Value) error { return digest(m, args, md5.New()) }

func digest(m *vm.Machine, args []vm.Value, h hash.Hash) error {
	text, err := m.TextOf(args[0])
	if err != nil {
		return err
	}
	for s := text.Str(); len(s) > 0; {
		n := min(len(s), hashPiece)
		if err := work(m, n); err != nil {
			return err
		}
		h.Write([]byte(s[:n]))
		s = s[n:]
	}
	args[1], err = m.Text(hex.EncodeToString(h.Sum(nil)))
	return err
}
