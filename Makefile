# SPDX-License-Identifier: MIT
# container-init: static programs around a systemd-nspawn container.
# `make help` lists the targets and the variables. Tests and benches are in tests/tests.mk.

VERSION := $(shell sed -n 's/.*kVersion = "\(.*\)";/\1/p' common/base/version.h)

PREFIX     ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/container-init
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MODULESDIR ?= $(PREFIX)/lib/modules-load.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
UDEVRULESDIR ?= $(PREFIX)/lib/udev/rules.d
NETWORKDIR ?= $(PREFIX)/lib/systemd/network
SYSCTLDIR  ?= $(PREFIX)/lib/sysctl.d
DATADIR    ?= $(PREFIX)/share/container-init
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
CXXFLAGS   ?= -Os
LDFLAGS    ?= -s
STATIC     ?= yes
SANITIZE   ?=
COVERAGE   ?=
V          ?=
# Whether a target may install missing packages, and fetch libmnl.a. Only root on Debian or Ubuntu installs.
INSTALL_DEPS ?= yes
# Another machine, by Debian's name. What is built for it has a directory of its own.
ARCH =
TRIPLET_arm64 = aarch64-linux-gnu
TRIPLET_i386  = i686-linux-gnu

ifneq ($(ARCH),)
$(if $(TRIPLET_$(ARCH)),,$(error ARCH=$(ARCH): neither arm64 nor i386))
CC = $(TRIPLET_$(ARCH))-gcc
endif
ifeq ($(origin CXX),default)
CXX = $(ARCH:%=$(TRIPLET_$(ARCH))-)g++
endif
export CXX CPPFLAGS PKG_CONFIG INSTALL_DEPS

ifeq ($(filter yes no,$(STATIC)),)
$(error STATIC=$(STATIC): must be yes or no)
endif
ifeq ($(filter yes no,$(INSTALL_DEPS)),)
$(error INSTALL_DEPS=$(INSTALL_DEPS): must be yes or no)
endif
# The unit and the pages name these paths: absolute ones, as systemd wants them, and of one word.
$(foreach path,PREFIX LIBEXECDIR MANDIR UNITDIR MODULESDIR TMPFILESDIR UDEVRULESDIR NETWORKDIR SYSCTLDIR DATADIR,\
  $(if $(filter-out /%,$($(path)))$(word 2,$($(path))),\
    $(error $(path)=$($(path)): must be an absolute path without spaces)))
override SANITIZE := $(filter-out 0 no,$(SANITIZE))
override COVERAGE := $(filter-out 0 no,$(COVERAGE))
override V        := $(filter-out 0 no,$(V))

# A build with sanitizers, or one that counts what is executed, has a directory of its own.
ifneq ($(SANITIZE),)
BUILD            = build/sanitize
override STATIC  = no
CHECK_FLAGS      = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g
override LDFLAGS = $(CHECK_FLAGS)
else ifneq ($(COVERAGE),)
BUILD            = build/coverage
CHECK_FLAGS      = --coverage -fprofile-update=atomic -O0
override LDFLAGS = $(COVERAGE_LDFLAGS)
else
BUILD = build$(ARCH:%=/%)
endif

Q = $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

PROGRAMS = container-init pre-start start post-start reload
MAN8     = container@.service.8 container-init.8 container-hooks.8
MAN5     = container.conf.5
MAN7     = container-hosts.7
PAGES    = $(MAN5) $(MAN7) $(MAN8)
BINARIES = $(PROGRAMS:%=$(BUILD)/%)

comma   := ,
MACHINE := $(or $(shell $(CXX) -dumpmachine 2>/dev/null),unknown)

ifeq ($(STATIC),yes)
# The system's libmnl.a, where the compiler finds it or pkg-config says, else one that is fetched. A
# pkg-config that nobody chose knows the libraries of this machine, and not those of another CPU.
FETCHED     = build/libmnl/$(MACHINE)/libmnl.a
ifneq ($(filter $(firstword $(subst -, ,$(MACHINE)))-%,$(MAKE_HOST))$(filter-out file,$(origin PKG_CONFIG)),)
OF_PKG_CONFIG = $(wildcard $(shell $(PKG_CONFIG) --variable=libdir libmnl 2>/dev/null)/libmnl.a)
endif
ifndef LIBMNL_A
LIBMNL_A   := $(firstword $(filter /%,$(shell $(CXX) -print-file-name=libmnl.a 2>/dev/null)) $(OF_PKG_CONFIG) $(FETCHED))
endif
LIBMNL      = $(LIBMNL_A)
# Where the C library knows packed relocations, as glibc does from 2.36 on, a program is 40 KB smaller.
KNOWS_RELR := $(findstring yes,$(shell printf '%s\n' '\#include <features.h>' '\#if __GLIBC_PREREQ(2, 36)' yes '\#endif' | \
                $(CXX) -E -P -x c - 2>/dev/null))
