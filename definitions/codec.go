// This file holds messages that are bytes before they are sent.

package definitions

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// frame is a protobuf message as it goes over the wire. It is shared by all calls
// that send it and never changes.
type frame []byte

// frameCodec sends frames as they are, and any other message as gRPC does.
type frameCodec struct{ encoding.CodecV2 }

func newCodec() frameCodec { return frameCodec{encoding.GetCodecV2(proto.Name)} }

func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f)}, nil
	}
	return c.CodecV2.Marshal(v)
}
