"""The tables of the history. Rows are written only for what changed, each valid from its scan on."""

from connectors.state import Component

HISTORY = Component(
    "history",
    (
        """
        CREATE TABLE scan (
            id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, now TEXT NOT NULL, scope TEXT NOT NULL,
            window_start TEXT NOT NULL, window_end TEXT NOT NULL, tool TEXT NOT NULL, evidence TEXT NOT NULL,
            everyone INTEGER NOT NULL, summary TEXT NOT NULL, UNIQUE (now, scope)) STRICT;
        CREATE TABLE scan_source (
            scan INTEGER NOT NULL REFERENCES scan, name TEXT NOT NULL, provider TEXT NOT NULL,
            stage TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
            PRIMARY KEY (scan, name)) STRICT, WITHOUT ROWID;
        CREATE TABLE scan_account (
            scan INTEGER NOT NULL REFERENCES scan, provider TEXT NOT NULL, account TEXT NOT NULL,
            source TEXT NOT NULL, complete INTEGER NOT NULL, parts TEXT NOT NULL,
            PRIMARY KEY (scan, provider, account, source)) STRICT, WITHOUT ROWID;
        CREATE TABLE scan_catalogue (
            scan INTEGER NOT NULL REFERENCES scan, provider TEXT NOT NULL, source TEXT NOT NULL,
            date TEXT NOT NULL, known INTEGER NOT NULL REFERENCES permission_set,
            PRIMARY KEY (scan, provider)) STRICT, WITHOUT ROWID;
        CREATE TABLE permission_name (
            id INTEGER PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL,
            UNIQUE (provider, name)) STRICT;
        CREATE TABLE permission_set (
            id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, bits BLOB NOT NULL) STRICT;
        CREATE TABLE profile (
            id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body BLOB NOT NULL) STRICT;
        CREATE TABLE identity (
            id INTEGER PRIMARY KEY, provider TEXT NOT NULL, account TEXT NOT NULL, stays TEXT NOT NULL,
            immutable_id TEXT NOT NULL, cloud_id TEXT NOT NULL, UNIQUE (provider, account, stays)) STRICT;
        CREATE TABLE snapshot (
            identity INTEGER NOT NULL REFERENCES identity, scan INTEGER NOT NULL REFERENCES scan,
            present INTEGER NOT NULL, whole INTEGER NOT NULL,
            granted INTEGER NOT NULL, conditional INTEGER NOT NULL, used INTEGER NOT NULL,
            unused INTEGER NOT NULL, ever_granted INTEGER NOT NULL, ever_used INTEGER NOT NULL,
            profile INTEGER NOT NULL REFERENCES profile,
            PRIMARY KEY (identity, scan)) STRICT, WITHOUT ROWID;
        CREATE TABLE usage_day (
            identity INTEGER NOT NULL REFERENCES identity, permission INTEGER NOT NULL, days BLOB NOT NULL,
            PRIMARY KEY (identity, permission)) STRICT, WITHOUT ROWID;
        CREATE TABLE finding (
            id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE, rule TEXT NOT NULL,
            provider TEXT NOT NULL, account TEXT NOT NULL, identity TEXT NOT NULL) STRICT;
        CREATE TABLE finding_state (
            finding INTEGER NOT NULL REFERENCES finding, scan INTEGER NOT NULL REFERENCES scan,
            status TEXT NOT NULL, severity TEXT NOT NULL, body BLOB,
            PRIMARY KEY (finding, scan)) STRICT;
        """,
    ),
)
