"""How long a broker that says nothing is waited for, by every client of ours."""

SOCKETS: dict[str, int] = {
    # a connection whose other end has vanished without a word (a cut network, a machine that is off) looks like a slow
    # one until a request on it is given up, by default after 60 s; meanwhile nothing else is asked there
    "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 5_000,
}
SENDING: dict[str, int] = SOCKETS | {"socket.timeout.ms": 20_000}
"""Of a producer: a result of 10 MB has to get through in it."""