LINK_FLAGS  = -static-pie $(if $(KNOWS_RELR),-Wl$(comma)-z$(comma)pack-relative-relocs)
else
LIBMNL_A    =
LIBMNL      = $(shell $(PKG_CONFIG) --libs libmnl 2>/dev/null || echo -lmnl)
LINK_FLAGS  = -pie
endif

# Where a long has 32 bits, sizes and inodes of files have 64 nevertheless, and so has time, which passes
# 32 bits in 2038.
WIDE_TYPES = -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64

# Against faults of memory. A distribution's own _FORTIFY_SOURCE stands; sanitizers have checks of their own.
FORTIFY     = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CXXFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARDEN_CPP  = -D_GLIBCXX_ASSERTIONS $(if $(SANITIZE)$(COVERAGE),,$(FORTIFY))
HARDEN_CXX  = -fstack-protector-strong -fstack-clash-protection \
              $(if $(filter x86_64-% i%86-%,$(MACHINE)),-fcf-protection)
HARDEN_LINK = -Wl,-z,relro,-z,now

# Without locale support fmt needs no std::locale, which is most of libstdc++: fmt 9 and 10 know the
# first macro, later versions the second.
ALL_CPPFLAGS = -I. -MMD -MP $(WIDE_TYPES) $(HARDEN_CPP) -DFMT_STATIC_THOUSANDS_SEPARATOR=44 -DFMT_USE_LOCALE=0 \
               $(shell $(PKG_CONFIG) --cflags libmnl 2>/dev/null) $(CPPFLAGS)
ALL_CXXFLAGS = -std=c++20 -fPIE -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow \
               -Wconversion -Wnon-virtual-dtor $(HARDEN_CXX) $(CXXFLAGS) $(CHECK_FLAGS)
ALL_LDFLAGS  = $(LINK_FLAGS) -Wl,--gc-sections $(HARDEN_LINK) $(LDFLAGS)

all: $(BINARIES)

help:
	@echo 'make             build the programs into build/'
	@echo 'make install     install programs, unit and manual pages; uninstall removes them'
	@echo 'make dist        make container-init-$(VERSION).tar.gz'
	@echo 'make clean       remove build/'
	@echo 'make deps        install the packages that build, demo and check need, and do no more (root)'
	$(HELP_TESTS)
	@echo
	@printf '%-13s %s\n' $(foreach group,$(sort $(GROUPS)),'$(group):' '$(TARGETS_$(group))')
	@echo
	@echo 'Variables: CXX CPPFLAGS CXXFLAGS LDFLAGS PKG_CONFIG LIBMNL_A STATIC=no SANITIZE=1 ARCH=arm64 V=1'
	@echo '           INSTALL_DEPS=no PREFIX DESTDIR LIBEXECDIR MANDIR UNITDIR MODULESDIR TMPFILESDIR'
	@echo '           UDEVRULESDIR NETWORKDIR SYSCTLDIR DATADIR'

# Packages

deps:
	@common/deps/prerequisites --install 'make deps' build demo check

# Without the source of a compiler, 90 MB, which is for check-musl-static alone.
deps-all:
	@common/deps/prerequisites --install 'make deps-all' $(sort build demo check $(filter-out musl-static,$(PURPOSES)))

# All that is said of a target beside its rule: $(call target,GROUP,NAME,PURPOSES,COMMAND). Before anything is
# built, COMMAND says why it cannot run here, and common/deps/prerequisites which packages it lacks for these
# PURPOSES. `make help` lists it in its GROUP.
define target
.PHONY: $(2) can-$(2)
GROUPS += $(1)
TARGETS_$(1) += $(2)
PURPOSES += $(3)
$(2): can-$(2)
can-$(2):
	@$(or $(4),:)
	@common/deps/prerequisites 'make $(2)' build $(3)
endef

# The two first commands of README install what they need themselves, and only then look at what is there.
define installing_target
.PHONY: $(1) run-$(1)
$(1):
	@$(3)
	@common/deps/prerequisites --install 'make $(1)' build $(2)
	@$$(MAKE) --no-print-directory run-$(1)
endef

# Objects

# One archive for each folder. It is made only if it links with nothing but the folders that it may
# use; these are listed here, each before those that it uses itself.
FOLDERS = common/base common/network common/config init hooks hooks/start hooks/reload

