# container-init: static programs around a systemd-nspawn container.
# `make help` lists the targets and the variables.

VERSION := $(shell sed -n 's/.*kVersion = "\(.*\)";/\1/p' common/version.h)

PREFIX     ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/container-init
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MODULESDIR ?= $(PREFIX)/lib/modules-load.d
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
CXXFLAGS   ?= -Os
LDFLAGS    ?= -s
STATIC     ?= yes
SANITIZE   ?=
V          ?=

ifeq ($(origin CXX),default)
CXX = g++
endif
export CXX CPPFLAGS PKG_CONFIG

ifeq ($(filter yes no,$(STATIC)),)
$(error STATIC=$(STATIC): yes or no is wanted)
endif
override SANITIZE := $(filter-out 0 no,$(SANITIZE))
override V        := $(filter-out 0 no,$(V))

# A build with sanitizers stands beside the other one.
ifneq ($(SANITIZE),)
BUILD            = build/sanitize
override STATIC  = no
SANITIZE_FLAGS   = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g
override LDFLAGS = $(SANITIZE_FLAGS)
else
BUILD = build
endif

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

PROGRAMS = container-init pre-start start post-start reload
MAN8     = container-init.8 container-hooks.8
MAN5     = container.conf.5

MAINS   = $(wildcard init/container-init.cc $(PROGRAMS:%=hooks/%.cc))
SOURCES = $(filter-out $(MAINS),$(wildcard common/*.cc init/*.cc hooks/*.cc))
UNIT    = $(wildcard tests/unit/*.cc)
BINARIES = $(PROGRAMS:%=$(BUILD)/%)

ifeq ($(STATIC),yes)
# The system's libmnl.a, else one that is fetched.
LIBMNL_A   ?= $(firstword $(wildcard $(shell $(PKG_CONFIG) --variable=libdir libmnl 2>/dev/null)/libmnl.a) build/libmnl/libmnl.a)
LIBMNL      = $(LIBMNL_A)
LINK_FLAGS  = -static-pie
else
LIBMNL_A    =
LIBMNL      = $(shell $(PKG_CONFIG) --libs libmnl 2>/dev/null || echo -lmnl)
LINK_FLAGS  = -pie
endif

# Without the locale's separators fmt needs no std::locale, which is most of libstdc++: fmt 9 and 10
# know the first macro, later ones the second.
ALL_CPPFLAGS = -I. -MMD -MP -DFMT_STATIC_THOUSANDS_SEPARATOR=44 -DFMT_USE_LOCALE=0 \
               $(shell $(PKG_CONFIG) --cflags libmnl 2>/dev/null) $(CPPFLAGS)
ALL_CXXFLAGS = -std=c++20 -fPIE -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow \
               -Wconversion -Wnon-virtual-dtor $(SANITIZE_FLAGS) $(CXXFLAGS)
ALL_LDFLAGS  = $(LINK_FLAGS) -Wl,--gc-sections $(LDFLAGS)

all: $(BINARIES)

help:
	@echo 'make             build the programs into build/'
	@echo 'make demo        run a container in a network of its own and ping it (root)'
	@echo 'make check       run the tests'
	@echo 'make check-host  run tests on a whole host in QEMU (root); TESTS="-k bridge" HOST_CACHE=DIR'
	@echo 'make bench       compare with scripts that do the same, and ptp and netavark if installed; RUNS=51'
	@echo 'make bench-host  compare whole starts on the host in QEMU (root): a quarter of an hour'
	@echo 'make faults      make every system call of every program fail (root)'
	@echo 'make soak        let containers come and go in namespaces; CYCLES=1000 (root)'
	@echo 'make fuzz        feed parsers with arbitrary input; FUZZ_SECONDS=60 each'
	@echo 'make lint        check format, style, scripts and manual pages'
	@echo 'make install     install programs, unit and manual pages; uninstall removes them'
	@echo 'make dist        make container-init-$(VERSION).tar.gz'
	@echo 'make clean       remove build/'
	@echo
	@echo 'demo, check*, bench*, faults, soak, fuzz and lint install what they miss, as root on Debian.'
	@echo 'Variables: CXX CPPFLAGS CXXFLAGS LDFLAGS PKG_CONFIG LIBMNL_A STATIC=no SANITIZE=1 V=1'
	@echo '           PREFIX DESTDIR LIBEXECDIR MANDIR UNITDIR MODULESDIR'

# Objects

OBJECTS = $(SOURCES:%.cc=$(BUILD)/%.o)

$(BUILD)/%.o: %.cc $(BUILD)/flags | $(BUILD)/prerequisites
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) -c -o $@ $<

FLAGS = $(subst ','\'',$(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) $(ALL_LDFLAGS))

# Changes when the flags do, and with it everything.
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(BUILD)/prerequisites:
	@mkdir -p $(@D)
	@tests/prerequisites build
	@touch $@

$(BUILD)/common.a: $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

build/libmnl/libmnl.a: | $(BUILD)/prerequisites
	$(Q)tests/fetch-libmnl $(@D)

$(BUILD)/container-init: $(BUILD)/init/container-init.o
$(BUILD)/pre-start: $(BUILD)/hooks/pre-start.o
$(BUILD)/start: $(BUILD)/hooks/start.o
$(BUILD)/post-start: $(BUILD)/hooks/post-start.o
$(BUILD)/reload: $(BUILD)/hooks/reload.o
$(BINARIES): $(BUILD)/common.a $(LIBMNL_A)
	$(call say,LD,$@)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(BUILD)/common.a $(LIBMNL)

# Tests

# Make runs a line with $(MAKE) even under -n: what installs is on another one.
demo:
	@tests/demo --check
	@tests/prerequisites --install build demo
	@$(MAKE) --no-print-directory run-demo

check:
	@tests/prerequisites --install build check
	@$(MAKE) --no-print-directory run-check

check-host bench-host:
	@tests/host/run --check
	@tests/prerequisites --install build host
	@$(MAKE) --no-print-directory run-$@

bench:
	@tests/prerequisites --install build bench
	@$(MAKE) --no-print-directory run-bench

faults:
	@tests/prerequisites --install build check
	@$(MAKE) --no-print-directory run-faults

fuzz:
	@tests/prerequisites --install build fuzz
	@$(MAKE) --no-print-directory run-fuzz

soak:
	@tests/prerequisites --install build check
	@$(MAKE) --no-print-directory run-soak

lint:
	@tests/prerequisites --install build check lint
	@$(MAKE) --no-print-directory run-lint

run-demo: $(BINARIES) $(BUILD)/tests/stage2
	@tests/demo $(BUILD)

# What the programs are measured with and against: C, static like them.
BENCH_TOOLS = floor stopwatch true

$(BUILD)/tests/bench/%: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -Wall -Wextra $(BENCH_FLAGS) -s -o $@ $<

BENCH_FLAGS = -static-pie -fPIE
$(BUILD)/tests/bench/true: BENCH_FLAGS = -static -nostartfiles

RUNS = 51

# In systemd-nspawn's place.
$(BUILD)/tests/bench/path/systemd-nspawn: $(BUILD)/tests/bench/true
	@mkdir -p $(@D)
	@ln -sf ../true $@

run-bench: $(BINARIES) $(BENCH_TOOLS:%=$(BUILD)/tests/bench/%) $(BUILD)/tests/bench/path/systemd-nspawn
	@tests/bench/bench $(BUILD) $(RUNS)

# Faults: strace makes every system call fail, and kills before it.
run-faults: $(BINARIES) $(BUILD)/tests/nspawn
	@tests/run-one $(BUILD) faults

$(BUILD)/tests/nspawn: tests/faults/nspawn.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O2 -Wall -Wextra -static -s -o $@ $<

# Containers that come and go in namespaces, eight at a time.
CYCLES = 1000

run-soak: $(BINARIES)
	@CYCLES='$(CYCLES)' tests/run-one $(BUILD) soak

# Fuzzing: libFuzzer, a program for each file. An input that fails is left in build/fuzz.
FUZZ_SECONDS = 60
FUZZ_TARGETS = $(patsubst tests/fuzz/%.cc,%,$(wildcard tests/fuzz/*.cc))
FUZZ_FLAGS   = -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

run-fuzz: $(FUZZ_TARGETS:%=build/fuzz/%)
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

build/fuzz/objects/%.o: %.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$@)
	$(Q)clang++ $(ALL_CPPFLAGS) -std=c++20 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ_TARGETS:%=build/fuzz/%): build/fuzz/%: build/fuzz/objects/tests/fuzz/%.o $(SOURCES:%.cc=build/fuzz/objects/%.o)
	$(call say,LD,$@)
	$(Q)clang++ $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(shell $(PKG_CONFIG) --libs libmnl 2>/dev/null || echo -lmnl)

run-check: $(BINARIES) $(BUILD)/tests/unit-tests $(BUILD)/tests/stage2
	@tests/run $(BUILD)

# The Debian that is booted; elsewhere it outlives `make clean`.
HOST_CACHE = build/host

run-bench-host: MEASUREMENT = bench_starts.py
run-bench-host: export HOST_LIMIT ?= 3600

run-check-host run-bench-host: $(BINARIES) $(BUILD)/tests/stage2
	$(if $(filter no,$(STATIC)),$(error $(@:run-%=%) runs the programs on another system: STATIC=yes is wanted))
	@rm -rf $(BUILD)/tests/installed
	@$(MAKE) --no-print-directory install DESTDIR=$(BUILD)/tests/installed PREFIX=/usr/local >/dev/null
	@TESTS='$(MEASUREMENT) $(subst ','\'',$(TESTS))' tests/host/run $(BUILD) '$(HOST_CACHE)'

UNIT_OBJECTS = $(UNIT:%.cc=$(BUILD)/%.o)
CATCH2 = $(shell $(PKG_CONFIG) --libs catch2-with-main 2>/dev/null)

$(BUILD)/tests/unit-tests: $(UNIT_OBJECTS) $(BUILD)/common.a $(LIBMNL_A)
	$(call say,LD,$@)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(filter-out -s -static-pie,$(ALL_LDFLAGS)) -o $@ $(UNIT_OBJECTS) \
	  $(BUILD)/common.a $(LIBMNL) $(CATCH2)

# A real init for tests and demo: static, so that a root needs nothing else.
$(BUILD)/tests/stage2: tests/stage2.cc $(BUILD)/flags | $(BUILD)/prerequisites
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=c++20 -O2 -Wall -Wextra -static -s -o $@ $<

run-lint:
	clang-format --dry-run --Werror $(LINTED)
	printf '%s\n' $(TIDIED) | xargs -P "$$(nproc)" -I FILE \
	  clang-tidy --quiet --warnings-as-errors='*' FILE -- $(filter-out -M%,$(ALL_CPPFLAGS)) -std=c++20
	shellcheck $(SCRIPTS)
	mandoc -Tlint -W warning $(MAN5:%=man/%) $(MAN8:%=man/%)

# The macros of Catch2 are not for clang-tidy.
TIDIED  = $(filter-out tests/unit/% tests/fuzz/%,$(filter %.cc,$(LINTED)))
LINTED  = $(wildcard common/*.h common/*.cc init/*.h init/*.cc hooks/*.h hooks/*.cc tests/*.cc tests/unit/*.h tests/unit/*.cc tests/fuzz/*.h tests/fuzz/*.cc tests/bench/*.c tests/faults/*.c)
SCRIPTS = tests/fetch-libmnl tests/debian-mirror tests/debian-root tests/prerequisites tests/demo \
          tests/run tests/run-one tests/fuzz/run tests/host/make-root tests/host/run tests/bench/*.bash .ci/run

# Installation

$(BUILD)/container@.service: hooks/systemd/container@.service.in always
	@sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' $< >$@

install: all $(BUILD)/container@.service
	$(INSTALL) -d '$(DESTDIR)$(LIBEXECDIR)' '$(DESTDIR)$(MANDIR)/man5' '$(DESTDIR)$(MANDIR)/man8' \
	  '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(MODULESDIR)'
	$(INSTALL) -m 755 $(BINARIES) '$(DESTDIR)$(LIBEXECDIR)'
	$(INSTALL) -m 644 $(MAN5:%=man/%) '$(DESTDIR)$(MANDIR)/man5'
	$(INSTALL) -m 644 $(MAN8:%=man/%) '$(DESTDIR)$(MANDIR)/man8'
	$(INSTALL) -m 644 $(BUILD)/container@.service '$(DESTDIR)$(UNITDIR)'
	$(INSTALL) -m 644 hooks/systemd/container-init.conf '$(DESTDIR)$(MODULESDIR)'

uninstall:
	rm -f $(foreach program,$(PROGRAMS),'$(DESTDIR)$(LIBEXECDIR)/$(program)')
	rm -f $(foreach page,$(MAN5),'$(DESTDIR)$(MANDIR)/man5/$(page)')
	rm -f $(foreach page,$(MAN8),'$(DESTDIR)$(MANDIR)/man8/$(page)')
	rm -f '$(DESTDIR)$(UNITDIR)/container@.service' '$(DESTDIR)$(MODULESDIR)/container-init.conf'
	rmdir '$(DESTDIR)$(LIBEXECDIR)' 2>/dev/null || true

dist:
	git archive --prefix=container-init-$(VERSION)/ -o container-init-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

.PHONY: all help demo check check-host bench bench-host faults soak fuzz lint run-demo run-check run-check-host run-bench run-bench-host run-faults run-soak run-fuzz run-lint install uninstall dist clean always
.DELETE_ON_ERROR:

-include $(OBJECTS:.o=.d) $(MAINS:%.cc=$(BUILD)/%.d) $(UNIT_OBJECTS:.o=.d)
