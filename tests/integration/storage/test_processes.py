"""Storage among several processes, and on a disk that really has no room."""

import subprocess
import sys
from pathlib import Path

from storage.object_stores.local import LocalObjectStore
from storage.signing import load_or_create_signing_keys

KEY = "images/ab/abc/original.png"

LOAD_KEYS = """
import sys
from pathlib import Path
from storage.signing import load_or_create_signing_keys
print("ready", flush=True)
sys.stdin.readline()
print(load_or_create_signing_keys(Path(sys.argv[1])))
"""

PUT_MORE_THAN_FITS = """
import resource, sys
from pathlib import Path
from storage.errors import StorageFull
from storage.object_stores.local import LocalObjectStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
objects = LocalObjectStore(root=Path(sys.argv[1]), public_url="", signing_keys={"k": b"k" * 32})
objects.put(sys.argv[2], b"small", "image/png")
try:
    objects.put(sys.argv[2], b"x" * 200_000, "image/png")
except StorageFull as error:
    print(error.code)
"""


def test_processes_that_start_together_share_one_signing_key(tmp_path: Path) -> None:
    path = tmp_path / "home" / "signing-keys.json"
    starters = [
        subprocess.Popen(  # noqa: S603 - this Python, our own words
            [sys.executable, "-c", LOAD_KEYS, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    answers = {starter.communicate(timeout=30)[0].strip() for starter in starters}
    assert answers == {str(load_or_create_signing_keys(path))}
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_without_room_is_full_and_keeps_what_it_had(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - this Python, our own words
        [sys.executable, "-c", PUT_MORE_THAN_FITS, str(tmp_path), KEY],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "storage_full"
    objects = LocalObjectStore(root=tmp_path, public_url="", signing_keys={"k": b"k" * 32})
    assert objects.get(KEY) == b"small"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / KEY]
