"""Requests to a model server: sent again where that can help, one clear error where it cannot.

Sent again: what never reached the server or lost its connection, 429 and 5xx, after the pause that
the server asks for (``Retry-After``) or one that doubles. Not sent again: what the server is silent
about, because it may still be at work on it, and what it refuses, because it would refuse again.
"""

from __future__ import annotations

import json as jsonlib
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import httpx

from agentgym.errors import ServerError

FIRST_PAUSE = 0.5  # seconds; doubles from try to try
LONGEST_PAUSE = 60.0  # seconds; who is told to wait longer is better told so
CONNECT = 10.0  # seconds for a connection to be accepted
SHOWN = 500  # characters of an answer that are quoted

ADVICE = {
    401: "it wants an API key that it knows",
    403: "the API key does not allow this",
    404: "is the address right, and does the server have this endpoint?",
    429: "it is asked too much at once, or a quota is used up: lower the concurrency",
}


async def request(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    json: Any = None,
    timeout: float = 300.0,  # noqa: ASYNC109
    attempts: int = 5,
) -> httpx.Response:
    """Send a request until it succeeds, and return the response: its status is 2xx.

    Args:
        client: its ``base_url`` completes ``url``.
        method: GET, POST.
        url: path of the endpoint.
        json: the body.
        timeout: seconds that the server may be silent after it has the request. Waiting for one of
            the client's connections to be free does not count.
        attempts: requests sent at most.

    Raises:
        ServerError: says which server, what it answered and what to do next; never quotes the key.
    """
    clock = httpx.Timeout(timeout, connect=min(timeout, CONNECT), pool=None)
    message = client.build_request(method, url, json=json, timeout=clock)
    pause, sent = FIRST_PAUSE, 0
    while True:
        try:
            sent += 1
            return await _send(client, message)
        except ServerError as error:
            if error.pause is None or error.pause > LONGEST_PAUSE or sent >= attempts:
                raise
            await anyio.sleep(max(pause, error.pause) * random.uniform(1.0, 1.5))
        pause = min(2 * pause, LONGEST_PAUSE)


async def _send(client: httpx.AsyncClient, message: httpx.Request) -> httpx.Response:
    server = message.url
    try:
        response = await client.send(message)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ServerError(
            f"cannot connect to {server} ({_named(error)}): does the server run, and are host and "
            "port right?",
            pause=0.0,
        ) from error
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        seconds = message.extensions["timeout"]["read"]
        raise ServerError(
            f"waited for {server}, which took the request and then was silent for {seconds:g} s: "
            "it is overloaded or hangs; see its log, lower the concurrency or allow more time"
        ) from error
    except httpx.TransportError as error:
        raise ServerError(
            f"{server} broke the connection ({_named(error)}): it may have died; see its log",
            pause=0.0,
        ) from error
    if response.is_success:
        return response
    raise _refusal(response)


def _refusal(response: httpx.Response) -> ServerError:
    status = response.status_code
    words = said(response)
    advice = "see its log" if response.is_server_error else ADVICE.get(status, "")
    pause = _retry_after(response)
    if pause > LONGEST_PAUSE:
        advice += f"; it asks to be left alone for {pause:.0f} s"
    passing = status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error
    return ServerError(
        f"{response.url} answered {status}: {words}{f' ({advice})' if advice else ''}",
        status=status,
        pause=pause if passing else None,
        said=words,
    )


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def said(response: httpx.Response) -> str:
    """The message in an answer's body, in the shapes that servers give it; without our own key."""
    try:
        words = response.json()
    except ValueError:
        words = response.text
    about = None
    while isinstance(words, dict):
        about = words.get("param", about)
        keys = [key for key in ("error", "detail", "message") if words.get(key)]
        words = words[keys[0]] if keys else jsonlib.dumps(words)
    text = " ".join(str(words).split())
    if isinstance(about, str) and about not in text:
        text += f" ({about})"
    key = response.request.headers.get("authorization", "").removeprefix("Bearer ")
    return (text.replace(key, "***") if key else text)[:SHOWN] or "nothing more"


def _retry_after(response: httpx.Response) -> float:
    """Seconds, given as such or as a date; 0 without the header or when it cannot be read."""
    header = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without its zone
        return 0.0
