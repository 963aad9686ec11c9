#!/bin/bash
# docs/CONFIGURATION.md from the table in src/base/config.h.
#
#     scripts/make-configuration-doc.sh [--check] RUSTYDB_CLI
set -euo pipefail
cli=$(readlink -f "${*: -1}")
cd "$(dirname "$(readlink -f "$0")")/.."

document() {
    cat <<'END'
# Configuration

One TOML file a node, `/etc/rustydb/rac.toml` unless `--config` says otherwise. `rustydb-cli config check FILE` checks one; unknown keys, wrong types and values
out of range are errors with file and line. A key marked "only the default so far" belongs to a feature that does not exist yet: it is refused unless it has its
default, never ignored.

This page is made by `scripts/make-configuration-doc.sh` from the table in `src/base/config.h`.
END
    "$cli" config show
}

if [ "${1:-}" = --check ]; then
    diff docs/CONFIGURATION.md <(document)
else
    document >docs/CONFIGURATION.md
fi
