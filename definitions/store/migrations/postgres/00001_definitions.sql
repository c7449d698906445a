-- What a definition server keeps. Rows are only ever added; the one that changes
-- is the revision of avap_head, whose lock puts the servers in a line.

-- +goose Up
CREATE TABLE avap_head (
    id       integer NOT NULL PRIMARY KEY CHECK (id = 1),
    revision bigint NOT NULL
);
INSERT INTO avap_head (id, revision) VALUES (1, 0);

-- publication is drawn at random by whoever appends, to recognise a revision
-- whose acknowledgement was lost. roots is the server's own.
CREATE TABLE avap_revisions (
    revision    bigint NOT NULL PRIMARY KEY CHECK (revision > base),
    base        bigint NOT NULL,
    publication bytea NOT NULL UNIQUE,
    roots       bytea NOT NULL
);

CREATE TABLE avap_audit (
    revision bigint NOT NULL PRIMARY KEY REFERENCES avap_revisions,
    time     timestamptz NOT NULL,
    author   text NOT NULL,
    action   text NOT NULL,
    comment  text NOT NULL
);

-- params, requires and quotas are JSON. rolled_back_to is 0 but for a rollback.
CREATE TABLE avap_versions (
    kind           text COLLATE "C" NOT NULL CHECK (kind IN ('command', 'script')),
    name           text COLLATE "C" NOT NULL,
    version        bigint NOT NULL CHECK (version > 0),
    revision       bigint NOT NULL REFERENCES avap_revisions,
    stock          bigint NOT NULL,
    deleted        boolean NOT NULL,
    source         text NOT NULL,
    hash           bytea NOT NULL,
    params         text NOT NULL,
    requires       text NOT NULL,
    quotas         text NOT NULL,
    rolled_back_to bigint NOT NULL,
    author         text NOT NULL,
    time           timestamptz NOT NULL,
    PRIMARY KEY (kind, name, version)
);
CREATE INDEX avap_versions_revision ON avap_versions (revision);

CREATE TABLE avap_packages (
    kind     text COLLATE "C" NOT NULL,
    name     text COLLATE "C" NOT NULL,
    version  bigint NOT NULL,
    revision bigint NOT NULL REFERENCES avap_revisions,
    bytecode bigint NOT NULL,
    key_id   text NOT NULL,
    bytes    bytea NOT NULL,
    PRIMARY KEY (kind, name, version, revision),
    FOREIGN KEY (kind, name, version) REFERENCES avap_versions
);
CREATE INDEX avap_packages_revision ON avap_packages (revision);
