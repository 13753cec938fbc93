#!/bin/sh
# check.sh: makes the pump model and runs its tests, as CI does; exit status 0 where all pass. With a model's file it
# makes none and tests that one:
#
#     ./check.sh
#     ./check.sh iforest.joblib
#
# alertrond is $ALERTROND, else the one in PATH. report.xml is for the CI server.
set -eu
cd "$(dirname "$0")"
alertrond=${ALERTROND:-alertrond}

# What runs in production. Here it is made of the same readings; yours is the file that you deployed last.
[ -e pump-previous.alertron ] || "$alertrond" train readings.csv -o pump-previous.alertron --seed 1

model=${1:-pump.alertron}
[ $# -gt 0 ] || "$alertrond" train readings.csv -o "$model"
"$alertrond" test -m "$model" pump.tests --junit report.xml
