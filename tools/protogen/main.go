// This file holds protogen, which writes the Go code of .proto files.

// Protogen compiles the .proto files of a folder and runs protoc-gen-go and
// protoc-gen-go-grpc on them. It stands in for protoc, so that Go is all that
// go generate needs.
//
//	go -C tools run ./protogen -in ../definitions/proto -out ..
//
// Files are written below out, at the path of their Go package in the module.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const module = "github.com/avap-framework/avap"

func main() {
	in := flag.String("in", "", "the folder of the .proto files")
	out := flag.String("out", "", "the folder of the module")
	flag.Parse()
	if err := generate(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func generate(in, out string) error {
	files, err := compile(in)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := documented(file); err != nil {
			return err
		}
	}
	for _, plugin := range []string{"protoc-gen-go", "protoc-gen-go-grpc"} {
		for _, file := range files {
			if err := run(plugin, file, out); err != nil {
				return fmt.Errorf("%s: %s: %w", plugin, file.Path(), err)
			}
		}
	}
	return nil
}

// compile reads all .proto files of a folder.
func compile(in string) (linker.Files, error) {
	paths, err := filepath.Glob(filepath.Join(in, "*.proto"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no .proto files in %q", in)
	}
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{in}}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	return compiler.Compile(context.Background(), paths...)
}

// run lets a plugin write the code of a file.
func run(plugin string, file linker.File, out string) error {
	parameter := "module=" + module
	request := &pluginpb.CodeGeneratorRequest{
		FileToGenerate: []string{file.Path()},
		Parameter:      &parameter,
		ProtoFile:      withImports(nil, file, map[string]bool{}),
	}
	input, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "tool", plugin)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return err
	}
	response := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(output, response); err != nil {
		return err
	}
	if response.Error != nil {
		return fmt.Errorf("%s", response.GetError())
	}
	for _, f := range response.File {
		path := filepath.Join(out, filepath.FromSlash(f.GetName()))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.GetContent()), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// withImports appends the descriptors of a file and, before it, of what it imports.
func withImports(list []*descriptorpb.FileDescriptorProto, file linker.File, seen map[string]bool) []*descriptorpb.FileDescriptorProto {
	if seen[file.Path()] {
		return list
	}
	seen[file.Path()] = true
	imports := file.Imports()
	for i := range imports.Len() {
		list = withImports(list, file.FindImportByPath(imports.Get(i).Path()), seen)
	}
	return append(list, protoutil.ProtoFromFileDescriptor(file))
}

// documented demands a comment above all that the protocol names.
func documented(file linker.File) error {
	var missing error
	check := func(d protoreflect.Descriptor) {
		if file.SourceLocations().ByDescriptor(d).LeadingComments == "" && missing == nil {
			missing = fmt.Errorf("%s: %s has no comment", file.Path(), d.FullName())
		}
	}
	each := func(n int, at func(int) protoreflect.Descriptor) {
		for i := range n {
			check(at(i))
		}
	}
	var messages func(protoreflect.MessageDescriptors)
	enums := func(all protoreflect.EnumDescriptors) {
		for i := range all.Len() {
			values := all.Get(i).Values()
			check(all.Get(i))
			each(values.Len(), func(i int) protoreflect.Descriptor { return values.Get(i) })
		}
	}
	messages = func(all protoreflect.MessageDescriptors) {
		for i := range all.Len() {
			fields := all.Get(i).Fields()
			check(all.Get(i))
			each(fields.Len(), func(i int) protoreflect.Descriptor { return fields.Get(i) })
			enums(all.Get(i).Enums())
			messages(all.Get(i).Messages())
		}
	}
	messages(file.Messages())
	enums(file.Enums())
	for i := range file.Services().Len() {
		methods := file.Services().Get(i).Methods()
		check(file.Services().Get(i))
		each(methods.Len(), func(i int) protoreflect.Descriptor { return methods.Get(i) })
	}
	return missing
}
