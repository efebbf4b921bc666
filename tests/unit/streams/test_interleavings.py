"""Every workflow is answered, in whatever order its records are read, sent, confirmed, lost, repeated and taken over.

One partition of the journal, its owner, and owners before it that do not know yet; all of it driven by a seed.
"""

import json
import random

import pytest
from confluent_kafka import TopicPartition

from streams.admit import STEP_HEADER
from streams.cancels import Cancels
from streams.conductor import Conductor
from streams.emit import Outgoing
from streams.journal import TOPIC
from streams.membership import Membership
from streams.replies import Desk
from streams.topics import names

TOPICS = names("")
JOURNAL, REQUESTS, RESULTS = TOPICS[TOPIC], TOPICS["compute.requests"], TOPICS["compute.results"]
EACH = {
    "id": "each", "agent": "integrate", "task": "quad", "foreach": [1.5, 2, 2.5],
    "inputs": {"integrand": "x**2", "variable": "x", "bounds": [0, {"$item": ""}]},
}  # fmt: skip
ALL = {
    "id": "all", "agent": "special", "task": "evaluate",
    "inputs": {"function": "gamma", "arguments": [{"$from": "each.outputs.items[*].value"}]},
}  # fmt: skip
DOINGS = {
    "start": 4, "read": 8, "behind": 4, "deliver": 12, "confirm": 8, "compute": 12, "answer": 8, "again": 3, "turn": 8,
    "commit": 10, "doubt": 1, "certain": 3, "hand over": 2, "crash": 3, "overlap": 2, "astray": 1,
}  # fmt: skip


class Record:
    """A record of the journal, as librdkafka gives it."""

    def __init__(self, offset, message):
        self._offset, self._message = offset, message

    def partition(self):
        return 0

    def offset(self):
        return self._offset

    def key(self):
        return self._message.key

    def value(self):
        return self._message.value

    def headers(self):
        return [(name, value.encode() if isinstance(value, str) else value) for name, value in self._message.headers]

    def timestamp(self):
        return 1, 4_102_444_800_000  # no deadline is near


class Broker:
    """The journal, the requests of steps, and all results by id; where it ends, a new leader may not know at once."""

    def __init__(self, chance, *, lags):
        self.chance, self.lags = chance, lags
        self.log, self.requests, self.results, self.position = [], [], {}, None

    def put(self, message):
        if message.topic == JOURNAL:
            self.log.append(Record(len(self.log), message))
        elif message.topic == REQUESTS:
            self.requests.append(message)
        elif message.topic == RESULTS:
            self.results.setdefault(message.key.decode(), []).append(json.loads(message.value))

    def committed(self, _places, timeout):
        return [TopicPartition(JOURNAL, 0, -1001 if self.position is None else self.position)]

    def get_watermark_offsets(self, _place, timeout):
        return 0, max(0, len(self.log) - (self.chance.randrange(6) if self.lags else 0))


class Outbox:
    """An emitter: what is queued goes out in the order of its topic, and is confirmed later, or never."""

    def __init__(self, broker):
        self._broker, self.queue, self.out = broker, [], []

    def send(self, messages, confirmed, partitions=None, claim=None):
        self.queue.append((list(messages), tuple(messages), confirmed, claim))

    def deliver(self):
        topics = sorted({message.topic for left, *_ in self.queue for message in left})
        topic = self._broker.chance.choice(topics) if topics else None
        for place, (left, _, confirmed, _claim) in enumerate(self.queue):
            message = next((one for one in left if one.topic == topic), None)
            if message is not None:
                left.remove(message)
                self._broker.put(message)
                if not left:
                    del self.queue[place]
                    self.out.append(confirmed)
                return

    def confirm(self):
        if self.out:
            self.out.pop(0)(None)

    def withdraw(self):
        queue, self.queue = self.queue, []
        for _, whole, confirmed, claim in queue:
            if claim is None:
                self.send(whole, confirmed)
            elif claim.holds():
                claim.anew()


class Owner:
    """A worker's conductor, with what it has read so far."""

    def __init__(self, broker):
        self._broker, self.outbox, self.position = broker, Outbox(broker), None
        desk = Desk(version="0", worker="w", emitter=self.outbox, done=list, give_up=pytest.fail, topics=TOPICS)
        self.conductor = Conductor(desk, Cancels(), "127.0.0.1:1", "group", membership=Membership("classic"))
        self.doubt = self.conductor._poller.doubt
        self.begin()

    def begin(self):
        self.position = self.conductor.begin(self._broker, (JOURNAL, 0))

    def read(self, count):
        if self.position is not None:
            records = self._broker.log[self.position : self.position + count]
            self.position += len(records)
            self.conductor.take(records)

    def turn(self):
        self.conductor._poller.turn()
        self.conductor._errands.hear()
        self.conductor._look()

    def fall_silent(self):
        self.doubt._heard_at = self.doubt._clock() - 100
        self.turn()

    def grow_certain(self):
        self.doubt.renew()
        self.turn()

    def commit(self):
        positions = self.conductor.to_commit(None, again=False)
        self._broker.position = positions.get((JOURNAL, 0), self._broker.position)
        self.conductor.committed(positions.items())

    def lose(self):
        self.position = None
        self.conductor.let_go(None)
        self.doubt.sift()
        self.outbox.withdraw()


