#!/bin/sh
# tested_model.sh: the example of a tested model passes its tests, and says why where the model is a worse one.
#
#   tested_model.sh EXAMPLE ALERTROND TEST_PUMP
set -eu

example=$1 test_pump=$3
export ALERTROND="$2"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
output=$work/output
mkdir "$work/model"
cp "$example"/* "$work/model"
cd "$work/model"
rm -f ./*.alertron # of who ran check.sh there

fail() {
    echo "FAILED: $1"
    cat "$output"
    exit 1
}

# fails COMMAND...: it ends with exit status 1, or as many as there were failures.
fails() {
    if "$@" > "$output" 2>&1; then fail "$* should have failed"; fi
}

says() {
    grep -q -e "$1" "$output" || fail "there is no \"$1\" in it"
}

./check.sh > "$output" 2>&1 || fail 'check.sh with the good model'
says ' passed, 0 failed in '
grep -q 'failures="0" errors="0"' report.xml || fail 'report.xml'
"$test_pump" pump.alertron normal_week.csv > "$output" 2>&1 || fail 'test_pump with the good model'
cp pump.alertron good.alertron

# A worse model: of 3 trees, and with the incidents among what it takes for normal.
sed '1d; s/,[01]$//' labelled.csv | cat readings.csv - > mixed.csv
"$ALERTROND" train mixed.csv -o worse.alertron --trees 3 --contamination 0.05 2> /dev/null
fails ./check.sh worse.alertron
says '^  FAILED  .* file normal_week.csv alarms at most 2%$'
says 'found      alarms on .*% of 1008 rows; at most 2% was wanted$'
says 'reading    row .* of normal_week.csv (line '
says 'score      0\..*: .* (anomalies are above 0\..*, medium from 0\.'
says 'caused by  [a-z]*  *[0-9.]*  *[0-9]*%$'
says ' passed, [1-9][0-9]* failed in '
grep -q '<failure message="alarms on ' report.xml || fail 'report.xml'
fails "$test_pump" worse.alertron normal_week.csv
says 'test_pump.c:[0-9]*: error: Failure!'
says 'alarms on .*% of 1008 rows; at most 2% was wanted'
says '^the reading scores 0\..*; the threshold is 0\..*; caused by$'
says '^  [a-z]*  *[0-9.]*  *[0-9]*%$'

fails "$test_pump" nowhere.alertron normal_week.csv
says '^nowhere.alertron: No such file or directory$'

# The model that is there is the one that is tested, and so is the deployed one; paths are those of the caller.
cp worse.alertron pump.alertron
fails ./check.sh
says ' passed, [1-9][0-9]* failed in '
cmp worse.alertron pump.alertron
cp worse.alertron pump-previous.alertron
cp good.alertron pump.alertron
fails ./check.sh
says '^  FAILED  .* load pump-previous.alertron  *agrees on at least 98% of normal_week.csv$'
cmp worse.alertron pump-previous.alertron
ln -s "$ALERTROND" alertrond
cd ..
ALERTROND=model/alertrond fails model/check.sh model/worse.alertron
says ' passed, [1-9][0-9]* failed in '
echo 'The good model passes, the worse one fails and says why.'
