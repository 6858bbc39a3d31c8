"""Reading web pages: what is shown of them, and which are out of reach."""

import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import missing

import agentgym
from agentgym.errors import MissingExtra
from agentgym.tools.tool import tools_of
from agentgym_tools.fetch import Fetch, readable

PAGE = """<html><head><title>hidden</title><style>p {}</style></head><body>
<h1>Lamps</h1><script>var hidden = 1</script>
<p>The <b>Luna</b> costs <a href="/luna">12 dollars</a>.</p>
<ul><li>red</li><li>blue</li></ul>
<table><tr><th>name</th><th>price</th></tr><tr><td>Luna</td><td>12</td></tr></table>
</body></html>"""
SHOWN = """# Lamps

The **Luna** costs [12 dollars](/luna).

* red
* blue

| name | price |
| --- | --- |
| Luna | 12 |"""
LOOPBACK = ["127.0.0.0/8"]


HTML, MOVED = "text/html", {"Location": "/page"}
PAGES = {  # status, type, body, headers
    "/page": (200, HTML, PAGE.encode(), {}),
    "/plain": (200, "text/plain; charset=latin-1", "une lampe légère".encode("latin-1"), {}),
    "/json": (200, "application/json", b'{"price": 12}', {}),
    "/png": (200, "image/png", b"", {}),
    "/gone": (404, HTML, b"", {}),
    "/large": (200, HTML, b"x" * 600_000, {}),
    "/bomb": (200, HTML, b"x", {"Content-Encoding": "gzip"}),
    "/deep": (200, HTML, b"<div>" * 20_000, {}),
    "/here": (302, HTML, b"", MOVED),
    "/round": (302, HTML, b"", {"Location": "/round"}),
}


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["host"]))
        if self.path == "/slow":
            time.sleep(3)
        moved = (302, HTML, b"", {"Location": self.path.removeprefix("/to/")})
        status, kind, body, headers = PAGES.get(self.path, moved)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the reader has had enough

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module", autouse=True)
def _installed():
    try:
        Fetch([])
    except MissingExtra:
        missing("the reader of web pages", "fetch")


@pytest.fixture
def site():
    with serving() as server:
        yield server


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    server.asked = []
    server.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def read(tools, url, **more):
    (fetch,) = tools_of(tools)
    return agentgym.run(fetch.call, {"url": url, **more})


def test_a_page_is_shown_as_its_reader_sees_it(site):
    fetch = Fetch([site.host], private=LOOPBACK)
    assert read(fetch, f"http://{site.host}/page").content == SHOWN
    assert read(fetch, f"http://{site.host}/here").content == SHOWN
    assert read(fetch, f" http://{site.host}/json ").content == '{"price": 12}'
    assert "légère" in read(fetch, f"http://{site.host}/plain").content
    assert site.asked[0] == ("/page", site.host)


def test_long_pages_are_read_on(site):
    fetch = Fetch([site.host], private=LOOPBACK, shown=20)
    first = read(fetch, f"http://{site.host}/page").content
    text, note = first[:20], first[20:]
    assert note == f"\n[{len(SHOWN) - 20} characters more: read on with start=20]"
    while note:
        next_part = read(fetch, f"http://{site.host}/page", start=len(text)).content
        note = next_part[20:]
        text += next_part[:20]
    assert text == SHOWN
    assert read(fetch, f"http://{site.host}/page", start=9999).content == ""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/png", "image/png"),
        ("/gone", "404"),
        ("/large", "more than 500000 bytes"),
        ("/bomb", "cannot be shown"),
        ("/deep", "nested too deeply"),
        ("/round", "redirected more than 5 times"),
        ("/to/ftp://x/", "no web address"),
    ],
)
def test_pages_that_cannot_be_shown(site, path, said):
    result = read(Fetch([site.host], private=LOOPBACK), f"http://{site.host}{path}")
    assert result.error == "exception" and said in result.content
    assert len(site.asked) <= 6


def test_a_slow_server_is_given_up(site):
    before = time.monotonic()
    fetch = Fetch([site.host], private=LOOPBACK, seconds=0.3)
    result = read(fetch, f"http://{site.host}/slow")
    assert result.error is not None and time.monotonic() - before < 2.5


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://a/", "file:///etc/passwd", "http://", "//a/", "http://[", "http://a:b@c/"],
)
def test_what_is_no_web_address(url):
    result = read(Fetch(["*"], private=["0.0.0.0/0"]), url)
    assert result.error == "exception"


def test_hosts_that_are_not_on_the_list(site):
    fetch = Fetch([site.host, "*.example.org"], private=LOOPBACK)
    with serving() as other:
        for url in (
            f"http://{other.host}/",  # the same host, another port
            f"http://{site.host}/to/http://{other.host}/",
            "http://example.com/",
            "http://example.org.evil.com/",
            "http://x.example.org:8080/",
            f"http://{site.host}@example.com/",
        ):
            result = read(fetch, url)
            assert result.error == "exception"
            assert "may not be read" in result.content or "password" in result.content
        assert other.asked == []


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0.0.0.0",
            "[::1]",
            "[::]",
        ),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::a00:1]"),
        "[2002:7f00:1::]",
    ],
)
def test_private_networks_are_out_of_reach(site, host):
    url = f"http://{host}:{site.server_port}/page"
    result = read(Fetch(["*"], seconds=5), url)
    assert result.error == "exception"
    assert "in a private network" in result.content or "not known" in result.content
    through = f"http://{site.host}/to/{url}"  # another network, behind one that is allowed
    if not host.startswith(("127", "localhost", "0x7f", "2130", "[::ffff:127", "[2002:7f")):
        result = read(Fetch(["*"], private=LOOPBACK, seconds=5), through)
        assert result.error == "exception"
        assert "in a private network" in result.content or "not known" in result.content


def test_the_address_that_was_checked_is_the_one_that_is_asked(site, monkeypatch):
    """A name server that changes its answer between the look and the call finds no call."""
    asked = []
    real = socket.getaddrinfo

    def changing(host, port, *rest, **more):
        name = host.decode() if isinstance(host, bytes) else host
        if name != "rebound.test":
            return real(host, port, *rest, **more)
        asked.append(name)
        where = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return real(where, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    host = f"rebound.test:{site.server_port}"
    assert read(Fetch([host], private=["127.0.0.1/32"]), f"http://{host}/page").content == SHOWN
    assert asked == ["rebound.test"] and site.asked == [("/page", host)]
    assert "private" in read(Fetch([host], private=["127.0.0.1/32"]), f"http://{host}/").content


@pytest.mark.parametrize("page", ["", "<", "<html>", "a < b", "<p>" * 50, "&#0;", "<td>x</table>"])
def test_broken_pages_are_read(page):
    assert isinstance(readable(page), str)
