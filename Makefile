# Every target sets up what it needs in .venv by itself.
#
#   make demo      the main job on real photographs of solar cells; ten to twenty-two minutes on two cores
#   make test      the whole test suite
#   make check     lint, formatting, types
#   make bench     what the parts cost on this machine; BENCHMARKS="benchmarks/masks/gate.py" picks
#                  others, most of which need data and say which
#   make install   .venv with everything, nothing else
#   make clean     remove what these targets made, except runs/
#
# PYTHON=...      the Python that makes .venv, if not the first suitable python3
# PIP_FLAGS=...   more options for pip, such as another package index (for a torch without CUDA)
# JOBS=...        test processes, two unless told

PYTHON ?=
PIP_FLAGS ?=
JOBS ?= 2
BENCHMARKS ?= benchmarks/cli/help.py benchmarks/metrics/speed.py \
  benchmarks/detection/synthesis_speed.py benchmarks/synthesis/frame_size.py

BIN := .venv/bin
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.10)

.PHONY: help install demo test check bench clean

help:
	@sed -n 's/^#   make/  make/p' Makefile

install: .venv/installed

$(BIN)/python:
	@for python in $(CANDIDATES); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then \
	    "$$python" -m venv .venv || { rm -rf .venv; exit 1; }; \
	    exit 0; \
	  fi; \
	done; \
	echo "anogen needs Python 3.10 or newer, and none of these is: $(CANDIDATES);" \
	  "install one, or name it with PYTHON=/path/to/python3." >&2; \
	exit 1

.venv/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) --constraint constraints.txt --editable '.[dev,demo]'
	@touch $@

demo: .venv/installed
	$(BIN)/anogen demo

# One thread for each process: the processes already share the cores.
test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

check: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/installed
	@for benchmark in $(BENCHMARKS); do \
	  echo "$$benchmark"; $(BIN)/python "$$benchmark" || exit 1; \
	done

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
