# mptcp-lab: build, test, lint, measure. `make help` lists the targets.

GO        ?= go
BIN       := bin/mptcp-lab
TOOLS     := $(CURDIR)/.tools
GOFUMPT   := $(TOOLS)/gofumpt
STATIC    := $(TOOLS)/staticcheck
# The race detector needs a C compiler; without one the tests run without it, and say so.
CC_FOUND  := $(shell command -v gcc || command -v clang)
RACE      := $(if $(CC_FOUND),-race)
CGO       := $(if $(CC_FOUND),1,0)

.PHONY: build build-others run test test-library test-tshark test-iproute2 lint fmt bench docs coverage proof kernels compare matrix test-vm docs-check fuzz install clean help

build: ## build bin/mptcp-lab (static, no cgo)
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN) ./cmd/mptcp-lab

OTHERS := linux/arm64 darwin/arm64 windows/amd64 js/wasm
build-others: ## see that it builds for other systems, where hosts are emulated
	@for o in $(OTHERS); do echo $$o; CGO_ENABLED=0 GOOS=$${o%/*} GOARCH=$${o#*/} $(GO) build -o /dev/null ./cmd/mptcp-lab || exit 1; done

run: build ## build, then run the scenario library on this machine's kernel
	$(BIN) run scenarios/

test: ## run all tests
	@$(if $(CC_FOUND),:,echo 'no C compiler: testing without the race detector (apt-get install gcc gives it)')
	CGO_ENABLED=$(CGO) $(GO) test $(RACE) ./...

test-library: ## run the library on the emulator, and hold its frames and HMACs against each other (without the race detector: it takes seconds)
	CGO_ENABLED=0 $(GO) test -count=1 -run '^TestLibrary(IsDeterministic|HMACs)$$' ./emulator

test-tshark: ## have Wireshark's tshark read the captures of the library on the emulator
	@command -v tshark >/dev/null || { echo 'tshark is missing: apt-get install tshark'; exit 1; }
	CGO_ENABLED=0 $(GO) test -count=1 -run 'Wireshark' ./emulator

IP ?= ip
test-iproute2: ## compare mptcp-lab ip with iproute2, byte for byte, over the corpus (IP=/path/to/ip, 7.1 or later)
	CGO_ENABLED=0 IP=$(IP) $(GO) test -count=1 -v -run '^TestCorpusIproute2$$' ./pm/ipmptcp | grep -vE '^ *(=== |--- PASS)'

# The scripts that are to be in the one style, and without findings.
SCRIPTS := scenarios docs starlark/stdlib

lint: $(GOFUMPT) $(STATIC) docs-check ## gofumpt, vet, staticcheck, fresh docs; for scripts, fmt and lint
	@out=$$($(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "gofumpt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(STATIC) ./...
	@$(BIN) fmt --check $(SCRIPTS) || { echo 'these scripts are not formatted: run make fmt'; exit 1; }
	$(BIN) lint $(SCRIPTS)

fmt: $(GOFUMPT) build ## format the Go code and the scripts
	$(GOFUMPT) -w .
	$(BIN) fmt $(SCRIPTS)

bench: ## benchmarks, each beside its floor or peer in the same run
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench 'Case$$|HundredHosts' -benchtime 100x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench CasesPerSecond -benchtime 3x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench Emulator -benchtime 5x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench Tree -benchtime 1x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench 'Link(Delay|Throughput)' -benchtime 2x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench IPStart -benchtime 200x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench 'VirtualTime|FirstVerdict' -benchtime 3x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench FourKernels -benchtime 1x ./bench/
	CGO_ENABLED=0 $(GO) test -run '^$$' -bench 'Reporting|LibraryPage' -benchtime 5x ./bench/

docs: build ## generate docs/language.md from the built-ins
	$(BIN) doc --markdown > docs/language.md

coverage: build ## measure the cases, and generate docs/coverage.md
	$(BIN) run --backend kernel --json $(BIN).json scenarios/
	$(GO) test ./docs -run Coverage -update -run-json $(CURDIR)/$(BIN).json

proof: build ## prove every case, and write docs/proof.md
	$(BIN) prove --backend kernel --markdown docs/proof.md scenarios/

KERNELS ?= 6.1 6.12 6.16 6.18 7.3
KNOWN   := docs/testdata/kernels
kernels: build ## ask each kernel of Debian what it knows of MPTCP, in virtual machines, and write docs/kernels.md
	$(BIN) vm fetch $(KERNELS)
	for k in $(KERNELS); do $(BIN) probe --json --kernel $$k > $(KNOWN)/$$k.json || exit 1; done
	$(BIN) probe $(patsubst %,--markdown %,$(wildcard $(KNOWN)/*.json)) > docs/kernels.md

compare: build ## hold the kernel and the emulator against each other over the whole library
	$(BIN) compare scenarios/

matrix: build ## the smoke set on each kernel of Debian, in virtual machines, and docs/matrix.md
	$(BIN) vm fetch $(KERNELS)
	$(BIN) matrix --kernels $$(echo $(KERNELS) | tr " " ,) --tag smoke --markdown $(BIN).md scenarios/ || [ $$? -eq 1 ]
	(cat docs/testdata/matrix.md; cat $(BIN).md) > docs/matrix.md

test-vm: build ## links against netem, and the whole library on Debian's 6.1 and 6.12, but for what needs a fast machine: half an hour without KVM
	$(BIN) vm fetch 6.1 6.12
	CGO_ENABLED=0 $(GO) test -c -o bin/forward.test ./forward
	$(BIN) vm exec --kernel 6.12 bin/forward.test -test.run '^TestNetem$$' -test.v
	for k in 6.1 6.12; do $(BIN) vm run --kernel $$k --jobs 6 --timeout 4m --tag 'not timing' scenarios/ || exit 1; done

docs-check: build ## fail when docs/language.md is stale
	@$(BIN) doc --markdown | diff -u docs/language.md - || { echo 'docs/language.md is stale: run make docs'; exit 1; }

FUZZTIME ?= 30s
fuzz: ## run every fuzz target for FUZZTIME each
	@$(GO) list ./... | while read -r pkg; do \
		$(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' | while read -r f; do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
		done || exit 1; \
	done

install: ## install mptcp-lab into GOBIN
	CGO_ENABLED=0 $(GO) install -trimpath ./cmd/mptcp-lab

clean: ## remove what was built
	rm -rf bin .tools

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(GOFUMPT):
	GOBIN=$(TOOLS) $(GO) install mvdan.cc/gofumpt@v0.12.0

$(STATIC):
	GOBIN=$(TOOLS) $(GO) install honnef.co/go/tools/cmd/staticcheck@v0.8.2
