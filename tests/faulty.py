"""An HTTP server in front of a real one: it fails as it is told, then lets requests through."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx


def answers(status, body='{"error": {"message": "on purpose"}}', **headers):
    """A fault: this instead of the real answer."""
    return lambda request: request.answer(status, body.encode(), headers)


def stalls(request):
    """A fault: no answer for as long as the server is there."""
    request.server.closing.wait()
    request.close_connection = True


def drops(request):
    """A fault: the connection ends without an answer."""
    request.close_connection = True


class Request(BaseHTTPRequestHandler):
    """One request: the next fault's, or to be passed on."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.headers.get("content-length", 0))
        self.body = self.rfile.read(size)
        self.server.requests.append(
            SimpleNamespace(
                path=self.path,
                headers=self.headers,
                body=self.body,
                connection=self.client_address,
                time=time.monotonic(),
            )
        )
        if self.server.faults:
            self.server.faults.pop(0)(self)
        else:
            self.forward()

    do_POST = do_GET  # noqa: N815

    def forward(self):
        real = httpx.request(
            self.command,
            self.server.real + self.path,
            content=self.body,
            headers={"content-type": self.headers.get("content-type", "")},
            timeout=60,
        )
        self.answer(real.status_code, real.content, {"Content-Type": real.headers["content-type"]})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing on the terminal."""


@contextmanager
def faulty(real, *faults):
    """A proxy of the server at ``real``: it has ``url``, and the ``requests`` that came so far.

    Each of these has path, headers, body, the connection it came over and the time.

    The first request gets the first fault, and so on; those after the last are passed on.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), Request) as proxy:
        proxy.real, proxy.faults, proxy.requests = real, list(faults), []
        proxy.url = f"http://127.0.0.1:{proxy.server_port}"
        proxy.closing = threading.Event()
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            proxy.shutdown()
            thread.join()
