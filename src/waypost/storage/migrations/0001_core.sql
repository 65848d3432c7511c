-- The core: connections and their sealed tokens, the console's tree, devices, software, findings,
-- sync runs and the change log.
--
-- Every table that grows has connection_id first in its primary key and in every unique index, so that it
-- can be distributed by it. Ids of the console are bigint, as they are numbers of at most 19 digits.
-- Text that repeats stands once, in a dimension whose key is a hash of its content: no sequence, no look-up.

CREATE TABLE connection (
  connection_id  bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  connection_uuid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  name           text NOT NULL UNIQUE,
  base_url       text NOT NULL,
  -- pending -> active (first pull done); active <-> needs_attention (token refused); any -> deleted
  state          text NOT NULL DEFAULT 'pending'
                 CHECK (state IN ('pending', 'active', 'paused', 'needs_attention', 'deleted')),
  -- what the console said of itself and of the token at the last live test: version, user, scope, roles
  identity       jsonb NOT NULL DEFAULT '{}',
  -- raised by every claim: a worker that holds an older one may store nothing (rule 4)
  fence          bigint NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT now(),
  changed_at     timestamptz NOT NULL DEFAULT now()
);

-- A token, sealed with the connection's data key, which is sealed with the master key (rule 10).
CREATE TABLE credential (
  connection_id bigint NOT NULL REFERENCES connection ON DELETE CASCADE,
  credential_id uuid NOT NULL DEFAULT gen_random_uuid(),
  sealed_key    bytea NOT NULL,
  sealed_token  bytea NOT NULL,
  expires_at    timestamptz,
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, credential_id)
);

-- The console's tree: account > site > group. `vendor` is the row as sent, secrets apart.
CREATE TABLE account (
  connection_id bigint NOT NULL,
  account_id    bigint NOT NULL,
  name          text,
  state         text,
  gone_at       timestamptz,  -- when a complete walk no longer listed it
  vendor        jsonb NOT NULL,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, account_id)
);

CREATE TABLE site (
  connection_id bigint NOT NULL,
  site_id       bigint NOT NULL,
  account_id    bigint,
  name          text,
  state         text,
  gone_at       timestamptz,
  vendor        jsonb NOT NULL,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, site_id)
);

CREATE TABLE scope_group (
  connection_id bigint NOT NULL,
  group_id      bigint NOT NULL,
  site_id       bigint,
  name          text,
  gone_at       timestamptz,
  vendor        jsonb NOT NULL,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, group_id)
);

CREATE TABLE device (
  connection_id  bigint NOT NULL,
  device_id      bigint NOT NULL,  -- the agent's id
  device_uuid    uuid NOT NULL,    -- the id that users see, derived from connection and agent id
  state          smallint NOT NULL,
  site_id        bigint,
  group_id       bigint,
  name           text,
  domain         text,
  os             text,
  os_type        text,
  machine_type   text,
  agent_version  text,
  agent_uuid     text,
  registered_at  timestamptz,
  last_active_at timestamptz,
  updated_at     timestamptz,      -- the console's own
  added_at       timestamptz NOT NULL DEFAULT now(),  -- when Waypost first saw it
  moved_at       timestamptz,      -- when Waypost last saw it change its site,
  moved_from     bigint,           -- and which one it left
  row_hash       bigint NOT NULL,  -- of everything but what moves by itself
  vendor         jsonb,            -- the agent as sent, secrets apart; null while only risks named it
  scanned_at     timestamptz,      -- last scan for vulnerabilities, from the risk rows; findings' last_seen
  scan           jsonb,            -- what else the risk rows say of the endpoint
  changed_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, device_id)
);

-- One application version, as the console spells it.
CREATE TABLE software (
  connection_id bigint NOT NULL,
  software_id   bigint NOT NULL,  -- hash of the spelling
  name          text NOT NULL,    -- unescaped, for people and for comparing
  vendor        text NOT NULL,
  version       text NOT NULL,
  sent          jsonb,            -- the console's own spelling, where it differs
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, software_id)
);

-- What the console says of a CVE itself, whatever the device: one row per distinct set of facts.
CREATE TABLE cve_facts (
  connection_id bigint NOT NULL,
  facts_id      bigint NOT NULL,  -- hash of the facts
  cve           text NOT NULL,
  severity      smallint NOT NULL,
  score         real,
  score_version text,
  published_at  timestamptz,
  sent          jsonb NOT NULL,   -- scores, exploit maturity, remediation level .. as sent
  created_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, facts_id)
);
-- Serves: findings of a CVE (its facts first, then the findings that stand on them).
CREATE INDEX cve_facts_by_cve ON cve_facts (connection_id, cve);

-- One CVE in one application version on one device. Narrow on purpose: this is the table that is large.
CREATE TABLE finding (
  connection_id bigint NOT NULL,
  -- derived from what it is, not from the console's id (rule 5); begins with the first six bytes of its device's
  finding_id    uuid NOT NULL,
  device_id     bigint NOT NULL,
  site_id       bigint,             -- of its device; null while nobody knows the site
  software_id   bigint NOT NULL,
  facts_id      bigint NOT NULL,
  vendor_id     bigint NOT NULL,    -- the console's id of the risk it stands on now
  row_hash      bigint NOT NULL,    -- of everything the console says of it that does not move by itself
  detected_at   timestamptz,
  resolved_at   timestamptz,
  changed_at    timestamptz NOT NULL,
  score         real,
  state         smallint NOT NULL,
  severity      smallint NOT NULL,
  mitigation    jsonb,              -- status, time, person and reason, where the console sends them
  mark          jsonb,              -- false-positive mark, where there is one
  extra         jsonb,              -- fields this version does not know
  PRIMARY KEY (connection_id, finding_id)
);
-- Serves: which rows of a site's walk are unchanged (rule 2); findings of a site.
CREATE INDEX finding_by_site ON finding (connection_id, site_id, vendor_id);

