-- Who may do what. Secrets are kept as hashes alone: passwords by argon2id, sessions and tokens by SHA-256.
CREATE TABLE access_users (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    password TEXT,
    disabled BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE access_sessions (
    secret TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- NULL: those of the user in access_users; else what the identity provider said.
    role TEXT,
    scope TEXT,
    created BIGINT NOT NULL,
    used BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE INDEX access_sessions_by_name ON access_sessions (name);
CREATE INDEX access_sessions_by_expiry ON access_sessions (expires);

CREATE TABLE access_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    permissions TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT,
    revoked BIGINT
);
