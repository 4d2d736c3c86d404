# What people and CI call; `just` lists it.

bin := justfile_directory() / ".venv/bin"
export PATH := bin + ":" + env("PATH")
compile := "uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet"

default:
    @just --list

# Everything that must hold before a change goes in
check: lint test

test *options:
    python -m pytest {{ options }}

# With those that take long: chaos, faults, forged passes, other languages, recorded epics
test-all *options:
    python -m pytest -m "slow or not slow" {{ options }}

lint:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

format:
    ruff check --fix .
    ruff format .

# Lock the newest allowed versions of all packages
lock:
    {{ compile }} --upgrade --output-file requirements.lock
    {{ compile }} --upgrade --group dev --constraint requirements.lock --output-file requirements-dev.lock
    {{ compile }} --upgrade --group benchmarks --constraint requirements.lock --output-file requirements-benchmarks.lock

# Measure the engine beside a floor and other engines, which have an environment of their own
bench *arguments:
    test -d .venv/benchmarks || python -m venv .venv/benchmarks
    .venv/benchmarks/bin/pip install --quiet --require-hashes --requirement requirements-benchmarks.lock
    .venv/benchmarks/bin/python -m tests.benchmarks {{ arguments }}

# Try every wall of the sandbox as this user, and as root also as nobody
isolation:
    python -m tests.isolation

run *arguments:
    ./run.sh {{ arguments }}

demo *arguments:
    ./run.sh demo {{ arguments }}
