"""The HTTP API in a container: some requests go through it, and it has to tell their results in the end."""

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
from containers.container import free_port
from images import build

from chaos.cluster import Cluster
from chaos.load import Item
from chaos.processes import kill, process, start

_TOKEN = "chaos-suite-token"
_PATIENCE_S = 15.0
_AT_ONCE = 4


class Api:
    """One process; `send` posts a request until it is taken, whatever happens to the process meanwhile."""

    def __init__(self, cluster: Cluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._port = free_port()
        self._sent: dict[Item, Future[None]] = {}
        self._leave = contextlib.ExitStack()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as leave:
            self._container: Any = process(
                self._cluster, leave, build.python(), "api",
                ["api", "--kafka", self._cluster.inside, "--topic-prefix", self._prefix, "--listen", "0.0.0.0:8000"],
                environment={"SCI_AGENTS_TOKENS": f"{_TOKEN} submit,read"},
                ports={"8000/tcp": ("127.0.0.1", self._port)},
            )  # fmt: skip
            headers = {"authorization": f"Bearer {_TOKEN}"}
            url = f"http://127.0.0.1:{self._port}"
            self._client = leave.enter_context(httpx.Client(base_url=url, headers=headers, timeout=_PATIENCE_S))
            self._pool = leave.enter_context(ThreadPoolExecutor(_AT_ONCE))
            leave.callback(self._stopping.set)
            self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def kill(self, _: int) -> None:
        """Kill it with SIGKILL; it stays away."""
        kill(self._container)

    def start(self, _: int) -> None:
        """Start it again, if it does not run."""
        start(self._container)

    def write_logs(self, folder: Path) -> None:
        """Keep what it wrote."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "api.log").write_bytes(self._container.logs())

    def send(self, item: Item) -> None:
        """Post a request; where no word came of it, again: a repeat does no harm."""
        self._sent[item] = self._pool.submit(self._post, item)

    def taken(self) -> list[Item]:
        """Return those that it has said to have taken."""
        return [item for item, done in list(self._sent.items()) if done.done() and done.exception() is None]

    @property
    def waiting(self) -> int:
        """How many it has not taken yet."""
        return len(self._sent) - len(self.taken())

    def tells(self, timeout_s: float) -> bool:
        """Whether it has taken everything, and tells a result of each; asks no longer than that for one."""
        return not self.waiting and all(self._told(item, timeout_s) is not None for item in self._sent)

    def results(self) -> dict[str, bytes]:
        """Return what it tells of each request by its id; nothing of one that it does not know."""
        return {
            item.sent.id: value for item in self._sent
            if item.sent is not None and item.sent.id and (value := self._told(item, 0.0)) is not None
        }  # fmt: skip

    def _post(self, item: Item) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(httpx.HTTPError):
                answer = self._client.post("/v1/requests", content=item.value, headers=dict(item.headers))
                if answer.is_success:
                    return
                assert answer.is_server_error, answer.text
            self._stopping.wait(0.2)
        raise TimeoutError("it was never taken")

    def _told(self, item: Item, wait_s: float) -> bytes | None:
        assert item.sent is not None
        with contextlib.suppress(httpx.HTTPError):
            answer = self._client.get(f"/v1/requests/{item.sent.id}", params={"wait": wait_s})
            if answer.status_code == httpx.codes.OK:
                return answer.content
        return None
