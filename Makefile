# Belay. `make` builds it, `make help` lists the rest. All that is not CMake's is done by the scripts named here.
# Variables: JOBS (default: all cores), BELAY_CACHE (built dependencies), DESTDIR and PREFIX (install).

JOBS ?= $(shell nproc)
PREFIX ?= /usr
DESTDIR ?=
export JOBS

# The recipes are serial and hand JOBS to their tools; `make -j` changes nothing.
.NOTPARALLEL:
.DEFAULT_GOAL := all

config := config/cmake

.PHONY: all
all: configure  ## build the programs: build/belay, its symbols in build/belay.debug
	@cmake --build build -j $(JOBS) --target product

.PHONY: deps
deps:  ## install Debian packages that are missing, build the static libraries (once per machine)
	@$(config)/packages.sh build
	@$(config)/deps.sh build

.PHONY: configure
configure: deps
	@cmake --preset release --log-level=WARNING > /dev/null

.PHONY: tests
tests: all  ## build all tests as well
	@$(config)/packages.sh test
	@cmake --preset release --log-level=WARNING > /dev/null
	@cmake --build build -j $(JOBS) --target tests

.PHONY: clean
clean:  ## remove the build folder (the dependency cache stays)
	@rm -rf build

.PHONY: help
help:  ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-24s %s\n", $$1, $$2 }'
