# Set-up, then one call of snakemake or pytest: all that is done here can be done without it (README.md).
#
#   DATA     archive or folder of X-rays; else what the configuration says: data/covid_xray.zip
#   WEIGHTS  file with the backbone's weights; else Keras' own, fetched once
#   CONFIG   overlay(s) of config/config.yaml; the build then stands in build/NAME of the first one
#   CORES    of this machine; else all
#
# A variable of the environment counts as well, and is printed: it may be meant for another program.

DATA ?=
WEIGHTS ?=
CONFIG ?=
CORES ?= all
variables = DATA WEIGHTS CONFIG CORES

given = $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
taken = $(if $(filter report,$(MAKECMDGOALS)),$(variables),$(if $(filter demo,$(MAKECMDGOALS)),CORES))
unknown := $(filter-out $(taken) SHELL MAKE%,$(given))
$(if $(unknown),$(error found $(unknown), which $(strip make $(MAKECMDGOALS)) does not take; \
  expected DATA, WEIGHTS, CONFIG or CORES, with make report))

python = .venv/bin/python
snakemake = $(python) -m snakemake --cores $(CORES) --rerun-incomplete
# Two processes: one runs the tests that share the build, the other the rest. More would not fit into a laptop's memory.
pytest = $(python) -m pytest -n 2 --no-loadscope-reorder
interruptible = trap 'echo "Interrupted: the same command goes on from here." >&2; exit 130' INT;
# UTF-8 whatever the terminal's language, for snakemake and all that it calls.
export PYTHONUTF8 = 1

# A path made absolute, spaces and all (so not by make's own functions): "|" marks its start.
absolute = $(subst |,$(CURDIR)/,$(subst |~/,$(HOME)/,$(subst |/,/,|$(1))))
quoted = '$(subst ','\'',$(1))'

settings = $(if $(DATA),$(call quoted,dataset={"path": "$(call absolute,$(DATA))"})) \
  $(if $(WEIGHTS),$(call quoted,transfer={"weights": "$(call absolute,$(WEIGHTS))"}))
folder = build/$(basename $(notdir $(firstword $(CONFIG))))
overlay = --directory $(folder) --configfile $(CONFIG)

.PHONY: help setup report check test test-all lint format lock tex poppler config cores
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo 'Variables of make report:'
	@sed -n 's/^#   /  /p' Makefile

setup: .venv/.ready ## only the environment .venv (the targets below also create it)

report: config cores tex .venv/.ready ## the article from real images, e.g. make report DATA=path/to/covid_xray.zip
	$(if $(CONFIG),@$(python) -m workflow.settings $(CONFIG))
	@$(python) -m workflow.lock $(if $(CONFIG),$(folder),.)
	$(interruptible) $(snakemake) $(if $(CONFIG),$(overlay)) $(if $(strip $(settings)),--config $(settings))

# The demo begins: a handed-in package has no generated images.
.PHONY: demo
demo: cores tex build/demo/data/covid_xray.zip ## the article from generated phantoms: no data, no download, no medical meaning
	@$(python) -m workflow.lock build/demo
	$(interruptible) $(snakemake) --directory build/demo --configfile config/demo.yaml

build/demo/data/covid_xray.zip: tests/phantoms.py | .venv/.ready
	@mkdir -p $(@D)
	$(python) -m tests.phantoms $@
# The demo ends.

check: lint ## lint, and the tests that need no build, network or TeX: while you edit
	$(pytest) -m "not (build or network or tex or slow)"

test: poppler .venv/.ready ## the tests
	-@sh workflow/setup.sh tex
	$(pytest) -m "not slow"

test-all: poppler .venv/.ready ## also the tests that take minutes: two builds compared, Slurm, notebook, submission
	-@sh workflow/setup.sh tex
	$(pytest)

lint: .venv/.ready ## the checks of style
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m snakefmt --check Snakefile workflow/rules
	$(python) -m mypy

format: .venv/.ready ## lay the code out
	$(python) -m ruff check --fix
	$(python) -m ruff format
	$(python) -m snakefmt Snakefile workflow/rules

lock: ## requirements.txt from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --quiet --group dev --universal --python-version 3.12 --generate-hashes \
	  --no-header --no-emit-index-url --output-file requirements.txt

# Written last: an environment without it is incomplete, and is recreated.
.venv/.ready: requirements.txt
	@sh workflow/setup.sh python
	@touch $@

tex poppler:
	@sh workflow/setup.sh $@

cores:
	$(foreach name,$(taken),$(if $(findstring environment,$(origin $(name))),$(info $(name)=$($(name)) (environment))))
	@case $(call quoted,$(CORES)) in all) ;; 0*|*[!0-9]*|'') echo "CORES: found "$(call quoted,$(CORES))"; expected" \
	  "all, or a whole number from 1" >&2; exit 1;; esac

config:
	@for file in $(CONFIG); do test -f "$$file" || { echo "CONFIG: no file $$file; expected an overlay of" \
	  "config/config.yaml" >&2; exit 1; }; done
