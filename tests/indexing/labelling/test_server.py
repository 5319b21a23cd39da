"""`crisp serve`, used and attacked: nothing is lost, and nothing is let in."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crisp.core.files import sha256
from crisp.core.xml_files import LARGEST_FILE
from crisp.study.annotations import Stroke, is_begun, read_annotation, write_annotation
from tests.indexing.labelling.serving import Server, served
from tests.indexing.viewer.conftest import LOADED, until
from tests.indexing.viewer.using import press, status

CLASSES = "Forehand:f,Backhand"
ONE = b'<video><action begin="1" end="5" move="Forehand"/></video>'
TWO = b'<video><action begin="1" end="5" move="Forehand"/><action begin="7" end="9" move="Backhand"/></video>'
FRAMES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_video) -> Path:
    """A folder with a video, and other things that are nobody else's business."""
    folder = tmp_path_factory.mktemp("served")
    make_video(folder / "match.mp4", FRAMES, (64, 48), 20)
    (folder / "secret.xml").write_text("<video/>")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Server]:
    """A server of that video."""
    with served(folder / "match.mp4", "--classes", CLASSES) as server:
        yield server


@pytest.fixture
def server(running: Server, folder: Path) -> Server:
    """The same without an annotation."""
    (folder / "match.xml").unlink(missing_ok=True)
    return running


def strokes(folder: Path) -> list[Stroke]:
    return read_annotation(folder / "match.xml")


def test_saved_in_place_with_a_backup(server: Server, folder: Path) -> None:
    first = server.put(ONE)
    assert first.status == 200
    version = json.loads(first.body)["version"]
    assert version == sha256(folder / "match.xml")
    assert strokes(folder) == [Stroke(1, 5, "Forehand")]
    assert not is_begun(folder / "match.xml")
    second = server.put(TWO, version)
    assert second.status == 200
    write_annotation(folder / "expected.xml", [Stroke(1, 5, "Forehand"), Stroke(7, 9, "Backhand")])
    assert (folder / "match.xml").read_bytes() == (folder / "expected.xml").read_bytes()
    (backup,) = (folder / "backups").glob(f"match.xml.*-{version[:8]}.bak")
    assert sha256(backup) == version
    third = json.loads(second.body)["version"]
    assert server.put(TWO, third).status == 200, "nothing has changed: nothing is written"
    assert len(list((folder / "backups").iterdir())) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "127.0.0.1:{port}.evil.example"}, 421),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),  # another port of this machine
    ],
)
def test_others_are_refused(server: Server, folder: Path, headers: dict[str, str], status: int) -> None:
    headers = {name: value.format(port=server.port) for name, value in headers.items()}
    for path in ("", "match/", "match/video"):
        answer = server.ask(path, **headers)
        assert (answer.status, b"match" in answer.body) == (status, False), path
    assert server.put(ONE, **headers).status == status
    assert not (folder / "match.xml").exists()


def test_own_pages_are_answered(server: Server) -> None:
    for host in ("127.0.0.1", "localhost"):
        place = f"{host}:{server.port}"
        answer = server.ask(Host=place, Origin=f"http://{place}", Sec_Fetch_Site="same-origin")
        assert answer.status == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/match/", "//match/", "/{less}/match/", "/{other}/", "/favicon.ico", "*"]
)
def test_no_token(server: Server, folder: Path, path: str) -> None:
    token = server.path.strip("/")
    asked = path.format(less=token[:-1], other=token[::-1])
    for method in ("GET", "PUT", "OPTIONS"):
        answer = server.ask(asked, method, ONE if method == "PUT" else None, whole=True)
        assert answer.status in (400, 404), (method, path)
        assert b"match" not in answer.body
    assert not (folder / "match.xml").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../secret.xml",
        "match/../../secret.xml",
        "match/../secret.xml",
        "..%2fsecret.xml",
        "%2e%2e/secret.xml",
        "match%2f..%2f..%2fsecret.xml/",
        "match%00/",
        "secret.xml",
        "secret/",
        "match/secret.xml",
        "/etc/passwd",
        "%2fetc%2fpasswd/",
        "match/video/../../secret.xml",
    ],
)
def test_no_path_leads_elsewhere(server: Server, folder: Path, path: str) -> None:
    assert server.ask(path).status == 404
    assert server.ask(f"{path}/annotation", "PUT", ONE, Content_Type="application/xml").status == 404
    assert (folder / "secret.xml").read_text() == "<video/>"


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods(server: Server, method: str) -> None:
    assert server.ask("match/annotation", method).status in (400, 405)


