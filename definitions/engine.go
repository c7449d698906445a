// This file holds the service DefinitionEngine of package avap: the protocol of
// existing deployments, whose answers are bytes before they are asked for.

package definitions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/avap-framework/avap/bytecode"
	"github.com/avap-framework/avap/command"
	"github.com/avap-framework/avap/definitions/avapv1pb"
	"github.com/avap-framework/avap/definitions/store"
)

// engineService answers clients of the first protocol.
type engineService struct {
	publisher *Publisher

	mu       sync.Mutex
	revision uint64
	catalog  frame // a CatalogResponse of that revision
}

// engineDesc describes the service as the generated code does, except for its
// handlers: these give frames.
var engineDesc = grpc.ServiceDesc{
	ServiceName: avapv1pb.DefinitionEngine_ServiceDesc.ServiceName,
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "GetCommand", Handler: getCommand},
		{MethodName: "SyncCatalog", Handler: syncCatalog},
	},
	Metadata: avapv1pb.DefinitionEngine_ServiceDesc.Metadata,
}

func getCommand(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var req avapv1pb.CommandRequest
	if err := decode(&req); err != nil {
		return nil, err
	}
	u := srv.(*engineService).publisher.unit(store.Key{Kind: bytecode.KindCommand, Name: req.Name})
	if u == nil {
		return nil, status.Error(codes.NotFound, "command not found")
	}
	return frame(u.answer()), nil
}

func syncCatalog(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var req avapv1pb.Empty
	if err := decode(&req); err != nil {
		return nil, err
	}
	return srv.(*engineService).all(), nil
}

// all returns all commands of the present revision.
func (s *engineService) all() frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.publisher.state
	st.mu.RLock()
	if s.catalog != nil && s.revision == st.revision {
		st.mu.RUnlock()
		return s.catalog
	}
	s.revision = st.revision
	var units []*unit
	for _, k := range st.keys() {
		if k.Kind == bytecode.KindCommand {
			units = append(units, st.units[k])
		}
	}
	st.mu.RUnlock()
	s.catalog = catalogResponse(units)
	return s.catalog
}

// catalogResponse encodes a CatalogResponse of commands in order.
func catalogResponse(units []*unit) frame {
	var b []byte
	all := sha256.New()
	for _, u := range units {
		b = appendBytes(b, fieldCommands, u.answer())
		all.Write([]byte(u.Name + "\n" + hex.EncodeToString(u.sum[:]) + "\n"))
	}
	b = appendNumber(b, fieldTotalCount, uint64(len(units)))
	return appendText(b, fieldVersionHash, hex.EncodeToString(all.Sum(nil)))
}

// commandResponse encodes a CommandResponse, whose fields are texts in this order.
func commandResponse(u *unit) []byte {
	kind := "definition"
	if u.Stock > 0 {
		kind = "stock"
	}
	var b []byte
	for i, text := range []string{u.Name, kind, interfaceJSON(u), string(u.pack.Bytes), hex.EncodeToString(u.sum[:])} {
		b = appendText(b, protowire.Number(i+1), text)
	}
	return b
}

// interfaceItem is a parameter in interface_json.
type interfaceItem struct {
	Item string `json:"item"`
	Type string `json:"type"`
	Mode string `json:"mode"`
}

// interfaceJSON writes the interface of a command as clients of the first
// protocol know it.
func interfaceJSON(u *unit) string {
	items := make([]interfaceItem, 0, len(u.Params))
	for _, p := range u.Params {
		item := interfaceItem{Item: p.Name, Type: "value", Mode: p.Mode.String()}
		if p.Mode == bytecode.ModeName || p.Mode == bytecode.ModeOut {
			item.Type = "variable"
			if own := command.Signature(u.Name); u.Stock > 0 && own != nil && own.Form == bytecode.FormParam {
				item.Type = "var"
			}
		}
		items = append(items, item)
	}
	b, err := json.Marshal(items)
	if err != nil {
		panic(err) // texts always can be written
	}
	return string(b)
}
