-- What a definition server keeps. Rows are only ever added; the one that changes
-- is the revision of avap_head.

-- +goose Up
CREATE TABLE avap_head (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
);
INSERT INTO avap_head (id, revision) VALUES (1, 0);

-- publication is drawn at random by whoever appends, to recognise a revision
-- whose acknowledgement was lost. roots is the server's own.
CREATE TABLE avap_revisions (
    revision    INTEGER NOT NULL PRIMARY KEY CHECK (revision > base),
    base        INTEGER NOT NULL,
    publication BLOB NOT NULL UNIQUE,
    roots       BLOB NOT NULL
);

CREATE TABLE avap_audit (
    revision INTEGER NOT NULL PRIMARY KEY REFERENCES avap_revisions,
    time     TIMESTAMP NOT NULL,
    author   TEXT NOT NULL,
    action   TEXT NOT NULL,
    comment  TEXT NOT NULL
);

-- params, requires and quotas are JSON. rolled_back_to is 0 but for a rollback.
CREATE TABLE avap_versions (
    kind           TEXT NOT NULL CHECK (kind IN ('command', 'script')),
    name           TEXT NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    revision       INTEGER NOT NULL REFERENCES avap_revisions,
    stock          INTEGER NOT NULL,
    deleted        BOOLEAN NOT NULL,
    source         TEXT NOT NULL,
    hash           BLOB NOT NULL,
    params         TEXT NOT NULL,
    requires       TEXT NOT NULL,
    quotas         TEXT NOT NULL,
    rolled_back_to INTEGER NOT NULL,
    author         TEXT NOT NULL,
    time           TIMESTAMP NOT NULL,
    PRIMARY KEY (kind, name, version)
);
CREATE INDEX avap_versions_revision ON avap_versions (revision);

CREATE TABLE avap_packages (
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    version  INTEGER NOT NULL,
    revision INTEGER NOT NULL REFERENCES avap_revisions,
    bytecode INTEGER NOT NULL,
    key_id   TEXT NOT NULL,
    bytes    BLOB NOT NULL,
    PRIMARY KEY (kind, name, version, revision),
    FOREIGN KEY (kind, name, version) REFERENCES avap_versions
);
CREATE INDEX avap_packages_revision ON avap_packages (revision);
