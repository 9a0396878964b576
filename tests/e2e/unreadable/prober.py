"""Asks for everything, all the time: each key there ever was, each URL ever told, and guesses.

What opens is looked at, and must be of a plan that may be read. Whoever probes holds the secret by
which links are signed, so no key is safe because nobody was given a link to it.
"""

import hashlib
import hmac
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from PIL import Image

from backend.contracts import ImageVariant
from storage.errors import InvalidImage
from storage.formats import decode
from storage.signing import load_or_create_signing_keys
from tests.e2e.unreadable.plans import Plan, plan_of_picture

FORMATS: Final = ("png", "webp", "jpg", "avif")
NAMES: Final = (*ImageVariant, "preview", "thumbnail", "thumbnail_128", "thumbnail_1024", "blurred")
_LINK: Final = re.compile(r'https?://[^"\s]+/images/[^"\s]+')
_PUBLIC: Final = "images/"
_HOUR_S: Final = 3600


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A job of a plan, and the key of the account that asked for it."""

    job_id: str
    plan: Plan
    api_key: str


@dataclass(kw_only=True)
class Prober:
    """Probes a home and its gateway in a thread of its own; `wrong` is what must not have opened.

    `opened` are the plans of which a file could be read, with the files' names; `looked_at` those
    of which a preview could.
    """

    home: Path
    url: str
    wrong: list[str] = field(default_factory=list)
    opened: dict[Plan, set[str]] = field(default_factory=dict)
    looked_at: set[Plan] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    probes: int = 0
    rounds: int = 0

    def __post_init__(self) -> None:
        self._asked: list[Asked] = []
        self._line = HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        self._gone: dict[Plan, float] = {}
        self._guessed: set[str] = set()
        self._ends = threading.Event()
        self._signing = load_or_create_signing_keys(self.home / "signing.json")
        self._thread = threading.Thread(target=self._run, name="prober")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Probe everything once more, and end; what was guessed lies in the store or nowhere."""
        self._ends.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        self._guessed -= {asked.job_id for asked in self._asked if asked.plan.is_fine}
        self.probe()
        self._line.close()

    def watch(self, asked: Asked) -> None:
        """Follow a job from now on."""
        self._asked.append(asked)

    def is_gone(self, plan: Plan) -> None:
        """Say that from now on nothing of this plan may open."""
        self._gone[plan] = time.monotonic()

    def probe(self) -> None:
        """Ask for everything once."""
        for asked in list(self._asked):
            self._ask_for_job(asked)
        self.keys |= set(self._stored())
        for key in sorted(self.keys):
            self._open(self._signed(key))
            self._guess_beside(key)
        for link in sorted(self.links):
            self._open(link)
        self.rounds += 1

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                self.probe()
            except Exception as error:  # noqa: BLE001 - told to the test, which fails
                self.wrong.append(f"the prober broke: {error!r}")
                return

    def _stored(self) -> Iterator[str]:
        """Look into the store itself; yield what lies there, and whatever was put there once."""
        for folder in ("objects", "objects-warm", "objects-cold"):
            root = self.home / folder
            for path in root.rglob("*"):
                if path.is_file() and not path.name.startswith("."):
                    yield path.relative_to(root).as_posix()
                    self._look_into(path)
        put = self.home / "put.log"
        yield from put.read_text().split() if put.exists() else ()

    def _look_into(self, path: Path) -> None:
        began = time.monotonic()
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        self._judge(f"stored {path}", data, began)

    def _ask_for_job(self, asked: Asked) -> None:
        path = f"/v1/generations/{asked.job_id}"
        _, told = self._get(self.url + path, asked.api_key)
        self.links |= set(_LINK.findall(told.decode(errors="replace")))
        image = f"{self.url}/v1/images/{asked.job_id}/0"
        if self._follow(image, asked.api_key) or asked.job_id not in self._guessed:
            self._guessed.add(asked.job_id)
            for variant in ImageVariant:
                self._follow(f"{image}?variant={variant}", asked.api_key)
        began = time.monotonic()
        status, preview = self._get(f"{self.url}{path}/preview", asked.api_key)
        if status == 200:
            self.looked_at.add(asked.plan)
            if not asked.plan.is_fine:
                self.wrong.append(f"a preview of {asked.plan!r}")
            self._judge(f"the preview of {asked.job_id}", preview, began)
            (self.home / "struck" / "looked-at").touch()

    def _follow(self, image: str, api_key: str) -> bool:
        """Note where a redirect leads, if it is one."""
        status, location = self._get(image, api_key)
        if status == 302:
            self.links.add(location.decode())
        return status == 302

    def _guess_beside(self, key: str) -> None:
        """Ask for what could lie beside a key, and for the key by links that are not good."""
        folder = key.rpartition("/")[0]
        if folder not in self._guessed:
            self._guessed.add(folder)
            for name in NAMES:
                for ending in FORMATS:
                    self._open(self._signed(f"{folder}/{name}.{ending}"))
        if key in self._guessed:
            return
        self._guessed.add(key)
        good, plain = self._signed(key), f"{self.url}/images/{key}"
        other = self._signed(f"{_PUBLIC}other.png").partition("?")[2]
        expired = self._signed(key, ttl_s=-1)
        cut = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
        doubled = f"{self.url}/images/{_PUBLIC}../{key}?{good.partition('?')[2]}"
        for bad in (plain, f"{plain}?{other}", expired, cut, doubled):
            status, _ = self._get(bad)
            if status in (200, 206, 304):
                self.wrong.append(f"{status} for the bad link {bad}")

    def _open(self, link: str) -> None:
        began = time.monotonic()
        status, data = self._get(link)
        if status not in (200, 206, 304):
            return
        if f"/images/{_PUBLIC}" not in link:
            self.wrong.append(f"{status} for {link}")
        plan = self._judge(link, data, began)
        if plan is not None:
            self.opened.setdefault(plan, set()).add(link.partition("?")[0].rpartition("/")[2])

    def _judge(self, where: str, data: bytes, began: float) -> Plan | None:
        try:
            plan = plan_of_picture(_read(data))
        except (InvalidImage, OSError):
            return None
        if plan is None:
            self.wrong.append(f"a picture of nobody: {where}")
        elif not plan.is_fine or began > self._gone.get(plan, float("inf")):
            self.wrong.append(f"{plan!r}: {where}")
        return plan

    def _signed(self, key: str, *, ttl_s: int = _HOUR_S) -> str:
        """Sign a link as the installation would, to keys too of which it would make none."""
        kid, secret = list(self._signing.items())[-1]
        expires = str(int((datetime.now(UTC) + timedelta(seconds=ttl_s)).timestamp()))
        message = "\n".join(("GET", key, expires, kid)).encode()
        told = hmac.digest(secret, message, hashlib.sha256)
        signature = urlsafe_b64encode(told).rstrip(b"=").decode()
        return f"{self.url}/images/{key}?" + urlencode(
            {"exp": expires, "kid": kid, "sig": signature}
        )

    def _get(self, url: str, api_key: str = "") -> tuple[int, bytes]:
        """Get a URL; 0 where nobody answers, and of a redirect where it leads."""
        headers: Mapping[str, str] = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self.probes += 1
        try:
            self._line.request("GET", url.removeprefix(self.url), headers=dict(headers))
            answer = self._line.getresponse()
            data = answer.read()
        except (OSError, HTTPException):
            self._line.close()
            return 0, b""
        where = answer.getheader("Location")
        return answer.status, data if where is None else where.encode()


def _read(data: bytes) -> Image.Image:
    try:
        return decode(data)
    except InvalidImage:
        # Whatever else a reader makes a picture of is one too.
        return Image.open(BytesIO(data)).convert("RGB")
