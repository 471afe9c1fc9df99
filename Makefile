# Belay. `make` builds it, `make help` lists the rest. What is not CMake's is done by the scripts named here.
# Variables: JOBS (default: all cores), BELAY_CACHE (built dependencies), DESTDIR and PREFIX (install).

JOBS ?= $(shell nproc)
PREFIX ?= /usr
DESTDIR ?=
export JOBS PREFIX DESTDIR

# The recipes are serial and hand JOBS to their tools; `make -j` changes nothing.
.NOTPARALLEL:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-print-directory

scripts := config/cmake
configure = cmake --preset $(1) --log-level=WARNING > /dev/null
build = cmake --build $(1) -j $(JOBS) --target $(2)

.PHONY: all
all: deps  ## build the programs: build/belay and build/belay-relay, their symbols in *.debug
	@$(call configure,release)
	@$(call build,build,product)

.PHONY: deps
deps:  ## install missing Debian packages, build the static libraries (once per machine)
	@$(scripts)/packages.sh build
	@$(scripts)/deps.sh build

.PHONY: plugins
plugins: all  ## build the step plugins that need libraries of this machine (PostgreSQL): build/belay-step-*
	@$(scripts)/packages.sh plugins
	@$(call configure,release)
	@$(call build,build,plugins)

.PHONY: tests
tests: deps  ## build the programs and all tests
	@$(scripts)/packages.sh test plugins
	@$(call configure,release)
	@$(call build,build,product plugins tests)

.PHONY: stage-programs
stage-programs: deps  ## build the programs, and what `make check` drives them with
	@$(scripts)/packages.sh test plugins
	@$(call configure,release)
	@$(call build,build,product plugins stage_programs)

.PHONY: demo
demo: all  ## show Belay at work, in a folder of its own
	@$(scripts)/packages.sh demo
	@tests/demo/demo.sh build/belay

.PHONY: check
check:  ## all that a change must pass: build, style, units (sanitized), sim, integration, crash, schedules
	@tests/run.sh change

.PHONY: check-nightly
check-nightly:  ## the same with more rounds, and units as shipped, tsan, fuzz, mutants, power, bench
	@tests/run.sh nightly

.PHONY: check-agents
check-agents: all  ## drive real coding agents, fetched with npm (1.3 GB), against a model of ours
	@tests/agents/run.sh change

.PHONY: style
style:  ## the style of the code only
	@tests/run.sh change style

.PHONY: bench
bench:  ## measure, and compare with the budgets
	@tests/run.sh change bench

.PHONY: asan
asan:  ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tests/run.sh change asan

.PHONY: tsan
tsan:  ## unit tests under ThreadSanitizer
	@tests/run.sh change tsan

.PHONY: fuzz
fuzz:  ## run every fuzzer for a minute (clang)
	@tests/run.sh change fuzz

.PHONY: format
format:  ## put the sources into the shape of .clang-format
	@$(scripts)/packages.sh fuzz
	@git ls-files 'agent/*.h' 'agent/*.cpp' 'common/*.h' 'common/*.cpp' 'relay/*.h' 'relay/*.cpp' 'tests/*.h' 'tests/*.cpp' | xargs clang-format -i

.PHONY: install
install: all  ## install under DESTDIR: programs, units, settings, docs, licences
	@$(scripts)/install.sh

.PHONY: clean
clean:  ## remove the build folder (the cache of dependencies stays)
	@rm -rf build

.PHONY: help
help:  ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-22s%s\n", $$1, $$2 }'
