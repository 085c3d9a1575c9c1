import errno
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from regraft.errors import InputError
from regraft.images.download import download

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content`; cuts the first `cuts` answers off in the middle; knows Range or not."""

    daemon_threads = True
    content = CONTENT
    cuts = 0
    knows_range = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = threading.Event()
        self.starts = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        if self.path != "/file.bin":
            self.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and server.knows_range else 0
        server.starts.append(start)
        server.asked.set()
        server.may_answer.wait(20)
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts > 0:
            server.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(server, path, **changes):
    arguments = {"size": len(CONTENT), "sha256": SHA256, "what": "the file"} | changes
    return download(server.url, path, **arguments)


def test_a_file_arrives_whole(server, tmp_path):
    path = fetch(server, tmp_path / "new" / "file.bin")
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]
    fetch(server, path)
    assert server.starts == [0]  # what is there is not fetched again


def test_cut_connections_are_resumed(server, tmp_path):
    server.cuts = 4
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT
    assert len(server.starts) == 5
    assert server.starts == sorted(server.starts)
    assert server.starts[1] == len(CONTENT) // 2


def test_a_download_goes_on_where_an_earlier_one_stopped(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.starts == [1000]


def test_a_server_that_ignores_range_sends_all_of_it(server, tmp_path):
    server.knows_range = False
    server.cuts = 1
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.starts == [0, 0]


def test_a_server_with_less_than_we_hold(server, tmp_path):
    server.content = CONTENT[:500]
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    with pytest.raises(InputError, match=r"could not be downloaded[\s\S]*broke off"):
        fetch(server, tmp_path / "file.bin")


def test_a_connection_that_never_gets_further_is_given_up(server, tmp_path):
    server.knows_range = False
    server.cuts = 100
    with pytest.raises(InputError, match=r"broke off[\s\S]*512,000 bytes that arrived are kept"):
        fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin.part").stat().st_size == len(CONTENT) // 2
    assert not (tmp_path / "file.bin").exists()


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT + b"more"])
def test_wrong_content_is_thrown_away(server, tmp_path, content):
    server.content = content
    with pytest.raises(InputError, match=rf"not the file it should be[\s\S]*SHA-256 {SHA256}[\s\S]*Received"):
        fetch(server, tmp_path / "file.bin")
    assert list(tmp_path.iterdir()) == []


def test_size_alone_where_no_hash_is_known(server, tmp_path):
    assert fetch(server, tmp_path / "file.bin", sha256=None).read_bytes() == CONTENT


def test_not_found(server, tmp_path):
    with pytest.raises(InputError, match=r"404[\s\S]*copy it to"):
        download(server.url + "x", tmp_path / "f", size=3, sha256=None, what="the file")


def test_no_network_says_what_to_do_by_hand(server, tmp_path):
    url = server.url.replace(str(server.server_port), "1")  # nobody listens on port 1
    with pytest.raises(InputError) as caught:
        download(url, tmp_path / "cache" / "file.bin", size=3, sha256=None, what="flowers")
    message = str(caught.value)
    assert message.startswith("flowers is not on this machine and could not be downloaded.")
    assert f"fetch {url} on a machine that can and copy it to {tmp_path / 'cache' / 'file.bin'}" in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("code", "message"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "No permission to write")]
)
def test_a_disk_that_takes_no_more(server, tmp_path, monkeypatch, code, message):
    def refuse(self, *args, **kwargs):
        raise OSError(code, "no")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(InputError, match=message):
        fetch(server, tmp_path / "file.bin")


def test_the_size_may_be_left_to_the_server(server, tmp_path):
    assert fetch(server, tmp_path / "file.bin", size=None).read_bytes() == CONTENT
    server.cuts = 2  # the first cut falls on the question for the size
    assert fetch(server, tmp_path / "again.bin", size=None, sha256=None).read_bytes() == CONTENT


def test_a_server_that_does_not_tell_the_size(server, tmp_path, monkeypatch):
    send_header = Handler.send_header
    monkeypatch.setattr(
        Handler, "send_header", lambda self, key, value: key != "Content-Length" and send_header(self, key, value)
    )
    with pytest.raises(InputError, match="does not say how long"):
        fetch(server, tmp_path / "file.bin", size=None)


def test_md5_where_there_is_nothing_better(server, tmp_path):
    md5 = hashlib.md5(CONTENT).hexdigest()
    assert fetch(server, tmp_path / "file.bin", sha256=None, md5=md5).read_bytes() == CONTENT
    with pytest.raises(InputError, match=rf"MD5 {'0' * 32}[\s\S]*Received[\s\S]*MD5 {md5}"):
        fetch(server, tmp_path / "other.bin", sha256=None, md5="0" * 32)
    assert not (tmp_path / "other.bin").exists()


def run_two_at_once(server, code, *arguments):
    """Two processes, the second started while the server keeps the first waiting; what each printed."""

    def start():
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    server.may_answer.clear()
    first = start()
    assert server.asked.wait(20)
    second = start()
    said = second.stderr.readline()  # it waits for the first, and says so
    server.may_answer.set()
    printed = [process.communicate(timeout=120) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], printed
    return said, [stdout.strip() for stdout, _ in printed]


TWO_DOWNLOADS = """
import sys
from pathlib import Path
from regraft.images.download import download
url, path, size, sha256 = sys.argv[1:]
print(download(url, Path(path), size=int(size), sha256=sha256, what="the file"))
"""


def test_two_processes_at_once_fetch_it_once(server, tmp_path):
    path = tmp_path / "new" / "file.bin"
    said, printed = run_two_at_once(server, TWO_DOWNLOADS, server.url, path, len(CONTENT), SHA256)
    assert said.startswith("Waiting for another process that fetches the file (")
    assert printed == [str(path)] * 2
    assert path.read_bytes() == CONTENT
    assert server.starts == [0]
    assert [entry.name for entry in path.parent.iterdir()] == ["file.bin"]


TWO_SETS = """
import sys
from dataclasses import replace
from regraft.images.named import NAMED_SETS, RemoteFile, open_named
url, size, sha256 = sys.argv[1:]
NAMED_SETS["flowers"] = replace(NAMED_SETS["flowers"], files=(RemoteFile(url, int(size), sha256),))
print(*open_named("flowers").classes)
"""


def test_two_processes_at_once_unpack_it_once(server, tmp_path, make_image, monkeypatch):
    monkeypatch.setenv("REGRAFT_CACHE", str(tmp_path / "cache"))
    for label in ("daisy", "roses"):
        make_image(tmp_path / "flower_photos" / label / "1.jpg")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as bundle:
        bundle.add(tmp_path / "flower_photos", "flower_photos")
    server.content = archive.getvalue()
    sha256 = hashlib.sha256(server.content).hexdigest()
    said, printed = run_two_at_once(server, TWO_SETS, server.url, len(server.content), sha256)
    assert said.startswith("Waiting for another process that fetches flowers (")
    assert printed == ["daisy roses"] * 2
    assert server.starts == [0]
    assert [entry.name for entry in (tmp_path / "cache" / "datasets" / "flowers").iterdir()] == ["flower_photos"]
