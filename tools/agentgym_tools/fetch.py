"""Reading the web, from hosts on a list alone.

fetch, = tools_of(Fetch(["docs.python.org", "*.wikipedia.org", "intranet.example:8080"]))

The name is resolved here, each of its addresses is checked, and the connection goes to one that was
checked: neither a redirect nor a name server can lead into a private network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

import anyio
import anyio.to_thread
import httpx

from agentgym.errors import BadInput, MissingExtra
from agentgym.tools.tool import tool

if TYPE_CHECKING:
    import ssl

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv4 addresses of any kind, private ones too, as a translator presents them (RFC 6052, 8215).
TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48")))
HOPS = 5  # redirects that are followed
PORTS = {"http": 80, "https": 443}
TEXTS = ("text/", "application/json", "application/xml", "application/xhtml+xml")
HIDDEN = ("script", "style", "noscript", "template", "head", "svg")  # what a reader does not see


class Fetch:
    """The tool ``fetch``."""

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        private: Sequence[str] = (),
        seconds: float = 20.0,
        size: int = 500_000,
        shown: int = 5_000,
    ) -> None:
        """Set what may be read.

        Args:
            hosts: names, with ``*`` for any part; with ``:port`` where it is not the usual one.
            private: networks such as ``127.0.0.0/8`` that may be reached though they are private.
            seconds: for a page, with its redirects.
            size: bytes of a page.
            shown: characters of a page that one call shows.

        Raises:
            MissingExtra: the library that turns pages into text is not installed.
        """
        _markdownify()
        self.hosts = [host.lower() for host in hosts]
        self.private = [ipaddress.ip_network(network) for network in private]
        self.seconds, self.size, self.shown = seconds, size, shown

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Share it: it does not change."""
        return self

    @tool(repeatable=True)
    async def fetch(self, url: str, start: int = 0) -> str:
        """Read a web page as text, from its character number start on."""
        with anyio.fail_after(self.seconds):
            text = await self._page(httpx.URL(url.strip()))
        start = max(0, start)
        rest = len(text) - start - self.shown
        more = f"\n[{rest} characters more: read on with start={start + self.shown}]"
        return text[start : start + self.shown] + (more if rest > 0 else "")

    async def _page(self, url: httpx.URL) -> str:
        """The text of a page, wherever it has moved to."""
        async with httpx.AsyncClient(verify=_certificates(), trust_env=False) as client:
            for _ in range(HOPS + 1):
                async with client.stream("GET", **await self._checked(url)) as response:
                    if not response.has_redirect_location:
                        return await self._text(response)
                    url = httpx.URL(urljoin(str(url), response.headers["location"]))
        raise BadInput(f"{url} is redirected more than {HOPS} times")

    async def _checked(self, url: httpx.URL) -> dict[str, Any]:
        """A request for ``url`` that goes to an address we have looked at."""
        if url.scheme not in PORTS or not url.host:
            raise BadInput(f"{str(url)!r} is no web address; one begins with https:// or http://")
        if url.userinfo:
            raise BadInput("an address with a user name or password is not fetched")
        port = url.port or PORTS[url.scheme]
        names = [f"{url.host}:{port}"] + [url.host] * (port == PORTS[url.scheme])
        if not any(fnmatchcase(name, host) for name in names for host in self.hosts):
            raise BadInput(f"{names[-1]} may not be read; hosts on the list: {self.hosts}")
        address = await self._resolved(url.host, port)
        return {
            "url": url.copy_with(host=str(address)),
            "headers": {"host": url.netloc.decode(), "accept-encoding": "identity"},
            "extensions": {"sni_hostname": url.host},  # the certificate is checked against it too
        }

    async def _resolved(self, host: str, port: int) -> Address:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BadInput(f"{host} is not known to the name servers: {error}") from error
        addresses = [ipaddress.ip_address(where[0]) for *_, where in found]
        for address in addresses:
            if not self._may_reach(address):
                raise BadInput(f"{host} is at {address}, in a private network")
        return addresses[0]

    def _may_reach(self, address: Address) -> bool:
        inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
        if inner is not None:  # an IPv4 address in the clothes of an IPv6 one
            return self._may_reach(inner)
        if any(address in network for network in self.private):
            return True
        translated = any(address in network for network in TRANSLATED)
        return address.is_global and not address.is_multicast and not translated

    async def _text(self, response: httpx.Response) -> str:
        kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
        if not response.is_success:
            raise BadInput(f"the server answered {response.status_code} {response.reason_phrase}")
        if not kind.startswith(TEXTS) or "content-encoding" in response.headers:
            raise BadInput(f"the page is {kind}, which cannot be shown as text")
        content = b""
        async for chunk in response.aiter_raw(65536):
            content += chunk
            if len(content) > self.size:
                raise BadInput(f"the page has more than {self.size} bytes")
        try:
            text = content.decode(response.charset_encoding or "utf-8", "replace")
        except LookupError:
            text = content.decode("utf-8", "replace")
        if "html" not in kind:
            return text
        return await anyio.to_thread.run_sync(readable, text, abandon_on_cancel=True)


def readable(html: str) -> str:
    """A page as Markdown: headings, lists, tables and links, without what no reader sees.

    Raises:
        BadInput: its elements are nested deeper than any page for people.
    """
    from bs4 import BeautifulSoup  # noqa: PLC0415

    try:
        page = BeautifulSoup(html, "lxml")  # the parser in Python takes minutes for hostile pages
        for element in page(HIDDEN):
            element.decompose()
        text = _markdownify().MarkdownConverter(heading_style="ATX").convert_soup(page)
    except RecursionError as error:
        raise BadInput("the page is nested too deeply to be shown as text") from error
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(
        line for number, line in enumerate(lines) if line or (number and lines[number - 1])
    )


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def _markdownify() -> Any:
    try:
        import markdownify  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("reading web pages", "fetch") from error
    return markdownify
