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

# A machine that boots while its broker is away: the boot ends, the service waits for it without being started.
systemctl enable alertrond
systemctl start --no-block multi-user.target
for _ in $(seq 300); do
    systemctl --quiet is-active multi-user.target && break
    sleep 0.1
done
systemctl show multi-user.target -p ActiveState > booting
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
request = urllib.request.Request("http://127.0.0.1:8000/ingest", json.dumps(reading).encode(), {"Content-Type": "application/json"})
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read().decode())
PYTHON

# TLS before it, as deploy/tls/README.md has it.
if [ -x /usr/bin/stunnel4 ]; then
    mkdir /etc/alertrond/tls
    cp ./*.crt server.key /etc/alertrond/tls
    chmod 600 /etc/alertrond/tls/server.key
    cp alertrond-tls.conf /etc/stunnel
    systemctl enable --now stunnel@alertrond-tls
    systemctl restart stunnel@alertrond-tls
    curl --silent --noproxy '*' --retry 10 --retry-delay 1 --retry-connrefused \
        --cacert clients-ca.crt --cert client.crt --key client.key https://localhost:8443/metrics > front.answer
    systemctl show stunnel@alertrond-tls -p ActiveState -p NRestarts > front
fi

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
journalctl -o cat --no-pager > journal.machine
journalctl -u alertrond -o cat --no-pager > journal
journalctl -u alertrond -o json --no-pager > journal.json

# A librdkafka of one's own, as `make install` leaves it.
cp "$(ldconfig -p | sed -n 's/.*librdkafka\.so\.1 .*=> //p' | head -n 1)" /usr/local/lib
ldconfig
systemctl start --no-block alertrond
for _ in $(seq 100); do
    systemctl show alertrond -p StatusText --value | grep -q . && break
    sleep 0.1
done
grep -o '/.*librdkafka.*' "/proc/$(systemctl show alertrond -p MainPID --value)/maps" | sort -u > librdkafka
systemctl stop alertrond

# A mistake in the configuration is not tried again.
echo 'nonsense' >> /etc/alertrond/alertrond.conf
systemctl start alertrond
sleep 4
systemctl show alertrond -p ActiveState -p NRestarts -p ExecMainStatus > mistaken
touch done