def test_too_large(server: Server, folder: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"<video>"
        for _ in range(LARGEST_FILE // 2**20 + 1):
            yield b" " * 2**20

    kind = {"Content_Type": "application/xml"}
    announced = server.ask("match/annotation", "PUT", b"<video/>", Content_Length=str(10**12), **kind)
    assert announced.status == 413
    with suppress(ConnectionError):  # the server does not read on, which may end the sending first
        answer = server.ask("match/annotation", "PUT", pieces(), Transfer_Encoding="chunked", **kind)
        assert answer.status == 413
    assert not (folder / "match.xml").exists()
    assert server.ask().status == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty file"),
        (b"<video><action begin='1' end='5'>", "not well-formed XML"),
        (b"\xff\xfe\x00", "XML"),
        (b"<html/>", "not an annotation file"),
        (b"<!DOCTYPE v [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><video>&e;</video>", "DOCTYPE is refused"),
        (b"<video><action begin='5' end='5'/></video>", "empty or negative interval"),
        (b"<video><action begin='-1' end='5'/></video>", "bad begin"),
        (b"<video><action begin='1' end='41'/></video>", "after the end of the video"),
        (b"<video>" + b"<action begin='1' end='2'/>" * 50_001 + b"</video>", "too many strokes"),
    ],
)
def test_malformed(server: Server, folder: Path, body: bytes, words: str) -> None:
    answer = server.put(body)
    assert answer.status == 400
    assert words in answer.text
    assert "/tmp" not in answer.text
    assert "root:" not in answer.text
    assert not (folder / "match.xml").exists()


def test_only_xml_is_taken(server: Server, folder: Path) -> None:
    """What a page of another site can send without being asked for leave has another type."""
    for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""):
        assert server.put(ONE, Content_Type=kind).status == 415
    assert not (folder / "match.xml").exists()


def test_two_writers(server: Server, folder: Path) -> None:
    version = json.loads(server.put(ONE).body)["version"]
    assert server.put(TWO, version).status == 200
    late = server.put(b"<video/>", version)
    assert late.status == 409
    theirs = json.loads(late.body)
    assert theirs["version"] == sha256(folder / "match.xml")
    assert theirs["strokes"] == [[1, 5, "Forehand"], [7, 9, "Backhand"]]
    assert len(strokes(folder)) == 2
    for wrong in ("", "0" * 64, "../../x"):
        assert server.put(ONE, wrong).status == 409
    assert len(strokes(folder)) == 2


def test_of_many_at_once_one_wins(server: Server, folder: Path) -> None:
    """Each from the same version: whoever is second is told."""
    version = json.loads(server.put(ONE).body)["version"]
    for number in range(5):
        label = str(number)
        answers: list[tuple[int, int]] = []

        def put(begin: int, version: str = version, label: str = label, answers: Any = answers) -> None:
            body = f'<video><action begin="{begin}" end="30" move="{label}"/></video>'.encode()
            answers.append((server.put(body, version).status, begin))

        threads = [threading.Thread(target=put, args=(begin,)) for begin in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status for status, _ in answers) == [200] + [409] * 7
        assert strokes(folder)[0].begin == dict(answers)[200]
        version = sha256(folder / "match.xml")


def test_ranges_of_the_video(server: Server, folder: Path) -> None:
    content = (folder / "match.mp4").read_bytes()
    part = server.ask("match/video", Range="bytes=100-299")
    assert (part.status, part.body) == (206, content[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(content)}"
    assert server.ask("match/video", Range="bytes=-10").body == content[-10:]
    assert server.ask("match/video").body == content
    assert server.ask("match/video", Range=f"bytes={len(content)}-").status == 416
    assert server.ask("match/video", "HEAD").headers["content-length"] == str(len(content))


def test_no_other_machine_reaches_it(server: Server) -> None:
    others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection((address, server.port), timeout=2),
        ):
            pass


