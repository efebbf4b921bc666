-- As in PostgreSQL; instants are epoch seconds, documents JSON, bodies deflated (zlib), null when too large to be kept.

-- What was asked and what became of it; `at` is when it was answered, before that when it was sent.
CREATE TABLE requests (
    id            text PRIMARY KEY,
    agent         text,
    task          text,
    status        text NOT NULL,
    code          text,
    at            real NOT NULL,
    sent_at       real,
    priority      text,
    seed          integer,
    labels        text,
    content_type  text,
    size          integer,
    body          blob
);
CREATE INDEX requests_at ON requests (at, id);
CREATE INDEX requests_agent ON requests (agent, at, id);
CREATE INDEX requests_status ON requests (status, at, id);

-- The last result of each request.
CREATE TABLE results (
    id            text PRIMARY KEY,
    completed_at  real NOT NULL,
    run_s         real,
    queued_s      real,
    worker        text,
    cached        integer,
    content_type  text NOT NULL,
    size          integer NOT NULL,
    body          blob
);
CREATE INDEX results_completed_at ON results (completed_at);

-- Incidents in their latest versions.
CREATE TABLE incidents (
    id            text PRIMARY KEY,
    version       integer NOT NULL,
    severity      text NOT NULL,
    status        text NOT NULL,
    phase         text NOT NULL,
    title         text NOT NULL,
    started_at    real NOT NULL,
    resolved_at   real,
    document      text NOT NULL
);
CREATE INDEX incidents_started_at ON incidents (started_at);

-- Attempts to tell somebody: each row one entry of the log.
CREATE TABLE notifications (
    topic         text NOT NULL,
    partition     integer NOT NULL,
    "offset"      integer NOT NULL,
    id            text NOT NULL,
    incident      text NOT NULL,
    receiver      text NOT NULL,
    channel       text NOT NULL,
    reason        text NOT NULL,
    status        text NOT NULL,
    attempt       integer NOT NULL,
    at            real NOT NULL,
    error         text,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX notifications_incident ON notifications (incident, at);
CREATE INDEX notifications_at ON notifications (at);

-- Who did what when: the commands.
CREATE TABLE audit (
    topic         text NOT NULL,
    partition     integer NOT NULL,
    "offset"      integer NOT NULL,
    at            real NOT NULL,
    who           text NOT NULL,
    action        text NOT NULL,
    subject       text NOT NULL,
    detail        text NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX audit_at ON audit (at, topic, partition, "offset");
CREATE INDEX audit_subject ON audit (subject, at);

-- How far each partition of a cluster is recorded: moved in the transaction that writes its rows.
CREATE TABLE positions (
    cluster       text NOT NULL,
    topic         text NOT NULL,
    partition     integer NOT NULL,
    next          integer NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
);
