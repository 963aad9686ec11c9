#!/bin/bash
# Configures (once) and builds a flavour in build/<flavour>.
#
#     scripts/build.sh FLAVOUR [-- TARGET...]
#
# Flavours: release, debug, asan (ASan and UBSan, whole-structure checks), tsan, mutations (rules can be switched off), clang.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

flavour=${1:?usage: scripts/build.sh FLAVOUR [-- TARGET...]}
shift
[ "${1:-}" != -- ] || shift

case $flavour in
release) options=(-Dbuildtype=release) ;;
debug) options=(-Dbuildtype=debug -Dslow_asserts=true) ;;
asan) options=(-Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Dslow_asserts=true) ;;
tsan) options=(-Dbuildtype=debug -Doptimization=1 -Db_sanitize=thread) ;;
mutations) options=(-Dbuildtype=debugoptimized -Dmutations=true -Dslow_asserts=true) ;;
clang) options=(-Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false) && export CC=clang ;;
*)
    echo "unknown flavour \"$flavour\"" >&2
    exit 2
    ;;
esac

dir=build/$flavour
log=$dir.log
mkdir -p build
if [ ! -e "$dir/build.ninja" ]; then
    rm -rf "$dir"
    meson setup "$dir" "${options[@]}" >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
elif [ -n "$(find meson.build src tests -name meson.build -newer "$dir/build.ninja" -print -quit)" ]; then
    meson setup --reconfigure "$dir" >"$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; } # also finds folders that are new
fi
if ! ninja -C "$dir" -j "${BUILD_JOBS:-$(nproc)}" "$@" >"$log" 2>&1; then
    grep -a -E -A 12 'FAILED:|error:|ERROR|undefined reference' "$log" | head -n 60 >&2 || tail -n 30 "$log" >&2
    echo "The build of $dir failed; the whole output is in $log." >&2
    exit 1
fi
tail -n 1 "$log"
