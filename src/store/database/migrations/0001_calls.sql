-- Calls, by what can be searched for. All of it can be made anew from the vault, but for the last two columns.
CREATE TABLE calls (
    name TEXT NOT NULL PRIMARY KEY,
    began BIGINT NOT NULL,
    duration_s DOUBLE PRECISION NOT NULL,
    state TEXT NOT NULL,
    agent TEXT,
    queue TEXT,
    site TEXT,
    vendor TEXT,
    jurisdiction TEXT,
    outcome TEXT,
    caller TEXT,
    called TEXT,
    hidden TEXT NOT NULL,
    hidden_s DOUBLE PRECISION NOT NULL,
    late_s DOUBLE PRECISION NOT NULL,
    failed_s DOUBLE PRECISION NOT NULL,
    pause_failures BIGINT NOT NULL,
    alerts TEXT NOT NULL,
    alert_count BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    policy_version TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    ended_normally BIGINT NOT NULL,
    quarantined BIGINT NOT NULL,
    holds BIGINT NOT NULL
);

-- Every search is in the order of time, so every index ends with it.
CREATE INDEX calls_by_time ON calls (began, name);
CREATE INDEX calls_by_agent ON calls (agent, began, name);
CREATE INDEX calls_by_queue ON calls (queue, began, name);
CREATE INDEX calls_by_site ON calls (site, began, name);
CREATE INDEX calls_by_vendor ON calls (vendor, began, name);
CREATE INDEX calls_by_jurisdiction ON calls (jurisdiction, began, name);
CREATE INDEX calls_by_outcome ON calls (outcome, began, name);
CREATE INDEX calls_not_complete ON calls (state, began, name) WHERE state <> 'complete';
CREATE INDEX calls_locked_away ON calls (began, name) WHERE quarantined = 1;
CREATE INDEX calls_held ON calls (began, name) WHERE holds > 0;

-- What a call has several of. The time is the call's, so that here too an index ends with it.
CREATE TABLE call_kinds (
    kind TEXT NOT NULL,
    began BIGINT NOT NULL,
    name TEXT NOT NULL REFERENCES calls (name) ON DELETE CASCADE,
    seconds DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (kind, began, name)
);
CREATE INDEX call_kinds_of ON call_kinds (name, kind);

CREATE TABLE call_alerts (
    rule TEXT NOT NULL,
    began BIGINT NOT NULL,
    name TEXT NOT NULL REFERENCES calls (name) ON DELETE CASCADE,
    times BIGINT NOT NULL,
    PRIMARY KEY (rule, began, name)
);
CREATE INDEX call_alerts_of ON call_alerts (name, rule);

CREATE TABLE call_numbers (
    number TEXT NOT NULL,
    began BIGINT NOT NULL,
    name TEXT NOT NULL REFERENCES calls (name) ON DELETE CASCADE,
    PRIMARY KEY (number, began, name)
);
CREATE INDEX call_numbers_of ON call_numbers (name, number);
