-- What rules raised in calls, and who answered it. No word of what was said is in it.
CREATE TABLE alerts (
    id TEXT NOT NULL PRIMARY KEY,
    raised BIGINT NOT NULL,
    call_name TEXT NOT NULL,
    -- Microseconds from the call's start.
    span_from BIGINT NOT NULL,
    span_to BIGINT NOT NULL,
    leg TEXT,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    site TEXT,
    queue TEXT,
    agent TEXT,
    answered BIGINT,
    answered_by TEXT,
    answer TEXT
);

CREATE INDEX alerts_by_time ON alerts (raised, id);
CREATE INDEX alerts_by_call ON alerts (call_name);

-- What waits to be told to others, and what could not be.
CREATE TABLE webhook_deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    endpoint TEXT NOT NULL,
    event TEXT NOT NULL,
    about TEXT NOT NULL,
    body TEXT NOT NULL,
    created BIGINT NOT NULL,
    due BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    dead BIGINT NOT NULL,
    problem TEXT
);

CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (endpoint, dead, due);

CREATE TABLE webhook_endpoints (
    name TEXT NOT NULL PRIMARY KEY,
    disabled TEXT,
    delivered BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    last_at BIGINT,
    last_result TEXT
);
