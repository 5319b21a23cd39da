"""A headless Firefox, driven by Marionette, its own protocol: Playwright drives only a build of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

PROGRAM = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
SECONDS = 60  # to start


class Firefox:
    """A Firefox with a profile of its own; pages opened from files may read their video's pictures."""

    def __init__(self, profile: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {"marionette.port": port, "security.fileuri.strict_origin_policy": False}
        lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in settings.items()]
        (profile / "user.js").write_text("\n".join(lines))
        command = [PROGRAM, "--headless", "--no-remote", "--marionette", "--profile", profile]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._connection = self._connected(port).makefile("rwb")
        self._answer()  # its greeting
        self._call("WebDriver:NewSession", {})

    def _connected(self, port: int) -> socket.socket:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.2)

    def _answer(self) -> Any:
        """One message: its length, a colon, and JSON."""
        length = b""
        while not length.endswith(b":"):
            length += self._connection.read(1)
        return json.loads(self._connection.read(int(length[:-1])))

    def _call(self, name: str, parameters: dict[str, Any]) -> Any:
        message = json.dumps([0, 1, name, parameters]).encode()
        self._connection.write(b"%d:%s" % (len(message), message))
        self._connection.flush()
        *_, error, result = self._answer()
        assert error is None, error
        return result

    def open(self, page: Path) -> None:
        """Open a page from its file."""
        self._call("WebDriver:Navigate", {"url": page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """What the body of an async function of `given` returns in the page."""
        body = f"const given = [...arguments], done = given.pop(); (async () => {{ {script} }})().then(done);"
        return self._call("WebDriver:ExecuteAsyncScript", {"script": body, "args": arguments})["value"]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)
