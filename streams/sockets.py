"""How long a broker that says nothing is waited for, by every client of ours."""

SOCKETS: dict[str, int] = {
    # a connection whose other end has vanished without a word (a cut network, a machine that is off) looks like a slow
    # one until a request on it is given up: 60 s by default. Not less: a message of 10 MB has to get through in it
    "socket.timeout.ms": 20_000,
    "socket.connection.setup.timeout.ms": 5_000,
}
