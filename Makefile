# container-init: static programs around a systemd-nspawn container.
# `make help` lists the targets and the variables. Tests and benches are in tests/tests.mk.

VERSION := $(shell sed -n 's/.*kVersion = "\(.*\)";/\1/p' common/base/version.h)

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
# Whether a target may install missing packages; only root on Debian or Ubuntu can.
INSTALL_DEPS ?= yes

ifeq ($(origin CXX),default)
CXX = g++
endif
export CXX CPPFLAGS PKG_CONFIG INSTALL_DEPS

ifeq ($(filter yes no,$(STATIC)),)
$(error STATIC=$(STATIC): must be yes or no)
endif
ifeq ($(filter yes no,$(INSTALL_DEPS)),)
$(error INSTALL_DEPS=$(INSTALL_DEPS): must be yes or no)
endif
override SANITIZE := $(filter-out 0 no,$(SANITIZE))
override V        := $(filter-out 0 no,$(V))

# A build with sanitizers has a directory of its own.
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
MAN8     = container@.service.8 container-init.8 container-hooks.8
MAN5     = container.conf.5
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

# Without locale support fmt needs no std::locale, which is most of libstdc++: fmt 9 and 10 know the
# first macro, later versions the second.
ALL_CPPFLAGS = -I. -MMD -MP -DFMT_STATIC_THOUSANDS_SEPARATOR=44 -DFMT_USE_LOCALE=0 \
               $(shell $(PKG_CONFIG) --cflags libmnl 2>/dev/null) $(CPPFLAGS)
ALL_CXXFLAGS = -std=c++20 -fPIE -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow \
               -Wconversion -Wnon-virtual-dtor $(SANITIZE_FLAGS) $(CXXFLAGS)
ALL_LDFLAGS  = $(LINK_FLAGS) -Wl,--gc-sections $(LDFLAGS)

all: $(BINARIES)

help:
	@echo 'make             build the programs into build/'
	@echo 'make deps        install the packages that build, demo and check need (root)'
	@echo 'make install     install programs, unit and manual pages; uninstall removes them'
	@echo 'make dist        make container-init-$(VERSION).tar.gz'
	@echo 'make clean       remove build/'
	$(HELP_TESTS)
	@echo
	@echo 'As root on Debian or Ubuntu, the targets that need packages install those that are missing;'
	@echo 'INSTALL_DEPS=no keeps them from it.'
	@echo 'Variables: CXX CPPFLAGS CXXFLAGS LDFLAGS PKG_CONFIG LIBMNL_A STATIC=no SANITIZE=1 V=1'
	@echo '           INSTALL_DEPS=no PREFIX DESTDIR LIBEXECDIR MANDIR UNITDIR MODULESDIR'

# Packages. A target that is listed here first installs what it needs, then makes run-TARGET. Make
# runs a line with $(MAKE) even under -n: the line that installs is another one.

NEEDS_deps = build demo check

deps:
	@common/deps/prerequisites --install $(NEEDS_deps)

define after_installing
.PHONY: $(1) run-$(1)
$(1):
	$(CHECK_$(1))
	@common/deps/prerequisites --install $(NEEDS_$(1))
	@$$(MAKE) --no-print-directory run-$(1)
endef

# Objects

# One archive for each folder. It is made only if it links with nothing but the folders that it may
# use; these are listed here, each before those that it uses itself.
FOLDERS = common/base common/network common/config hooks hooks/start hooks/reload

USES_common/base    =
USES_common/network = common/base
USES_common/config  = common/network $(USES_common/network)
USES_hooks          = common/config $(USES_common/config)
USES_hooks/start    = hooks $(USES_hooks)
USES_hooks/reload   = hooks $(USES_hooks)

# A program is one file beside the folders.
MAIN_container-init = init/container-init
MAIN_pre-start      = hooks/pre-start
MAIN_start          = hooks/start/start
MAIN_post-start     = hooks/post-start
MAIN_reload         = hooks/reload/reload

LINKS_container-init = common/config $(USES_common/config)
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
	$(Q)$(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) -c -o $@ $<

FLAGS = $(subst ','\'',$(CXX) $(ALL_CPPFLAGS) $(ALL_CXXFLAGS) $(ALL_LDFLAGS))

# Changes when the flags do, and then everything is built again.
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(BUILD)/prerequisites:
	@mkdir -p $(@D)
	@common/deps/prerequisites build
	@touch $@

build/libmnl/libmnl.a: | $(BUILD)/prerequisites
	$(Q)common/deps/fetch-libmnl $(@D)

# The link of all of its objects shows what the archive uses.
define archive_rule
$(BUILD)/$(1).a: $(patsubst %.cc,$(BUILD)/%.o,$(filter-out $(MAINS),$(wildcard $(1)/*.cc))) $(USES_$(1):%=$(BUILD)/%.a) $(LIBMNL_A)
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)
	$$(Q)echo 'int main() {}' | $$(CXX) $$(ALL_CXXFLAGS) $$(LINK_FLAGS) -o $$(@:.a=.linked) -x c++ - -x none \
	  $$(filter %.o,$$^) $(USES_$(1):%=$(BUILD)/%.a) $$(if $(USES_$(1)),$$(LIBMNL)) && rm $$(@:.a=.linked)
endef
$(foreach folder,$(FOLDERS),$(eval $(call archive_rule,$(folder))))

define program_rule
$(BUILD)/$(1): $(BUILD)/$(MAIN_$(1)).o $(LINKS_$(1):%=$(BUILD)/%.a) $(LIBMNL_A)
	$$(call say,LD,$$@)
	$$(Q)$$(CXX) $$(ALL_CXXFLAGS) $$(ALL_LDFLAGS) -o $$@ $$(filter-out $$(LIBMNL_A),$$^) $$(LIBMNL)
endef
$(foreach program,$(PROGRAMS),$(eval $(call program_rule,$(program))))

# Installation

$(BUILD)/container@.service: hooks/systemd/container@.service.in always
	@mkdir -p $(@D)
	@sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' $< >$@

install: all $(BUILD)/container@.service
	$(INSTALL) -d '$(DESTDIR)$(LIBEXECDIR)' '$(DESTDIR)$(MANDIR)/man5' '$(DESTDIR)$(MANDIR)/man8' \
	  '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(MODULESDIR)'
	$(INSTALL) -m 755 $(BINARIES) '$(DESTDIR)$(LIBEXECDIR)'
	$(INSTALL) -m 644 $(MAN5:%=man/%) '$(DESTDIR)$(MANDIR)/man5'
	$(INSTALL) -m 644 $(MAN8:%=man/%) '$(DESTDIR)$(MANDIR)/man8'
	$(INSTALL) -m 644 $(BUILD)/container@.service '$(DESTDIR)$(UNITDIR)'
	$(INSTALL) -m 644 hooks/systemd/modules-load.conf '$(DESTDIR)$(MODULESDIR)/container-init.conf'

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

.PHONY: all help deps install uninstall dist clean always
.DELETE_ON_ERROR:

# Everything above works without tests/.
-include tests/tests.mk
-include $(OBJECTS:.o=.d) $(MAINS:%.cc=$(BUILD)/%.d)
