"""alertrond as nobody, with no right and no file that it could write: the least that a machine may give it."""

import os
import shutil
import subprocess
import tempfile
import pathlib

import pytest

from process import Child, free_port, http_get, http_post
from service import clean_environment
from scrape import scrape

# In a namespace of its own: every mount read-only, then nobody, without a capability.
CONFINE = """
set -e
mount --make-rprivate /
for folder in $(findmnt --raw --noheadings --output TARGET); do
    case $folder in /proc* | /sys* | /dev*) continue ;; esac
    mount -o remount,bind,ro "$folder"
done
exec setpriv --reuid=nobody --regid=nogroup --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


@pytest.fixture
def for_all(program, model):
    """A folder with program and model that everybody can read."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="alertron-confined-"))
    folder.chmod(0o755)
    for file in (program, model):
        shutil.copy(file, folder)
        (folder / file.name).chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.quick
@pytest.mark.parametrize("sandbox", ["true", "false"])
def test_it_scores_as_nobody_with_nothing_to_write(for_all, embedded, generate, model, tmp_path, sandbox):
    for tool in ("unshare", "setpriv", "findmnt"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing (Debian: util-linux)")
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    port = free_port()
    words = ["unshare", "--mount", "sh", "-c", CONFINE, "confine"]
    can_write = subprocess.run([*words, "touch", for_all / "new"], capture_output=True, text=True)
    assert "Read-only file system" in can_write.stderr
    words += [for_all / "alertrond", "run", "-m", for_all / model.name, "--bootstrap", embedded.bootstrap]
    words += ["--http-address", "127.0.0.1", "--port", port, f"--process-sandbox={sandbox}", *embedded.service_options]
    child = Child("alertrond", words, tmp_path / "alertrond.log", env=clean_environment())
    try:
        child.start().await_ready(lambda: http_get(f"http://127.0.0.1:{port}/readyz")[0] == 200, 120)
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{child.pid}/status").read_text().splitlines() if ":\t" in line)
        assert set(status["Uid"].split()) == {"65534"}
        assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd")} == {"0" * 16}
        assert status["Seccomp"] == ("2" if sandbox == "true" else "0")
        generate(embedded.bootstrap, count=2000, rate="max").wait(60)
        child.await_ready(lambda: scrape(f"http://127.0.0.1:{port}/metrics").sum("kafka_messages_consumed_total") == 2000, 120)
        assert http_post(f"http://127.0.0.1:{port}/ingest", b'{"device_id": "d", "features": [50, 100, 0.5]}')[0] == 200
    finally:
        assert child.stop(40) == 0
