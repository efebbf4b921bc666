"""A service of `docker-compose.yml` in a container of a test's own, on a port that it keeps when it starts again."""

import re
import socket
from abc import ABC, abstractmethod
from typing import Self

import yaml
from docker.models.networks import Network
from images import build
from testcontainers.core.container import DockerContainer

START_TIMEOUT_S = 60.0
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
"""A variable of docker-compose.yml: what stands in it is taken."""


class ServiceContainer(ABC):
    """Runs `image` as docker-compose would; reached at `port` of this machine; a context manager."""

    def __init__(self, image: str, service: str, inside: int, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self._container = DockerContainer(image).with_kwargs(network="bridge")  # wherever the tests run
        self._container.ports[inside] = ("127.0.0.1", self.port)  # type: ignore[assignment] # as docker takes it
        text = _DEFAULT.sub(r"\1", (build.ROOT / "docker-compose.yml").read_text())
        declared = yaml.safe_load(text)["services"][service]
        for name, value in (declared.get("environment", {}) | (environment or {})).items():
            self._container.with_env(name, str(value))
        if "command" in declared:
            self._container.with_command(declared["command"])

    def __enter__(self) -> Self:
        self._container.start()
        try:
            self._until_ready()
        except BaseException:
            self._container.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    def stop(self) -> None:
        """Stop the server as an operator does; what it has written stays."""
        self._container.get_wrapped_container().stop()

    def kill(self) -> None:
        """Kill the server's process with SIGKILL; what it has written stays."""
        self._container.get_wrapped_container().kill()

    def start(self) -> None:
        """Start the server again at the same address and wait until it answers."""
        self._container.get_wrapped_container().start()
        self._until_ready()

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing answers."""
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._container.get_wrapped_container().unpause()

    def join(self, network: Network, name: str) -> None:
        """Be reached by `name` on another network too."""
        network.connect(self._container.get_wrapped_container(), aliases=[name])

    def run(self, *command: str) -> str:
        """Run a command inside, and return what it prints; raises `AssertionError` when it fails."""
        code, output = self._container.get_wrapped_container().exec_run(list(command))
        text = bytes(output).decode(errors="replace")
        assert code == 0, f"{' '.join(command)}: exit {code}\n{text}"
        return text

    @abstractmethod
    def wait(self) -> None:
        """Wait for an answer, at most `START_TIMEOUT_S`; raises what the client raises."""

    def _until_ready(self) -> None:
        try:
            self.wait()
        except Exception as error:
            out, err = self._container.get_logs()
            error.add_note((out + err).decode(errors="replace")[-4000:])
            raise


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
