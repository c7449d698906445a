# The project's everyday commands; `make` alone lists them.

GO       ?= go
TOOL     := $(GO) tool -modfile=tools/go.mod
PACKAGES ?= ./...
FUZZTIME ?= 10m
# Seconds, not minutes, is what a package's tests take; this ends a hung one.
TIMEOUT  ?= 10m

.DEFAULT_GOAL := help
.PHONY: help build test deps check vet staticcheck format vuln race bench-builds \
	fmt cover fuzz guard guard-update bench oracle generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the avap binary, as bin/avap
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/avap ./cmd/avap

test: deps check race bench-builds ## everything that must hold before a merge

deps: ## install what the tests need and the machine lacks
	@scripts/install-test-deps.sh

check: vet staticcheck format vuln ## the linters alone

vet:
	$(GO) vet ./...
	$(GO) -C tools vet ./...

staticcheck:
	$(TOOL) staticcheck ./...

format:
	@files=$$($(TOOL) gofumpt -l .) || exit; \
	if [ -n "$$files" ]; then \
		echo "gofumpt would change (make fmt does it):"; echo "$$files"; exit 1; \
	fi

vuln:
ifdef GOVULNDB
	$(TOOL) govulncheck -db "$(GOVULNDB)" ./...
else
	@echo "govulncheck left out: it needs a database; set GOVULNDB to the URL of one (file:///… works offline)"
endif

race:
	$(GO) test -race -timeout $(TIMEOUT) $(PACKAGES)

# The benchmarks live in a module of their own: that they still build is part
# of the tests, running them is not.
bench-builds:
	$(GO) -C bench vet ./...
	$(GO) -C bench test -run '^$$' ./...

fmt: ## format all Go files
	$(TOOL) gofumpt -w .

cover: deps ## statement coverage, as coverage.out and a table
	$(GO) test -timeout $(TIMEOUT) -coverpkg=./... -coverprofile=coverage.out $(PACKAGES)
	$(GO) tool cover -func=coverage.out | tail -n 1

fuzz: ## every fuzz target in turn, for FUZZTIME (10m) each
	@GO="$(GO)" scripts/fuzz.sh "$(FUZZTIME)" $(PACKAGES)

guard: deps ## what the key paths cost, against their bounds
	$(GO) test -count=1 -v -run TestCosts ./internal/guard

guard-update: deps ## accept what they cost now as the bounds
	$(GO) test -count=1 -run TestCosts ./internal/guard -update
	@git --no-pager diff --stat -- internal/guard/testdata/bounds.txt

bench: ## measure, with the peers and the load of bench/
	$(MAKE) -C bench

oracle: ## write the expected results anew, with Python as the oracle
	python3 internal/oracle/generate.py

generate: ## write the generated code anew
	$(GO) generate ./...

clean: ## remove what the targets above leave behind
	rm -rf bin coverage.out