USES_common/base    =
USES_common/network = common/base
USES_common/config  = common/network $(USES_common/network)
USES_init           = common/config $(USES_common/config)
USES_hooks          = common/config $(USES_common/config)
USES_hooks/start    = hooks $(USES_hooks)
USES_hooks/reload   = hooks $(USES_hooks)

# A program is one file beside the folders.
MAIN_container-init = init/container-init
MAIN_pre-start      = hooks/pre-start
MAIN_start          = hooks/start/start
MAIN_post-start     = hooks/post-start
MAIN_reload         = hooks/reload/reload

LINKS_container-init = init $(USES_init)
LINKS_pre-start      = hooks $(USES_hooks)
LINKS_start          = hooks/start $(USES_hooks/start)
LINKS_post-start     = hooks $(USES_hooks)
LINKS_reload         = hooks/reload $(USES_hooks/reload)

MAINS   = $(foreach program,$(PROGRAMS),$(MAIN_$(program)).cc)
SOURCES = $(filter-out $(MAINS),$(foreach folder,$(FOLDERS),$(wildcard $(folder)/*.cc)))
OBJECTS = $(SOURCES:%.cc=$(BUILD)/%.o)

$(BUILD)/%.o: %.cc $(BUILD)/flags | $(BUILD)/prerequisites
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) $(OBJECT_FLAGS) -c -o $@ $<

FLAGS := $(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) $(ALL_LDFLAGS)

# Everything is built again when the flags change.
ifneq ($(strip $(file <$(BUILD)/flags)),$(strip $(FLAGS)))
$(BUILD)/flags: always
endif
$(BUILD)/flags:
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

$(BUILD)/prerequisites: $(BUILD)/flags
	@mkdir -p $(@D)
	@common/deps/prerequisites make build
	@touch $@

ifneq ($(filter-out $(FETCHED),$(LIBMNL_A)),)
$(BUILD)/prerequisites: | $(LIBMNL_A)
$(LIBMNL_A):
	@echo 'LIBMNL_A=$@: there is no such file. It must be the path of libmnl.a; unset, make looks for one.' >&2; exit 1
endif

build/libmnl/%/libmnl.a: | $(BUILD)/prerequisites
	$(Q)common/deps/fetch-libmnl $* $(@D)

# The link of all of its objects shows what the archive uses.
define archive_rule
$(BUILD)/$(1).a: $(patsubst %.cc,$(BUILD)/%.o,$(filter-out $(MAINS),$(wildcard $(1)/*.cc))) $(USES_$(1):%=$(BUILD)/%.a) $(LIBMNL_A)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)
	$$(Q)echo 'int main() {}' | $$(CXX) $$(ALL_CXXFLAGS) $$(LINK_FLAGS) -o $$(@:.a=.linked) -x c++ - -x none \
	  $$(filter %.o,$$^) $(USES_$(1):%=$(BUILD)/%.a) $$(if $(USES_$(1)),$$(LIBMNL)) && rm $$(@:.a=.linked)*
endef
$(foreach folder,$(FOLDERS),$(eval $(call archive_rule,$(folder))))

define program_rule
$(BUILD)/$(1): $(BUILD)/$(MAIN_$(1)).o $(LINKS_$(1):%=$(BUILD)/%.a) $(LIBMNL_A)
	$$(call say,LD,$$@)
	$$(Q)$$(CXX) $$(ALL_CXXFLAGS) $$(ALL_LDFLAGS) -o $$@ $$(filter-out $$(LIBMNL_A),$$^) $$(LIBMNL)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

# Installation

# The unit and the pages are written for the default paths, as `man -l man/container-init.8` shows them.
# A hyphen is \- in a page.
hyphens = $(subst -,\\-,$(1))
INSTALLED_PATHS = -e 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' \
                  -e 's|@DATADIR@|$(DATADIR)|g' \
                  -e 's|/usr/local/libexec/container\\-init|$(call hyphens,$(LIBEXECDIR))|g' \
                  -e 's|/usr/local/lib/systemd/system|$(call hyphens,$(UNITDIR))|g' \
                  -e 's|/usr/local/lib/modules\\-load\.d|$(call hyphens,$(MODULESDIR))|g' \
                  -e 's|/usr/local/lib/tmpfiles\.d|$(call hyphens,$(TMPFILESDIR))|g' \
                  -e 's|/usr/local/lib/udev/rules\.d|$(call hyphens,$(UDEVRULESDIR))|g' \
                  -e 's|/usr/local/lib/systemd/network|$(call hyphens,$(NETWORKDIR))|g' \
                  -e 's|/usr/local/lib/sysctl\.d|$(call hyphens,$(SYSCTLDIR))|g'

# Lines of a recipe: $(1) is the source, $(2) the path that it is installed at.
define install_file
	$(call say,INSTALL,'$(DESTDIR)$(2)')
	$(Q)$(INSTALL) -d '$(DESTDIR)$(dir $(2))'
	$(Q)$(INSTALL) -m $(or $(3),644) '$(1)' '$(DESTDIR)$(2)'

endef
define install_text
	$(Q)sed $(INSTALLED_PATHS) '$(1)' >$(BUILD)/installed
	$(call install_file,$(BUILD)/installed,$(2))
endef

# Everything that is installed beside the programs.
UNIT_FILE    = $(UNITDIR)/container@.service
LINKS_UNITS  = $(UNITDIR)/container-links.socket $(UNITDIR)/container-links.service
MODULES_FILE = $(MODULESDIR)/container-init.conf
TMPFILES     = $(TMPFILESDIR)/container-init.conf
UDEV_RULES   = $(UDEVRULESDIR)/90-container-init.rules
NETWORK_FILE = $(NETWORKDIR)/79-container-init.network
SYSCTL_FILE  = $(SYSCTLDIR)/50-container-init.conf
NAT_FILES    = $(UNITDIR)/container-nat.service $(DATADIR)/container-nat $(DATADIR)/container-nat.nft
INTEGRATION  = $(UNIT_FILE) $(LINKS_UNITS) $(MODULES_FILE) $(TMPFILES) $(UDEV_RULES) $(NETWORK_FILE) $(SYSCTL_FILE) \
               $(NAT_FILES)
PAGE_FILES   = $(MAN5:%=$(MANDIR)/man5/%) $(MAN7:%=$(MANDIR)/man7/%) $(MAN8:%=$(MANDIR)/man8/%)

install: all
	$(foreach program,$(PROGRAMS),$(call install_file,$(BUILD)/$(program),$(LIBEXECDIR)/$(program),755))
	$(foreach page,$(PAGE_FILES),$(call install_text,man/$(notdir $(page)),$(page)))
	$(call install_text,hooks/systemd/container@.service.in,$(UNIT_FILE))
	$(call install_file,hooks/systemd/container-links.socket,$(UNITDIR)/container-links.socket)
	$(call install_text,hooks/systemd/container-links.service.in,$(UNITDIR)/container-links.service)
	$(call install_file,hooks/systemd/modules-load.conf,$(MODULES_FILE))
	$(call install_file,hooks/systemd/tmpfiles.conf,$(TMPFILES))
	$(call install_file,hooks/systemd/container-init.rules,$(UDEV_RULES))
	$(call install_file,hooks/systemd/container-init.network,$(NETWORK_FILE))
	$(call install_file,hooks/systemd/sysctl.conf,$(SYSCTL_FILE))
	$(call install_text,hooks/systemd/container-nat.service.in,$(UNITDIR)/container-nat.service)
	$(call install_file,hooks/systemd/container-nat,$(DATADIR)/container-nat,755)
	$(call install_file,hooks/systemd/container-nat.nft,$(DATADIR)/container-nat.nft)
	@rm -f $(BUILD)/installed

uninstall:
	rm -f $(foreach file,$(PROGRAMS:%=$(LIBEXECDIR)/%) $(PAGE_FILES) $(INTEGRATION),'$(DESTDIR)$(file)')
	rmdir '$(DESTDIR)$(LIBEXECDIR)' '$(DESTDIR)$(DATADIR)' 2>/dev/null || true

# Packages of distributions: what make install installs below /usr, packed with their own tools.

$(eval $(call target,packages,deb,deb))
$(eval $(call target,packages,rpm,rpm))

# The date of all that a package holds: that of the last commit, or of the sources that were unpacked.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y common/base/version.h)

deb: FORMAT = debian
rpm: FORMAT = rpm
deb rpm: all
	$(if $(filter no,$(STATIC)),$(error a package holds static programs: they must be built with STATIC=yes))
	@rm -rf build/$@
	@$(MAKE) --no-print-directory install DESTDIR=build/$@/installed PREFIX=/usr >/dev/null
	@SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) hooks/$(FORMAT)/build $(VERSION) build/$@/installed build/$@
	@rm -r build/$@/installed
	@ls build/$@/container-init[_-]$(VERSION)*.$@

dist:
	git archive --prefix=container-init-$(VERSION)/ -o container-init-$(VERSION).tar.gz HEAD

clean:
	rm -rf build

.PHONY: all help deps deps-all install uninstall dist clean always
.DELETE_ON_ERROR:

# Everything above works without tests/.
-include tests/tests.mk
-include $(OBJECTS:.o=.d) $(MAINS:%.cc=$(BUILD)/%.d)
