"""A server on this machine alone, on whose pages videos are labelled and saved in place."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from mimetypes import guess_type
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.html_pages import render
from crisp.core.words import counted
from crisp.core.xml_files import LARGEST_FILE
from crisp.indexing.labelling.guard import Guard
from crisp.indexing.labelling.subjects import Subject, described, index_of
from crisp.indexing.viewer import page, proxy_video
from crisp.study import annotation_store, correction
from crisp.study.index_file import IndexedVideo
from crisp.study.samples import Labels

LOOPBACK = "127.0.0.1"
STATES = ("none", "begun", "done", "differs", "damaged")


class Handlers:
    """The videos that a server offers, and what it answers about them.

    Parameters
    ----------
    subjects : sequence of Subject
    command : str
        The command that makes copies of them for browsers, for messages.
    """

    def __init__(self, subjects: Sequence[Subject], command: str) -> None:
        self.subjects = {subject.name: subject for subject in subjects}
        self.command = command
        self.known: dict[str, IndexedVideo] = {}
        self.probing = {name: Lock() for name in self.subjects}

    @property
    def routes(self) -> list[Route]:
        """Return the addresses: names of videos only lead to `subjects`, and never become paths."""
        return [
            Route("/", self.list),
            Route("/{name}", self.with_slash),
            Route("/{name}/", self.page),
            Route("/{name}/video", self.video),
            Route("/{name}/annotation", self.save, methods=["PUT"]),
        ]

    def subject(self, request: Request) -> Subject:
        """Return the video that a request names."""
        try:
            return self.subjects[request.path_params["name"]]
        except KeyError:
            raise HTTPException(404, "no such video") from None

    def about(self, subject: Subject) -> IndexedVideo:
        """Describe a video, once."""
        with self.probing[subject.name]:
            if subject.name not in self.known:
                self.known[subject.name] = described(subject)
            return self.known[subject.name]

    def with_slash(self, request: Request) -> Response:
        """Lead to the page of a video, whose links count from its folder."""
        return RedirectResponse(f"{self.subject(request).name}/")

    def list(self, _: Request) -> Response:
        """Return the page with all videos and their states."""
        study = next((subject.study for subject in self.subjects.values()), None)
        labels = correction.of_last_run(study) if study else None
        rows = [_row(subject, labels) for subject in self.subjects.values()]
        found = Counter(row["state"] for row in rows)
        counts = ", ".join(f"{found[state]} {state}" for state in STATES if found[state])
        title = f"{counted(len(rows), 'video')} to label"
        values = {"title": title, "counts": counts, "rows": rows, "of_study": study is not None}
        content = render("indexing/labelling/list.html", **values)
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        return HTMLResponse(content, headers={"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"})

    def page(self, request: Request) -> Response:
        """Return the page of a video, with the strokes of its annotation file."""
        subject = self.subject(request)
        saved, about = annotation_store.load(subject.annotation), self.about(subject)
        labelling = page.Labelling(
            subject.marks,
            saved.version,
            saved.begun,
            save="annotation",
            list="../",
            command=self.command,
        )
        index = index_of(subject, about, saved.strokes)
        return HTMLResponse(page.render_page(index, page.Links("video", proxy=_copied(subject)), labelling))

    def video(self, request: Request) -> Response:
        """Return a video, or the parts of it that are asked for: its copy for browsers if there is one."""
        subject = self.subject(request)
        self.about(subject)  # refuses what is not a video, wherever a link leads
        path = subject.copy if _copied(subject) else subject.video
        if not path.is_file():
            raise HTTPException(404, "the video is not there any more")
        kind = guess_type(path.name)[0] or ""
        media_type = kind if kind.startswith("video/") else "application/octet-stream"
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return FileResponse(path, media_type=media_type, headers=headers)

    async def save(self, request: Request) -> Response:
        """Save an annotation in place, unless its file has changed since the page read it."""
        subject = self.subject(request)
        if request.headers.get("content-type", "").partition(";")[0] != "application/xml":
            return PlainTextResponse("not application/xml", 415)
        announced, body = request.headers.get("content-length", "0"), bytearray()
        if int(announced) <= LARGEST_FILE:  # checked as a number by the server
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_FILE:
                    break
        if max(int(announced), len(body)) > LARGEST_FILE:
            return PlainTextResponse(f"more than {LARGEST_FILE:,} bytes", 413)
        version = request.query_params.get("version", "")
        return await run_in_threadpool(self._save, subject, bytes(body), version)

    def _save(self, subject: Subject, body: bytes, version: str) -> Response:
        about = self.about(subject)
        sent = annotation_store.parse(body, subject.annotation.name)
        late = [stroke for stroke in sent.strokes if stroke.end > about.frames]
        if late:
            expected = f"strokes in its {counted(about.frames, 'frame')}"
            raise fail(subject.name, "strokes after the end of the video", expected, late[0].end)
        subject.check_place()
        try:
            saved = annotation_store.save(subject.annotation, sent.strokes, sent.begun, version)
        except annotation_store.ConflictError as conflict:
            theirs = conflict.saved
            rows = [stroke.row for stroke in theirs.strokes]
            return JSONResponse({"version": theirs.version, "begun": theirs.begun, "strokes": rows}, 409)
        if subject.study and subject.row:
            correction.add_row(subject.study, subject.row)
        return JSONResponse({"version": saved})


def _copied(subject: Subject) -> bool:
    return subject.copy.is_file() and proxy_video.is_copy(subject.copy)


def _row(subject: Subject, labels: Labels | None) -> dict[str, Any]:
    """Return a row of the list; `labels` are those of the last run of the study."""
    row: dict[str, Any] = {"name": subject.name, "file": str(subject.annotation)}
    try:
        saved = annotation_store.load(subject.annotation)
    except CrispError as error:
        fault = error.faults[0]
        return {**row, "state": "damaged", "fault": fault.what, "strokes": "", "saved": ""}
    when = ""
    if saved.version:
        changed = datetime.fromtimestamp(subject.annotation.stat().st_mtime)
        when = changed.isoformat(" ", "minutes")
    strokes = len(saved.strokes) if saved.version else ""
    return {**row, "state": _state(subject, saved, labels), "fault": "", "strokes": strokes, "saved": when}


def _state(subject: Subject, saved: annotation_store.Saved, labels: Labels | None) -> str:
    if not saved.version:
        return "none"
    if saved.begun:
        return "begun"
    if subject.row and correction.differs(labels, subject.row, saved.strokes):
        return "differs"
    return "done"


def application(subjects: Sequence[Subject], command: str, token: str, port: int) -> Guard:
    """Return the ASGI application that answers at ``http://127.0.0.1:<port>/<token>/``.

    Parameters
    ----------
    subjects : sequence of Subject
    command : str
        The command that makes copies of the videos for browsers, for messages.
    token : str
    port : int

    Returns
    -------
    Guard
    """
    handlers: dict[Any, Any] = {CrispError: _faulty, HTTPException: _refused}
    app = Starlette(routes=Handlers(subjects, command).routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Guard(app, token, port)


def _faulty(_: Request, error: Exception) -> Response:
    faults: tuple[Fault, ...] = error.faults if isinstance(error, CrispError) else ()
    return PlainTextResponse("\n".join(map(str, faults)), 400)


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code)


def listen(port: int) -> socket.socket:
    """Open a port of this machine that no other machine can reach; 0 takes a free one.

    Raises
    ------
    CrispError
        If another program has it.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((LOOPBACK, port))
        server.listen()  # at once, so that no request is too early
    except OSError as error:
        server.close()
        remedy = "stop that program, or choose another --port; browsers keep unsaved changes by port"
        raise fail(f"--port {port}", "port cannot be opened", "a free port", error.strerror, remedy) from None
    return server


def run(app: Guard, server: socket.socket) -> None:
    """Answer requests until Ctrl-C."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[server])
