"""The retriever: a server in the protocol of Search-R1, and the client that asks it."""

import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import anyio
import httpx
import pytest
from conftest import missing

import agentgym
from agentgym.errors import MissingExtra, ServerError
from agentgym.tools.tool import tools_of
from agentgym_tools.passages import passage
from agentgym_tools.retriever import Retriever
from agentgym_tools.retriever.server import application
from agentgym_tools.search import BM25

TEXTS = ["the lamp is red", "the chair is blue", "a lamp"]
PASSAGES = [passage(str(n), f"T{n}", text) for n, text in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def app():
    try:
        return application(PASSAGES, BM25(TEXTS))
    except MissingExtra:
        return missing("Starlette", "retriever")


def ask(app, body):
    async def go():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://retriever") as client:
            content = body if isinstance(body, str) else json.dumps(body)
            return await client.post("/retrieve", content=content)

    return agentgym.run(go)


def test_the_two_ways_to_ask(app):
    lamps = [PASSAGES[2].model_dump(), PASSAGES[0].model_dump()]
    assert lamps[0] == {"id": "2", "contents": '"T2"\na lamp'}
    many = ask(app, {"queries": ["lamp", "chair", "zebra"], "topk": 2, "return_scores": False})
    assert many.json() == {"result": [lamps, [PASSAGES[1].model_dump()], []]}
    one = ask(app, {"query": "lamp", "topk": 1, "return_scores": False})  # as SkyRL asks
    assert one.json() == {"result": [lamps[:1]]}
    assert ask(app, {"queries": ["lamp"], "topk": None}).json() == {"result": [lamps]}
    assert ask(app, {"queries": []}).json() == {"result": []}


def test_scores_come_with_documents(app):
    (found,) = ask(app, {"query": "lamp", "return_scores": True}).json()["result"]
    expected = BM25(TEXTS).search("lamp", 3)
    assert [(int(one["document"]["id"]), one["score"]) for one in found] == expected


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("{", "JSON"),
        ([], "object"),
        ({}, "queries"),
        ({"query": "a", "queries": ["a"]}, "queries"),
        ({"queries": "lamp"}, "queries"),
        ({"query": 3}, "query"),
        ({"query": "a", "topk": 0}, "topk"),
        ({"query": "a", "topk": 10**9}, "topk"),
    ],
)
def test_what_it_cannot_answer_it_refuses(app, body, named):
    response = ask(app, body)
    assert response.status_code == 422
    assert named in response.json()["detail"]


@contextmanager
def served(app, port=0):
    """The URL at which an application is served, by a real server in a thread."""
    import uvicorn

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


class Between:
    """Stands before the application: counts requests and may answer the first ones itself."""

    def __init__(self, app, first=(), wait=0.0):
        self.app, self.first, self.wait, self.requests = app, list(first), wait, 0

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        from starlette.responses import Response

        self.requests += 1
        await anyio.sleep(self.wait)
        if self.first:
            status, body = self.first.pop(0)
            return await Response(body, status)(scope, receive, send)
        return await self.app(scope, receive, send)


def searched(retriever, queries):
    """The results of asking all at once."""
    (search,) = tools_of(retriever)
    results = [None] * len(queries)

    async def one(place):
        results[place] = await search.call({"query": queries[place]})

    async def go():
        async with anyio.create_task_group() as group:
            for place in range(len(queries)):
                group.start_soon(one, place)

    agentgym.run(go)
    return results


def test_the_client_shows_passages_and_asks_for_many_at_once(app):
    between = Between(app, wait=0.05)
    with served(between) as url:
        retriever = Retriever(f"{url}/retrieve", k=2)
        results = searched(retriever, ["lamp", "chair", "zebra", "\ud800"] * 25)
        retriever.close()
    shown = [
        "Doc 1(Title: T2) a lamp\nDoc 2(Title: T0) the lamp is red",
        "Doc 1(Title: T1) the chair is blue",
        "Nothing was found; try other words.",
        "Nothing was found; try other words.",
    ]
    assert [result.content for result in results] == shown * 25
    assert all(result.error is None for result in results)
    assert between.requests <= 4  # the first alone, then at most 64 together


def test_what_passes_is_tried_again(app):
    between = Between(app, first=[(503, b"loading"), (500, b"")])
    with served(between) as url:
        retriever = Retriever(url, k=1)
        (result,) = searched(retriever, ["chair"])
        retriever.close()
    assert result.content == "Doc 1(Title: T1) the chair is blue"
    assert between.requests == 3


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"hello", "not answer as a retriever"),
        (b'{"result": [[{"title": "x"}]]}', "result.0.0.document"),
        (b'{"result": []}', "0 of 1"),
    ],
)
def test_another_kind_of_server_is_noticed(app, body, named):
    with served(Between(app, first=[(200, body)])) as url:
        retriever = Retriever(url)
        with pytest.raises(ServerError, match=named):
            agentgym.run(retriever.retrieve, "lamp")
        assert agentgym.run(retriever.retrieve, "chair")[0].document == PASSAGES[1]
        retriever.close()


def test_a_server_that_dies_is_asked_again_when_it_is_back(app):
    with served(app) as url:
        retriever = Retriever(url, k=1, attempts=2)
        assert searched(retriever, ["chair"])[0].error is None
    down = searched(retriever, ["chair", "lamp"])
    assert all(one.error == "exception" and "does the server run" in one.content for one in down)
    with served(app, port=int(url.rpartition(":")[2])):
        assert searched(retriever, ["chair"])[0].error is None
    retriever.close()


def test_who_gives_up_leaves_the_others_their_answers(app):
    with served(Between(app, wait=0.3)) as url:
        retriever = Retriever(url, k=1)
        found = []

        async def impatient():
            with anyio.move_on_after(0.1) as clock:
                await retriever.retrieve("lamp")
            assert clock.cancelled_caught

        async def patient():
            await anyio.sleep(0.02)
            found.extend(await retriever.retrieve("chair"))

        async def go():
            async with anyio.create_task_group() as group:
                group.start_soon(impatient)
                group.start_soon(patient)

        agentgym.run(go)
        retriever.close()
    assert [one.document for one in found] == [PASSAGES[1]]


def test_the_command_serves_a_file(app, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(f"{one.model_dump_json()}\n" for one in PASSAGES))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "agentgym_tools.retriever", str(corpus), "--topk", "1"]
    server = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE)
    try:
        url = f"http://127.0.0.1:{port}"
        retriever = Retriever(url, attempts=9)
        found = agentgym.run(retriever.retrieve, "red lamp")
        assert [one.document for one in found] == [PASSAGES[0], PASSAGES[2]]
        assert httpx.get(f"{url}/health").json() == {"passages": 3}
        retriever.close()
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_the_command_says_what_is_wrong_with_the_file(tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "1"}\n')
    command = [sys.executable, "-m", "agentgym_tools.retriever"]
    for file, said in ((corpus, "line 1: contents"), (tmp_path / "none", "No such file")):
        ended = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert said in ended.stderr and "Traceback" not in ended.stderr
