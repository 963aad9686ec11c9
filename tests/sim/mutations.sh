#!/bin/sh
# Proves that the simulation notices when a rule is taken out: runs seeds of a
# build with -Dmutations=true until one fails.
#
#     tests/sim/mutations.sh BUILD_DIR [SEEDS] [RULE...]
#
# A rule whose loss the simulation cannot see (yet) is kept by the unit test
# named beside it. docs/TESTING.md has the table.
set -u
build=${1:?usage: mutations.sh BUILD_DIR [SEEDS] [RULE...]}
seeds=${2:-60}
shift
[ $# -gt 0 ] && shift

# rule, workload that shows its loss soonest ("-": the seed's own), options
rules='
R2 append
R3 append
R3_acks append
R4 append
R5 -
R5_dirty -
R5_evict bulk
R6 bulk
R7 -
R7_recovery -
R9 -
R12 unique
R13 -
R13_version -
R13_ship -
R14 -
R14_clear -
R14_down -
R15 -
'
missed=0
echo "$rules" | { while read -r rule workload; do
    [ -n "$rule" ] || continue
    if [ $# -gt 0 ]; then
        case " $* " in *" $rule "*) ;; *) continue ;; esac
    fi
    options="--seeds 1-$seeds --jobs 2 --limit 30 --expect-failure"
    [ "$workload" = - ] || options="$options --workload $workload"
    out=$(RUSTYDB_MUTATE=$rule "$build/tests/sim/sim_run" $options 2>&1)
    if [ $? -eq 0 ]; then
        printf '%-12s caught: %s\n' "$rule" "$(printf '%s\n' "$out" | grep -m1 '^FAILED\|^panic\|Assertion\|^seed .* FAILED')"
    else
        printf '%-12s NOT caught in %s seeds\n' "$rule" "$seeds"
        missed=1
    fi
done; exit $missed; }
