"""What a server on this machine answers at all: the owner of the token, from its own pages.

Any page that a browser shows, and any program of any user of the machine, can send requests to a port of it.
A page of another site is known by Origin, by Sec-Fetch-Site and, where a name of its own leads to this
machine (DNS rebinding), by Host; others lack the token.
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "PUT")
HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses requests of others, takes the token off the path, and adds headers of security to answers.

    Parameters
    ----------
    app : ASGI application
    token : str
        First part of the path of every address.
    port : int
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; one of another protocol than HTTP gets none."""
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        status, words = self._refusal(scope)
        if status:
            await PlainTextResponse(words, status)(scope, receive, answer)
            return
        rest = scope["path"].removeprefix(f"/{self.token}")
        await self.app({**scope, "path": rest, "raw_path": rest.encode()}, receive, answer)

    def _refusal(self, scope: Scope) -> tuple[int, str]:
        """Return the status and the reason with which a request is refused; 0 if it is not."""
        headers = Headers(scope=scope)
        if headers.getlist("host") not in [[host] for host in self.hosts]:
            return 421, "another host"
        if not set(headers.getlist("origin")) <= self.origins:
            return 403, "another origin"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "another site"
        given = scope["path"][1:].partition("/")[0].encode()
        if not secrets.compare_digest(given, self.token.encode()):
            return (
                404,
                "crisp serve prints the address with its token; it is another one each time it is started",
            )
        if scope["method"] not in METHODS:
            return 405, "method not allowed"
        return 0, ""