class World:
    """A few workflows: some forwarded twice, some sent twice."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.broker = Broker(self.chance, lags=seed % 2)
        self.names = [f"w{number}" for number in range(self.chance.randrange(1, 4))]
        self.starts = [(name, number) for number, name in enumerate(self.names)]
        self.starts += [one for one in self.starts if self.chance.random() < 0.4]
        self.starts += [(name, 100 + number) for number, name in enumerate(self.names) if self.chance.random() < 0.4]
        self.chance.shuffle(self.starts)
        self.owner, self.before, self.answers = Owner(self.broker), [], []

    def start(self):
        if self.starts:
            name, number = self.starts.pop()
            value = {"id": name, "agent": "workflow", "task": "run", "inputs": {"steps": [EACH, ALL]}}
            headers = [
                ("journal-kind", "start"), ("journal-source", f"{REQUESTS}/0/{number}"), ("journal-timeout-s", "60"),
            ]  # fmt: skip
            self.broker.put(Outgoing(JOURNAL, name.encode(), json.dumps(value).encode(), headers))

    def compute(self):
        """A worker computes a step: its result is out, what the journal is told of it is on its way."""
        if self.broker.requests:
            request = self.broker.requests.pop(self.chance.randrange(len(self.broker.requests)))
            asked, workflow = json.loads(request.value), dict(request.headers)[STEP_HEADER]
            named = {name: asked[name] for name in ("id", "agent", "task")}
            outputs = {"value": 1.0} if asked["task"] == "quad" else {"values": asked["inputs"]["arguments"][0]}
            value = json.dumps({**named, "status": "succeeded", "outputs": outputs}).encode()
            headers = [("journal-kind", "answer"), ("content-type", "application/json")]
            self.answers.append((request, Outgoing(JOURNAL, workflow, value, headers)))

    def do(self, what):
        one, owner = self.chance.choice([self.owner, *self.before]), self.owner
        {
            "start": self.start, "compute": self.compute, "answer": self.answer, "again": self.compute_again,
            "read": lambda: owner.read(self.chance.randrange(1, 6)), "behind": lambda: one.read(2),
            "deliver": one.outbox.deliver, "confirm": one.outbox.confirm, "turn": one.turn, "commit": owner.commit,
            "doubt": one.fall_silent, "certain": one.grow_certain, "hand over": self.hand_over,
            "overlap": self.take_over, "crash": self.crash, "astray": owner.begin,
        }[what]()  # fmt: skip
        if self.before and self.chance.random() < 0.05:
            self.before.pop(0).lose()

    def answer(self):
        if self.answers:
            self.broker.put(self.answers.pop(self.chance.randrange(len(self.answers)))[1])

    def compute_again(self):
        """The worker was killed before the journal had its answer."""
        if self.answers:
            self.broker.put(self.answers.pop(self.chance.randrange(len(self.answers)))[0])

    def hand_over(self):
        self.owner.commit()
        self.owner.lose()
        self.take_over()

    def crash(self):
        self.owner = Owner(self.broker)

    def take_over(self):
        self.before.append(self.owner)
        self.owner = Owner(self.broker)

    def settle(self):
        """Nothing more goes wrong."""
        while self.starts:
            self.start()
        for one in self.before:
            one.lose()
        self.broker.lags = 0
        for _ in range(1000):
            for one in (self.owner, *self.before):
                one.grow_certain()
                one.outbox.deliver()
                one.outbox.confirm()
            self.compute()
            while self.answers:
                self.broker.put(self.answers.pop()[1])
            self.owner.read(5)
            self.owner.commit()
            if (
                self.broker.position == len(self.broker.log)
                and not self.broker.requests
                and not self.owner.outbox.queue
            ):
                break


@pytest.mark.parametrize("seed", range(200))
def test_every_workflow_is_answered_and_nothing_is_left(seed):
    """Its results are one result, and the journal is committed to its end."""
    world = World(seed)
    doings = world.chance.choices(list(DOINGS), DOINGS.values(), k=world.chance.randrange(30, 600))
    for what in doings:
        world.do(what)
    world.settle()
    for name in world.names:
        answers = world.broker.results.get(name, [])
        assert {one["status"] for one in answers} == {"succeeded"}, (name, doings)
        values = [one["outputs"]["steps"]["all"]["outputs"] for one in answers]
        assert values == [{"values": [1.0, 1.0, 1.0]}] * len(values)
    assert world.broker.position == len(world.broker.log), doings