def test_port_in_use(server: Server, folder: Path) -> None:
    command = [sys.executable, "-m", "crisp", "serve", folder / "match.mp4", "--classes", "a"]
    done = subprocess.run([*command, "--port", str(server.port)], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"--port {server.port}: port cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr


def test_ends_by_ctrl_c(folder: Path) -> None:
    with served(folder / "match.mp4", "--classes", "a") as server:
        assert server.ask().status == 200
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0


def test_what_a_link_leads_to(folder: Path, tmp_path: Path) -> None:
    """A video may be a link, to a video; an annotation may not."""
    (tmp_path / "match.mp4").symlink_to(folder / "match.mp4")
    (tmp_path / "other.mp4").symlink_to("/etc/passwd")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/match.xml").write_text("<video/>")
    (tmp_path / "match.xml").symlink_to(tmp_path / "outside/match.xml")
    with served(tmp_path / "match.mp4", tmp_path / "other.mp4", "--classes", "a") as server:
        assert server.ask("match/video").status == 200
        (tmp_path / "match.mp4").unlink()
        assert server.ask("match/video").status == 404
        (tmp_path / "match.mp4").symlink_to(folder / "match.mp4")
        answer = server.ask("other/video")
        assert (answer.status, "not a video" in answer.text, "root:" in answer.text) == (400, True, False)
        answer = server.put(ONE, sha256(tmp_path / "match.xml"))
        assert (answer.status, "is a link" in answer.text) == (400, True)
    assert (tmp_path / "outside/match.xml").read_text() == "<video/>"


def test_killed_while_saving(folder: Path, tmp_path: Path) -> None:
    """Whenever the process dies, the file is one whole version, and the next server takes it from there."""
    (tmp_path / "match.mp4").symlink_to(folder / "match.mp4")
    path = tmp_path / "match.xml"
    numbers = [
        "".join(f'<action begin="{at}" end="{at + 1}" move="{name * 300}"/>' for at in range(FRAMES))
        for name in "ab"
    ]
    bodies = [f"<video>{actions}</video>".encode() for actions in numbers]
    for number in range(3):
        with served(tmp_path / "match.mp4", "--classes", "a") as server:
            count, version = 0, sha256(path) if path.exists() else ""
            with suppress(OSError, http.client.HTTPException):
                while True:
                    answer = server.put(bodies[count % 2], version)
                    if count == 0:
                        threading.Timer(0.05 + 0.06 * number, server.process.kill).start()
                    assert answer.status == 200
                    version, count = json.loads(answer.body)["version"], count + 1
            assert server.process.wait(20) == -signal.SIGKILL
        assert count > 0
        assert len({stroke.label for stroke in strokes(tmp_path)}) == 1
        assert len(strokes(tmp_path)) == FRAMES


@pytest.fixture
def open_served(browser: Any, server: Server) -> Iterator[Any]:
    """A function that opens a page of the server in a browser of one's own."""
    faults: list[str] = []
    contexts = []

    def open_it(path: str = "match/", address: str = server.address) -> Any:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 720}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address + path)
        if path:
            until(page, LOADED)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert faults == []


def saved(page: Any, words: str = "is saved") -> None:
    press(page, "Control+s")
    until(page, f"document.querySelector('#status').textContent.includes({words!r})")


def test_saved_from_the_page(open_served, folder: Path) -> None:
    page = open_served()
    press(page, "f", "ArrowRight", "f")
    saved(page)
    assert strokes(folder) == [Stroke(0, 2, "Forehand")]
    assert is_begun(folder / "match.xml")
    page.get_by_role("checkbox").click()
    press(page, "End", "1", "1")
    saved(page)
    assert strokes(folder) == [Stroke(0, 2, "Forehand"), Stroke(FRAMES - 1, FRAMES, "Backhand")]
    assert not is_begun(folder / "match.xml")
    page.reload()
    until(page, LOADED)
    assert page.locator("#notice").is_hidden(), "nothing unsaved"
    assert page.locator("#list [role=option]").count() == 2
    page.get_by_role("link", name="All videos").click()
    assert page.locator("tbody td").all_inner_texts()[:3] == ["match", "done", "2"]