-- Ids under which the console listed a finding before its present one (rule 5: the vendor's ids are kept).
CREATE TABLE finding_former_id (
  connection_id bigint NOT NULL,
  vendor_id     bigint NOT NULL,
  finding_id    uuid NOT NULL,
  replaced_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, vendor_id)
);

-- One pull of one stream from one connection. The truth about work under way is here (rule 4).
CREATE TABLE sync_run (
  connection_id bigint NOT NULL,
  run_id        uuid NOT NULL DEFAULT gen_random_uuid(),
  pull_id       uuid NOT NULL,       -- the runs of one `waypost sync` share it
  stream        text NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('full', 'delta')),
  -- running -> done | partial | failed; running -> interrupted -> running (resumed)
  state         text NOT NULL DEFAULT 'running'
                CHECK (state IN ('running', 'interrupted', 'done', 'partial', 'failed')),
  fence         bigint NOT NULL,
  lease_until   timestamptz NOT NULL,
  worker        text NOT NULL,       -- host and process, for people
  since         timestamptz,         -- a delta's start, by the console's clock
  console_time  timestamptz,         -- the console's clock when the run began: the next watermark
  started_at    timestamptz NOT NULL DEFAULT now(),
  resumed_at    timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz,
  busy_seconds  real NOT NULL DEFAULT 0,
  counts        jsonb NOT NULL DEFAULT '{}',
  warnings      jsonb NOT NULL DEFAULT '[]',
  error         jsonb,
  PRIMARY KEY (connection_id, run_id)
);
-- Serves: the newest runs of a connection, and its unfinished ones.
CREATE INDEX sync_run_by_start ON sync_run (connection_id, started_at DESC);

-- One chain of pages inside a run, over one partition.
CREATE TABLE sync_walk (
  connection_id bigint NOT NULL,
  run_id        uuid NOT NULL,
  walk          integer NOT NULL,
  scope         text NOT NULL CHECK (scope IN ('connection', 'account', 'site', 'device')),
  scope_id      bigint,
  scope_name    text,                -- of devices, which the console cannot look up by id
  -- pending -> complete | refused; a walk with a hole is complete but not whole
  state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'complete', 'refused')),
  whole         boolean NOT NULL DEFAULT true,
  cursor        text,                -- of the next page to fetch
  batches       integer NOT NULL DEFAULT 0,
  PRIMARY KEY (connection_id, run_id, walk)
);

-- The console's ids that a full run has seen: one row per batch, gone when the run is over. Kept apart so
-- that an unchanged row is never written (rule 2).
CREATE TABLE sync_seen (
  connection_id bigint NOT NULL,
  run_id        uuid NOT NULL,
  walk          integer NOT NULL,
  batch         integer NOT NULL,
  vendor_ids    bigint[] NOT NULL,
  PRIMARY KEY (connection_id, run_id, walk, batch)
);

-- From where the next delta of a stream starts (rule 3), committed with the data.
CREATE TABLE sync_watermark (
  connection_id bigint NOT NULL,
  stream        text NOT NULL,
  since         timestamptz NOT NULL,
  full_at       timestamptz,         -- when a full walk was last complete
  PRIMARY KEY (connection_id, stream)
);

-- Rows that could not be read (rule 6).
CREATE TABLE quarantine (
  connection_id bigint NOT NULL,
  stream        text NOT NULL,
  content_hash  bigint NOT NULL,     -- the same unreadable row is kept once
  vendor_id     bigint,
  reason        text NOT NULL,
  content       text NOT NULL,       -- as sent, secrets apart
  run_id        uuid NOT NULL,       -- the last run that met it
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, stream, content_hash)
);

-- The append-only log: what changed, when, in which run.
CREATE TABLE change (
  connection_id bigint NOT NULL,
  change_id     bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  run_id        uuid,
  kind          smallint NOT NULL,
  subject_id    uuid NOT NULL,       -- finding_id or device_uuid
  at            timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, change_id)
);

-- A connection that the planner's statistics do not know yet looks empty to it, and reading all of it for each
-- row of a batch looks cheap: a second connection's first pull took ten times as long. Without statistics a
-- connection is taken for a two-hundredth of the table.
ALTER TABLE finding ALTER COLUMN connection_id SET STATISTICS 0;
ALTER TABLE device ALTER COLUMN connection_id SET STATISTICS 0;
ALTER TABLE software ALTER COLUMN connection_id SET STATISTICS 0;
ALTER TABLE cve_facts ALTER COLUMN connection_id SET STATISTICS 0;

-- An agent as sent is some 3 kB of JSON that is written often and read seldom: compressing it cost more than
-- everything else about a device.
ALTER TABLE device ALTER COLUMN vendor SET STORAGE EXTERNAL;
