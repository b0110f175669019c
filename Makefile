# Set-up, then one call of snakemake or pytest: all that is done here can be done without it (README.md).
#
#   DATA     archive or folder of X-rays; else what the configuration says: data/covid_xray.zip
#   WEIGHTS  file with the backbone's weights; else Keras' own, fetched once
#   CONFIG   overlay(s) of config/config.yaml; the build then stands in build/NAME of the first one
#   CORES    of this machine; else all

DATA =
WEIGHTS =
CONFIG =
CORES = all

python = .venv/bin/python
snakemake = $(python) -m snakemake --cores $(CORES) --rerun-incomplete

# A path made absolute, spaces and all (so not by make's own functions): "|" marks its start.
absolute = $(subst |,$(CURDIR)/,$(subst |~/,$(HOME)/,$(subst |/,/,|$(1))))
quoted = '$(subst ','\'',$(1))'

settings = $(if $(DATA),$(call quoted,dataset={"path": "$(call absolute,$(DATA))"})) \
  $(if $(WEIGHTS),$(call quoted,transfer={"weights": "$(call absolute,$(WEIGHTS))"}))
overlay = --directory build/$(basename $(notdir $(firstword $(CONFIG)))) --configfile $(CONFIG)

.PHONY: help setup report test lint format lock tex poppler config
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo 'Variables of make report:'
	@sed -n 's/^#   /  /p' Makefile

setup: .venv/.ready ## the environment .venv alone; what follows makes it too

report: config tex .venv/.ready ## the article from real images, e.g. make report DATA=path/to/covid_xray.zip
	$(snakemake) $(if $(CONFIG),$(overlay)) $(if $(strip $(settings)),--config $(settings))

# The demo begins: a handed-in package has no generated images.
.PHONY: demo
demo: tex build/demo/data/covid_xray.zip ## the article from generated phantoms: no data, no download, no medical meaning
	$(snakemake) --directory build/demo --configfile config/demo.yaml

build/demo/data/covid_xray.zip: tests/phantoms.py | .venv/.ready
	@mkdir -p $(@D)
	$(python) -m tests.phantoms $@
# The demo ends.

test: poppler .venv/.ready ## the tests
	-@sh workflow/setup.sh tex
	$(python) -m pytest

lint: .venv/.ready ## the checks of style
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m snakefmt --check Snakefile workflow/rules

format: .venv/.ready ## lay the code out
	$(python) -m ruff check --fix
	$(python) -m ruff format
	$(python) -m snakefmt Snakefile workflow/rules

lock: ## requirements.txt from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --quiet --group dev --universal --python-version 3.12 --generate-hashes \
	  --no-header --no-emit-index-url --output-file requirements.txt

# Written last: an environment without it is half made, and made anew.
.venv/.ready: requirements.txt
	@sh workflow/setup.sh python
	@touch $@

tex poppler:
	@sh workflow/setup.sh $@

config:
	@for file in $(CONFIG); do test -f "$$file" || { echo "CONFIG: no file $$file; expected an overlay of" \
	  "config/config.yaml" >&2; exit 1; }; done
