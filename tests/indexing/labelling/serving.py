"""A real `crisp serve`, its pages, and requests to it."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

WAIT = 30  # s for an answer


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Server:
    """A running server: its address, and requests to it without a browser."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address
        parts = urlsplit(address)
        assert parts.hostname == "127.0.0.1"
        assert parts.port
        self.port, self.path = parts.port, parts.path

    def ask(
        self,
        path: str = "",
        method: str = "GET",
        body: bytes | Iterator[bytes] | None = None,
        whole: bool = False,
        **headers: str,
    ) -> Answer:
        """Request a path below the token, or the whole path; ``_`` in names of headers is ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path if whole else self.path + path, body, given)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def put(self, body: bytes, version: str = "", name: str = "match", **headers: str) -> Answer:
        """Send an annotation."""
        path = f"{name}/annotation?version={version}"
        return self.ask(path, "PUT", body, **{"Content_Type": "application/xml", **headers})


@contextmanager
def served(*arguments: str | Path, folder: Path | None = None) -> Iterator[Server]:
    """Run `crisp serve` with the arguments, on a free port unless they name one."""
    command = [sys.executable, "-m", "crisp", "serve", *map(str, arguments)]
    command += [] if "--port" in arguments else ["--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            yield Server(process, process.stdout.readline().strip())
        finally:
            process.kill()
