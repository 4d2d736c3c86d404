#!/usr/bin/env bash
# Starts Workbench and sets it up first if need be. Without arguments it serves on 127.0.0.1:8000;
# `./run.sh demo` runs the demo, and any other arguments are a command of `workbench`.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/bootstrap.sh"

if ! is_ready "$root/.venv" runtime; then
    need_tools
    environment .venv runtime
fi
unset WORKBENCH_PYTHON
exec "$root/.venv/bin/workbench" "${@:-serve}"
