#!/usr/bin/env bash
# Sets up the complete environment and passes the tests. Options are handed to pytest.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/bootstrap.sh"

need_tools
environment .venv development
unset WORKBENCH_PYTHON
cd -- "$root"

say "Preparing the database: migrations and first rows"
.venv/bin/workbench seed

say "Running the tests"
.venv/bin/python -m pytest "$@" || fail "the tests did not pass; the failing ones are named above"
say "Environment ready"