def test_states_in_the_list(open_served, folder: Path) -> None:
    page = open_served("")
    cells = page.locator("tbody td")
    assert cells.all_inner_texts()[:3] == ["match", "none", ""]
    write_annotation(folder / "match.xml", [Stroke(1, 5, "Forehand")], begun=True)
    page.reload()
    assert cells.all_inner_texts()[:3] == ["match", "begun", "1"]
    (folder / "match.xml").write_text("<video>")
    page.reload()
    assert cells.all_inner_texts()[1] == "damaged: not well-formed XML"


def test_conflict_of_two_browsers(open_served, folder: Path) -> None:
    """Neither save is lost: mine stays on the page, theirs in the file or as its backup."""
    one, other = open_served(), open_served()
    press(one, "f", "ArrowRight", "f")
    saved(one)
    press(other, "End", "1", "1")
    press(other, "Control+s")
    other.get_by_text("has been changed since this page read it, and has 1 stroke now").wait_for()
    assert strokes(folder) == [Stroke(0, 2, "Forehand")]
    assert "unsaved changes" in status(other)
    other.get_by_role("button", name="Show theirs").click()
    assert other.locator("#list [role=option]").all_inner_texts()[0].startswith("Forehand")
    press(other, "Control+z")  # mine again, and now on top of theirs
    saved(other)
    assert strokes(folder) == [Stroke(FRAMES - 1, FRAMES, "Backhand")]
    press(one, "ArrowRight", "ArrowRight", "f", "f")
    press(one, "Control+s")
    one.get_by_role("button", name="Save mine").click()
    until(one, "document.querySelector('#status').textContent.includes('is saved')")
    assert len(strokes(folder)) == 2
    kept = [read_annotation(path) for path in (folder / "backups").glob("match.xml.*")]
    assert [Stroke(FRAMES - 1, FRAMES, "Backhand")] in kept
    assert [Stroke(0, 2, "Forehand")] in kept


def test_server_that_is_gone(browser: Any, folder: Path, tmp_path: Path) -> None:
    """What could not be saved is offered by the next server of that port."""
    (tmp_path / "match.mp4").symlink_to(folder / "match.mp4")
    arguments = [tmp_path / "match.mp4", "--classes", CLASSES]
    page = browser.new_context().new_page()
    with served(*arguments) as server:
        page.goto(server.address + "match/")
        until(page, LOADED)
        press(page, "f", "ArrowRight", "f")
    saved(page, "crisp serve does not answer")
    page.on("dialog", lambda dialog: dialog.accept())
    with served(*arguments, "--port", str(server.port)) as again:
        saved(page, "it is another one each time")
        page.goto(again.address + "match/")
        until(page, LOADED)
        assert page.get_by_text("Unsaved corrections of").is_visible()
        saved(page)
    page.context.close()
    assert strokes(tmp_path) == [Stroke(0, 2, "Forehand")]


def test_page_of_another_site_gets_nothing(browser: Any, server: Server, folder: Path) -> None:
    """It cannot read, save, embed the page or its video, even if it knew the token."""
    context = browser.new_context()
    page = context.new_page()
    page.goto("data:text/html,<title>evil</title>")
    reached = page.evaluate(
        """async ([address, body]) => {
          const headers = { "Content-Type": "application/xml" };
          const place = `${address}match/annotation?version=`;
          const text = (answer) => answer.text();
          const done = await Promise.allSettled([
            fetch(address),
            fetch(`${address}match/video`, { mode: "no-cors" }).then(text),
            fetch(place, { method: "PUT", body, headers }),
            fetch(place, { method: "PUT", body, mode: "no-cors" }),
          ]);
          return done.map(({ status, value }) => [status, String(value ?? "").length > 0]);
        }""",
        [server.address, ONE.decode()],
    )
    assert not any(found for _, found in reached)
    assert reached[0][0] == reached[2][0] == "rejected"
    assert not (folder / "match.xml").exists()
    context.close()
