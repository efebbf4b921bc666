-- What was asked and what became of it; `at` is when it was answered, before that when it was sent.
CREATE TABLE requests (
    id            text COLLATE "C" PRIMARY KEY,
    agent         text,
    task          text,
    status        text NOT NULL,
    code          text,
    at            timestamptz NOT NULL,
    sent_at       timestamptz,
    priority      text,
    seed          bigint,
    labels        jsonb,
    content_type  text,
    size          integer,
    body          bytea
);
COMMENT ON COLUMN requests.body IS 'The message as it came, deflated (zlib); null when it was too large to be kept';
CREATE INDEX requests_at ON requests (at, id);
CREATE INDEX requests_agent ON requests (agent, at, id);
CREATE INDEX requests_status ON requests (status, at, id);

-- The last result of each request.
CREATE TABLE results (
    id            text COLLATE "C" PRIMARY KEY,
    completed_at  timestamptz NOT NULL,
    run_s         double precision,
    queued_s      double precision,
    worker        text,
    cached        boolean,
    content_type  text NOT NULL,
    size          integer NOT NULL,
    body          bytea
);
COMMENT ON COLUMN results.body IS 'The result as it was sent, deflated (zlib); null when it was too large to be kept';
CREATE INDEX results_completed_at ON results (completed_at);

-- Incidents in their latest versions.
CREATE TABLE incidents (
    id            text COLLATE "C" PRIMARY KEY,
    version       integer NOT NULL,
    severity      text NOT NULL,
    status        text NOT NULL,
    phase         text NOT NULL,
    title         text NOT NULL,
    started_at    timestamptz NOT NULL,
    resolved_at   timestamptz,
    document      jsonb NOT NULL
);
CREATE INDEX incidents_started_at ON incidents (started_at);

-- Attempts to tell somebody: each row one entry of the log.
CREATE TABLE notifications (
    topic         text NOT NULL,
    partition     integer NOT NULL,
    "offset"      bigint NOT NULL,
    id            text NOT NULL,
    incident      text NOT NULL,
    receiver      text NOT NULL,
    channel       text NOT NULL,
    reason        text NOT NULL,
    status        text NOT NULL,
    attempt       integer NOT NULL,
    at            timestamptz NOT NULL,
    error         text,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX notifications_incident ON notifications (incident, at);
CREATE INDEX notifications_at ON notifications (at);

-- Who did what when: the commands.
CREATE TABLE audit (
    topic         text NOT NULL,
    partition     integer NOT NULL,
    "offset"      bigint NOT NULL,
    at            timestamptz NOT NULL,
    who           text NOT NULL,
    action        text NOT NULL,
    subject       text NOT NULL,
    detail        jsonb NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX audit_at ON audit (at, topic, partition, "offset");
CREATE INDEX audit_subject ON audit (subject, at);

-- How far each partition of a cluster is recorded: moved in the transaction that writes its rows.
CREATE TABLE positions (
    cluster       text NOT NULL,
    topic         text NOT NULL,
    partition     integer NOT NULL,
    next          bigint NOT NULL,
    PRIMARY KEY (cluster, topic, partition)
);
