#!/bin/sh
# check.sh: runs the pump model's tests, as CI does; exit status 0 where all pass. The model is pump.alertron, or the
# file that is named:
#
#     ./check.sh
#     ./check.sh iforest.joblib
#
# A model that is missing is made of readings.csv first. alertrond is $ALERTROND, else the one in PATH. report.xml is
# for the CI server.
set -eu

# absolute PATH: as this folder, which is entered below, must have it.
absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$PWD/$1" ;;
    esac
}

alertrond=${ALERTROND:-alertrond}
case $alertrond in
*/*) alertrond=$(absolute "$alertrond") ;;
esac
model=${1:+$(absolute "$1")}
cd "$(dirname "$0")"

# made MODEL [FLAG...]: where it is missing, out of readings.csv.
made() {
    [ -e "$1" ] && return
    echo "check.sh: there is no $1; making one of readings.csv" >&2
    "$alertrond" train readings.csv -o "$@"
}

# What runs in production. Here it is made of the same readings; yours is the file that you deployed last.
made pump-previous.alertron --seed 1
[ -n "$model" ] || made pump.alertron
"$alertrond" test -m "${model:-pump.alertron}" pump.tests --junit report.xml
