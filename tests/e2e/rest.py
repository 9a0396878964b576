"""A REST client for the end-to-end tests, on nothing but the standard library."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TERMINAL = {"delivered", "blocked", "failed", "cancelled"}


@dataclass(frozen=True, kw_only=True)
class Rest:
    """Speaks to a gateway with an API key."""

    url: str
    key: str

    def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Call and return the status and the answer."""
        status, _, answer = self.call_fully(method, path, body, **headers)
        return status, answer

    def call_fully(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        """Call and return the status, the headers and the answer."""
        request = urllib.request.Request(  # noqa: S310 - a loopback gateway
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return answer.status, answer.headers, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.loads(error.read())

    def upload(self, picture: bytes) -> str:
        """Upload a picture, and return its id."""
        boundary = "a-boundary-between-fields"
        body = b"".join(
            (
                f"--{boundary}\r\n".encode(),
                b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n',
                b"Content-Type: image/png\r\n\r\n",
                picture,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        request = urllib.request.Request(  # noqa: S310 - a loopback gateway
            self.url + "/v1/uploads",
            method="POST",
            data=body,
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": f"multipart/form-data; boundary={boundary}",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return str(json.loads(answer.read())["id"])

    def until(
        self, job_id: str, is_met: Callable[[dict[str, Any]], bool], *, timeout_s: float = 90
    ) -> dict[str, Any]:
        """Ask for a job until something holds of it."""
        deadline = time.monotonic() + timeout_s
        while True:
            status, job = self.call("GET", f"/v1/generations/{job_id}")
            if status == 200 and is_met(job):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.1)

    def until_ended(self, job_id: str, *, timeout_s: float = 90) -> dict[str, Any]:
        """Ask for a job until it has ended."""
        return self.until(job_id, lambda job: job["status"] in TERMINAL, timeout_s=timeout_s)


def fetch(url: str) -> tuple[int, bytes]:
    """Get a URL without any key, as whoever holds a link would."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
