# SPDX-License-Identifier: MIT
# Tests, benches, demo and lint; included by the Makefile.

define HELP_TESTS
@echo
@echo 'make demo        run a container in a network of its own and ping it (root)'
@echo 'make check       run the tests: 3 to 4 minutes; TESTS="-k bridge" selects some'
@echo
@echo 'For development, after "make deps-all" as root; tests/README.md has a line on each:'
endef

# Selects tests: options of pytest.
TESTS =
export_TESTS = TESTS='$(subst ','\'',$(TESTS))'

# How many cases of each test: "one", those of a covering array, or "all".
CASES = covering
CASES_IS_ONE = case '$(CASES)' in one | covering | all) ;; *) echo 'CASES=$(CASES): neither one, covering nor all' >&2; exit 1 ;; esac
export CASES

# A nixpkgs tree for the tests of the NixOS module that need one.
NIXPKGS =
NIXPKGS_IS_ONE = { test -z '$(NIXPKGS)' || test -e '$(NIXPKGS)/nixos/modules/virtualisation/nixos-containers.nix' || \
  { echo 'NIXPKGS=$(NIXPKGS): no nixos/modules/virtualisation/nixos-containers.nix in it' >&2; exit 1; }; }

# Unit tests, and black-box tests in namespaces and containers

