#!/bin/sh
# systemd_scenario.sh: what test_systemd.py has a systemd of its own run: alertrond.service through its life, as an
# operator would lead it. What it finds goes to /out, a file each.
set -u
cd /out || exit 1
touch booted
systemd-sysusers /out/alertrond.sysusers
chgrp -R alertrond /etc/alertrond
chmod 750 /etc/alertrond
chmod 640 /etc/alertrond/*

# A broker, which comes late: the service waits for it without being started.
systemctl start --no-block alertrond
for _ in $(seq 100); do
    systemctl show alertrond -p StatusText --value | grep -q waiting && break
    sleep 0.1
done
systemctl show alertrond -p ActiveState -p StatusText > waiting
/usr/bin/alertrond broker > broker.log 2>&1 &
until [ -s broker.log ]; do sleep 0.1; done
python3 /out/systemd_forward.py 19092 "$(head -n 1 broker.log)" &
systemctl start alertrond
systemctl show alertrond -p ActiveState -p StatusText -p NRestarts -p WatchdogUSec -p Result > started
pid=$(systemctl show alertrond -p MainPID --value)
cp "/proc/$pid/status" status
systemd-analyze security --no-pager alertrond | tail -n 1 > exposure

# It works: a reading in, metrics out.
python3 - > answer 2>&1 << 'PYTHON'
import json, urllib.request
reading = {"device_id": "d", "features": [50.0, 100.0, 0.5]}
request = urllib.request.Request("http://127.0.0.1:18000/ingest", json.dumps(reading).encode(), {"Content-Type": "application/json"})
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read().decode())
PYTHON

# One that hangs is killed by the watchdog, and started again.
kill -STOP "$pid"
for _ in $(seq 300); do
    [ "$(systemctl show alertrond -p NRestarts --value)" = 0 ] || break
    sleep 0.1
done
systemctl start alertrond
systemctl show alertrond -p ActiveState -p NRestarts > watchdog

systemctl stop alertrond
systemctl show alertrond -p ActiveState -p Result -p ExecMainStatus > stopped
journalctl -u alertrond -o cat --no-pager > journal
journalctl -u alertrond -o json --no-pager > journal.json

# A mistake in the configuration is not tried again.
echo 'nonsense' >> /etc/alertrond/alertrond.conf
systemctl start alertrond
sleep 4
systemctl show alertrond -p ActiveState -p NRestarts -p ExecMainStatus > mistaken
touch done
