#!/bin/sh
# Proves that the simulation notices when a rule is taken out: runs seeds of a
# build with -Dmutations=true until one fails.
#
#     tests/sim/mutations.sh BUILD_DIR [SEEDS] [RULE...]
#
# Rules whose loss the simulation cannot see are not listed: unit tests keep
# them (meson test --suite mutation). docs/TESTING.md says which, and why.
set -u
build=${1:?usage: mutations.sh BUILD_DIR [SEEDS] [RULE...]}
seeds=${2:-60}
shift
[ $# -gt 0 ] && shift

# rule, and how its loss shows soonest
rules='
R3        --workload watch
R3_acks   --workload watch --restless
R4        --workload watch --restless
R5_dirty
R5_evict
R6        --workload bulk
R7        --workload append
R9        --workload watch
R12       --workload unique
R13
R14
R14_clear
R14_down
'
missed=0
echo "$rules" | { while read -r rule how; do
    [ -n "$rule" ] || continue
    if [ $# -gt 0 ]; then
        case " $* " in *" $rule "*) ;; *) continue ;; esac
    fi
    out=$(RUSTYDB_MUTATE=$rule "$build/tests/sim/sim_run" --seeds "1-$seeds" --jobs 2 --limit 30 --expect-failure $how 2>&1)
    if [ $? -eq 0 ]; then
        printf '%-12s caught: %s\n' "$rule" "$(printf '%s\n' "$out" | grep -m1 '^FAILED\|^panic\|Assertion\|^seed .* FAILED')"
    else
        printf '%-12s NOT caught in %s seeds\n' "$rule" "$seeds"
        missed=1
    fi
done; exit $missed; }