UNIT_OBJECTS = $(patsubst %.cc,$(BUILD)/%.o,$(wildcard tests/unit/*.cc))
CATCH2 = $(shell $(PKG_CONFIG) --libs catch2-with-main 2>/dev/null)
ARCHIVES = hooks/start hooks/reload init $(USES_hooks/start)

# The unit tests themselves are compiled fast, not to be fast; glibc's checks of buffers need an optimization.
UNIT_FLAGS   = -O0 -U_FORTIFY_SOURCE
UNIT_HEADERS = $(BUILD)/tests/unit/headers.h
$(BUILD)/tests/unit/%.o: private OBJECT_FLAGS = $(UNIT_FLAGS) -include $(UNIT_HEADERS)
$(BUILD)/tests/unit/main.o: private OBJECT_FLAGS = $(UNIT_FLAGS)
$(UNIT_OBJECTS): $(UNIT_HEADERS).gch

# Beside the header itself, which a compiler that cannot use the other file falls back to.
$(UNIT_HEADERS).gch: tests/unit/headers.h $(BUILD)/flags | $(BUILD)/prerequisites
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	@cp $< $(UNIT_HEADERS)
	$(Q)$(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) $(UNIT_FLAGS) -x c++-header -o $@ $<

# `make COVERAGE=1` builds what counts the lines that it executes.
COVERAGE_LDFLAGS = --coverage -Wl,--wrap=_exit,--wrap=execve,--wrap=syscall

ifneq ($(COVERAGE),)
UNIT_OBJECTS += $(BUILD)/tests/lib/flush.o
$(BINARIES): $(BUILD)/tests/lib/flush.o
endif

$(BUILD)/tests/lib/flush.o: tests/lib/flush.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -Wall -Wextra -fPIE -c -o $@ $<

$(BUILD)/tests/unit-tests: $(UNIT_OBJECTS) $(ARCHIVES:%=$(BUILD)/%.a) $(LIBMNL_A)
	$(call say,LD,$@)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(filter-out -s -static-pie,$(ALL_LDFLAGS)) $(UNIT_LDFLAGS) -o $@ $(UNIT_OBJECTS) \
	  $(ARCHIVES:%=$(BUILD)/%.a) $(LIBMNL) $(CATCH2)

# A real init for tests and demo: static, so that a root needs nothing else.
$(BUILD)/tests/stage2: tests/lib/stage2.cc $(BUILD)/flags | $(BUILD)/prerequisites
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=c++20 -O2 -Wall -Wextra -static -s -o $@ $<

$(eval $(call installing_target,demo,demo,tests/demo --check))
run-demo: $(BINARIES) $(BUILD)/tests/stage2
	@tests/lib/isolated tests/demo $(BUILD)

$(eval $(call installing_target,check,check,$(CASES_IS_ONE)))
run-check: $(BINARIES) $(BUILD)/tests/unit-tests $(BUILD)/tests/stage2 $(BUILD)/tests/bench/stopwatch
	@$(export_TESTS) tests/lib/isolated tests/lib/run $(BUILD)

# The same with the lines counted that they execute.

$(eval $(call target,tests,coverage,check coverage))
coverage:
	@$(MAKE) --no-print-directory COVERAGE=1 count-lines

count-lines: $(BINARIES) $(BUILD)/tests/unit-tests $(BUILD)/tests/stage2 $(BUILD)/tests/bench/stopwatch
	@$(export_TESTS) tests/lib/isolated tests/lib/count-lines $(BUILD)

.PHONY: count-lines

# The same in a root of another suite with nothing but make in it, as root and as a user, after the demo.

$(eval $(call target,tests,check-root,root,tests/lib/run-one --check check-root))
check-root: SUITE = trixie
check-root:
	@tests/lib/check-root build/roots/$(SUITE) $(SUITE) $(STEPS)

# The unit tests of another machine, whose compiler and Catch2 2 are all that is needed: they are static. This
# machine's CPU executes those of i386 itself, and QEMU those of arm64: from 9.2 on it has openat2(2).

QEMU = build/qemu/qemu-aarch64

# What QEMU lacks or has of its own: signal 64, what it says of a program for this machine; and what
# its user namespace lacks: another user, and credentials of another process.
NOT_EMULATED = '~signals are blocked and pending' \
               '~a program whose dynamic linker*' '~what is made belongs*' '~a message in the name of another*' \
               '~the parent learns of the end*' '~what is held takes*'

UNIT_LDFLAGS = $(if $(ARCH),-static)

$(eval $(call target,tests,check-arch,check $(ARCH),test -n '$(ARCH)' || { echo 'ARCH=: neither arm64 nor i386' >&2; exit 1; }))
check-arch: check-arch-$(ARCH)

check-arch-i386: $(BINARIES) $(BUILD)/tests/unit-tests
	$(BUILD)/tests/unit-tests

check-arch-arm64: $(BINARIES) $(BUILD)/tests/unit-tests $(QEMU)
	tests/lib/emulated $(QEMU) $(BUILD)/tests/unit-tests $(NOT_EMULATED)

build/qemu/qemu-aarch64:
	$(Q)common/deps/fetch-file qemu-user "$$(uname -m)-linux" usr/bin/qemu-aarch64 $(@D) \
	  'Give the path of one with QEMU=, of QEMU 9.2 or later.'

.PHONY: check-arch-i386 check-arch-arm64

# A whole host

# Where it boots: "qemu" or "container".
BOOT = qemu

# The Debian that is booted, of SUITE or else Debian 12; elsewhere it outlives `make clean`.
HOST_CACHE = build/host

BOOTS = test -z '$(filter-out arm64,$(ARCH))' || { echo 'ARCH=$(ARCH): not arm64' >&2; exit 1; }; \
  BOOT='$(BOOT)' ARCH='$(ARCH)' tests/host/run --check && $(NIXPKGS_IS_ONE)
BOOT_PURPOSES = host $(if $(ARCH),$(ARCH) host-$(ARCH)) $(if $(NIXPKGS),nixos)

bench-host: MEASUREMENT = bench_starts.py bench_settings.py bench_first_answer.py
bench-host: export HOST_LIMIT ?= 3600

# How many containers at once; 16 MiB for each are more than enough.
COUNT = 500
soak-host: MEASUREMENT = soak_starts.py
soak-host: export HOST_LIMIT ?= 7200
soak-host: export HOST_MEMORY ?= $(shell echo $$((2048 + 16 * $(COUNT))))
soak-host: export COUNT := $(COUNT)

# Lines of a recipe: what another system needs, in a directory.
define install_for_hosts
	$(if $(filter no,$(STATIC)),$(error $@ runs the programs on another system: they must be built with STATIC=yes))
	@rm -rf $(BUILD)/tests/installed
	@$(MAKE) --no-print-directory install DESTDIR=$(BUILD)/tests/installed PREFIX=/usr/local >/dev/null
endef

$(eval $(call target,hosts,check-host,$(BOOT_PURPOSES),$(BOOTS)))
$(eval $(call target,measurements,bench-host,$(BOOT_PURPOSES),$(BOOTS)))
$(eval $(call target,hosts,soak-host,$(BOOT_PURPOSES),$(BOOTS)))
check-host bench-host soak-host: $(BINARIES) $(BUILD)/tests/stage2 $(BUILD)/tests/bench/stopwatch $(if $(ARCH),$(QEMU))
	$(install_for_hosts)
	@ARCH='$(ARCH)' QEMU='$(QEMU)' TESTS='$(MEASUREMENT) $(subst ','\'',$(TESTS))' BOOT='$(BOOT)' NIXPKGS='$(NIXPKGS)' \
	  tests/host/run $(BUILD) '$(HOST_CACHE)' '$(SUITE)'

# Two hosts on one wire, as container-hosts(7) has them, and one whose systemd is upgraded.

$(eval $(call target,hosts,check-hosts,hosts,tests/lib/run-one --check hosts))
check-hosts: $(BINARIES) $(BUILD)/tests/stage2
	$(install_for_hosts)
	@$(export_TESTS) SUITE='$(SUITE)' tests/lib/isolated tests/lib/run-one $(BUILD) hosts

# The packages, and their lives on Debian 12 and 13.

$(eval $(call target,packages,check-packages,check deb rpm packages,tests/lib/run-one --check packages))
check-packages: all $(BUILD)/tests/stage2
	@$(MAKE) --no-print-directory deb
	@$(MAKE) --no-print-directory rpm
	@$(export_TESTS) tests/lib/isolated tests/lib/run-one $(BUILD) packages

# musl: every source compiles against its headers, with libc++; Debian's libstdc++ is made for glibc. Of
# other headers only those of the kernel, fmt and libmnl are there.

MUSL_HEADERS  = build/musl/headers
MUSL_COMPILER = clang++-19
MUSL_FLAGS    = --target=x86_64-linux-musl -nostdlibinc -nostdinc++ -isystem /usr/lib/llvm-19/include/c++/v1 \
                -isystem /usr/include/x86_64-linux-musl -isystem $(MUSL_HEADERS) -D_LIBCPP_HAS_MUSL_LIBC=1

$(MUSL_HEADERS):
	@mkdir -p $@
	@ln -s $(addprefix /usr/include/,linux asm-generic fmt libmnl catch2 x86_64-linux-gnu/asm) $@

$(eval $(call target,builds,check-musl,musl))
check-musl: | $(MUSL_HEADERS)
	printf '%s\n' $(MAINS) $(SOURCES) | xargs -P "$$(nproc)" -I{} \
	  $(MUSL_COMPILER) $(filter-out -M%,$(ALL_CPPFLAGS)) $(ALL_CXXFLAGS) -Werror $(MUSL_FLAGS) -fsyntax-only {}

# With g++, and its libstdc++ built for musl once, there are programs to test. They are linked as pkgsStatic
# links them, with -static.

MUSL_VERSION = 12
MUSL_LIBRARY = $(CURDIR)/build/musl/library
MUSL_CXX     = g++-$(MUSL_VERSION) -nostdinc -B/usr/lib/x86_64-linux-musl -B$(MUSL_LIBRARY)/lib \
               $(addprefix -isystem ,$(MUSL_LIBRARY)/include $(MUSL_LIBRARY)/include/x86_64-linux-musl \
                 /usr/include/x86_64-linux-musl $(shell g++-$(MUSL_VERSION) -print-file-name=include) \
                 $(CURDIR)/$(MUSL_HEADERS))

$(MUSL_LIBRARY)/built: tests/lib/build-musl $(LIBMNL_A) | $(MUSL_HEADERS)
	@echo 'building libstdc++ for musl: 2 minutes'
	@tests/lib/build-musl $(MUSL_VERSION) $(MUSL_HEADERS) '$(LIBMNL_A)' $(MUSL_LIBRARY)
	@touch $@

$(eval $(call target,builds,check-musl-static,check musl-static))
check-musl-static: $(MUSL_LIBRARY)/built
	@$(MAKE) --no-print-directory BUILD=build/musl CXX='$(MUSL_CXX)' LIBMNL_A=$(MUSL_LIBRARY)/lib/libmnl.a \
	  LINK_FLAGS=-static UNIT_LDFLAGS=-static run-check

# The NixOS module: evaluated, and what comes of it given to the programs.

$(eval $(call target,packages,check-nixos,check nixos,$(NIXPKGS_IS_ONE)))
check-nixos: $(BINARIES)
	@NIXPKGS='$(NIXPKGS)' tests/lib/isolated tests/lib/run-one $(BUILD) nixos

# Faults: strace makes every system call fail, and kills before it.

$(eval $(call target,tests,faults,check,tests/lib/run-one --check faults))
faults: $(BINARIES) $(BUILD)/tests/nspawn
	@$(export_TESTS) tests/lib/isolated tests/lib/run-one $(BUILD) faults

$(BUILD)/tests/nspawn: tests/faults/nspawn.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -Wall -Wextra -static -s -o $@ $<

# Soak: containers that come and go in namespaces, eight at a time.

CYCLES = 1000

$(eval $(call target,tests,soak,check,tests/lib/run-one --check soak))
soak: $(BINARIES)
	@CYCLES='$(CYCLES)' $(export_TESTS) tests/lib/isolated tests/lib/run-one $(BUILD) soak

# Fuzzing: libFuzzer, a program for each file. An input that fails is left in build/fuzz.

FUZZ_SECONDS = 60
FUZZ_TARGETS = $(patsubst tests/fuzz/%.cc,%,$(wildcard tests/fuzz/*.cc))
FUZZ_FLAGS   = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(eval $(call target,tests,fuzz,fuzz))
fuzz: $(FUZZ_TARGETS:%=build/fuzz/%)
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

build/fuzz/objects/%.o: %.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$@)
	$(Q)clang++ $(ALL_CPPFLAGS) -std=c++20 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ_TARGETS:%=build/fuzz/%): build/fuzz/%: build/fuzz/objects/tests/fuzz/%.o $(patsubst %.cc,build/fuzz/objects/%.o,$(filter-out init/% hooks/reload/%,$(SOURCES)))
	$(call say,LD,$@)
	$(Q)clang++ $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(shell $(PKG_CONFIG) --libs libmnl 2>/dev/null || echo -lmnl)

# Benches: C programs, static like ours, that the programs are measured with and against.

BENCH_TOOLS = floor stopwatch true
BENCH_FLAGS = -static-pie -fPIE
RUNS        = 51

$(BUILD)/tests/bench/%: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -Wall -Wextra $(BENCH_FLAGS) -s -o $@ $<

$(BUILD)/tests/bench/true: BENCH_FLAGS = -static -nostartfiles

# Takes the place of systemd-nspawn.
$(BUILD)/tests/bench/path/systemd-nspawn: $(BUILD)/tests/bench/true
	@mkdir -p $(@D)
	@ln -sf ../true $@

$(eval $(call target,measurements,bench,bench))
bench: $(BINARIES) $(BENCH_TOOLS:%=$(BUILD)/tests/bench/%) $(BUILD)/tests/bench/path/systemd-nspawn
	@tests/bench/bench $(BUILD) $(RUNS)

# Lint

# clang-tidy does not know the macros of Catch2.
LINTED  = $(wildcard $(foreach folder,$(FOLDERS) tests/lib tests/unit tests/fuzz,$(folder)/*.h $(folder)/*.cc) \
            $(foreach folder,bench faults lib,tests/$(folder)/*.c))
TIDIED  = $(filter-out tests/unit/% tests/fuzz/%,$(filter %.cc,$(LINTED)))
SCRIPTS = $(wildcard common/deps/*) tests/demo $(addprefix tests/lib/,build-musl check-root count-lines debian-root emulated isolated nightly run run-one surroundings) \
          tests/fuzz/run hooks/debian/build hooks/nixos/check-container hooks/rpm/build hooks/systemd/container-nat tests/host/make-root tests/host/run tests/bench/*.bash .ci/run

# Clang's analyzer takes three quarters of the time of clang-tidy. It looks less far than it can, but in
# `make nightly`, which sets this to nothing.
ANALYZER = -Xclang -analyzer-config -Xclang mode=shallow

# Of what clang-tidy prints, the number of warnings in system headers is left out.
$(eval $(call target,tests,lint,check lint))
lint: SHELL = bash
lint: .SHELLFLAGS = -o pipefail -c
lint:
	clang-format --dry-run --Werror $(LINTED)
	printf '%s\n' $(TIDIED) | xargs -P "$$(nproc)" -I{} \
	  clang-tidy --quiet --warnings-as-errors='*' {} -- $(filter-out -M%,$(ALL_CPPFLAGS)) -std=c++20 $(ANALYZER) \
	  2>&1 | sed '/^[0-9]* warnings\{0,1\} generated\.$$/d'
	shellcheck $(SCRIPTS)
	mandoc -Tlint -W warning $(PAGES:%=man/%)

# All that takes too long for every change. Its list is what it prints at its end.

NIGHTLY = "lint ANALYZER=" "check CASES=all" "coverage" "check-root SUITE=bookworm" "check-root SUITE=trixie" \
          "check-host SUITE=bookworm" "check-host SUITE=trixie" "soak-host SUITE=bookworm BOOT=container COUNT=50" \
          "soak-host SUITE=trixie BOOT=container COUNT=50" "check-arch ARCH=i386" "check-arch ARCH=arm64" \
          "check-musl-static" "faults" "soak" "fuzz" "bench"

$(eval $(call target,tests,nightly,check coverage root host packages lint fuzz bench,tests/lib/run-one --check nightly))
nightly:
	@NIXPKGS='$(NIXPKGS)' tests/lib/nightly $(NIGHTLY)

-include $(UNIT_OBJECTS:.o=.d) $(UNIT_HEADERS).d
