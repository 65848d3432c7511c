-- The service: connections that are scheduled, watched, renewed and given away by a link; who may call the API;
-- who did what.
--
-- The tables here are small and shared (reference or local tables where others are distributed), so they may have
-- keys without connection_id.

-- A client of the user; grows with the mapping.
CREATE TABLE organization (
  organization_id   bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  organization_uuid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  name              text NOT NULL UNIQUE,
  created_at        timestamptz NOT NULL DEFAULT now()
);

-- The connection table has a row for each console: a few thousand at most, so locking it takes no time.
-- A name is free again once its connection is deleted, though its data is kept for a while.
-- squawk-ignore ban-drop-constraint
ALTER TABLE connection DROP CONSTRAINT connection_name_key;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX connection_name ON connection (name) WHERE state <> 'deleted';
ALTER TABLE connection
  -- squawk-ignore adding-foreign-key-constraint
  ADD COLUMN organization_id bigint REFERENCES organization,
  ADD COLUMN is_default      boolean NOT NULL DEFAULT false,
  -- console and identity, as far as the console tells who the token is; the same twice is refused
  ADD COLUMN identity_key    text,
  -- why it is paused or needs attention: code, message, owner, remedy
  ADD COLUMN reason          jsonb,
  ADD COLUMN state_since     timestamptz NOT NULL DEFAULT now(),
  -- when its data goes, once deleted
  ADD COLUMN purge_at        timestamptz,
  ADD COLUMN auto_renew      boolean NOT NULL DEFAULT false,
  ADD COLUMN checked_at      timestamptz,  -- when the token's expiry was last read
  ADD COLUMN warned_days     smallint;     -- the last warning about it: 30, 14, 7, 3, 1 or 0 days
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX connection_identity ON connection (identity_key) WHERE state <> 'deleted';
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX connection_default ON connection (is_default) WHERE is_default;

-- When a connection is pulled: its rhythm, and what was asked for out of turn. A worker that takes it writes who it
-- is and until when; one that dies leaves that to run out.
CREATE TABLE schedule (
  connection_id   bigint PRIMARY KEY REFERENCES connection ON DELETE CASCADE,
  delta_every     interval NOT NULL DEFAULT '60 seconds',  -- devices and findings
  tree_every      interval NOT NULL DEFAULT '15 minutes',  -- accounts, sites, groups
  reconcile_every interval NOT NULL DEFAULT '24 hours',    -- everything, walked whole
  software_every  interval NOT NULL DEFAULT '24 hours',
  next_at         timestamptz NOT NULL DEFAULT now(),
  failures        integer NOT NULL DEFAULT 0,              -- in a row
  worker          text,
  taken_until     timestamptz
)
-- Taken, held and given back every minute: room for the new version of a row beside the old one.
WITH (fillfactor = 50);
CREATE INDEX schedule_due ON schedule (next_at);
INSERT INTO schedule (connection_id) SELECT connection_id FROM connection;

-- What the schedule asks of each stream: when it last came to an end, and since when the console refuses it whole,
-- which leaves it without a point to start from.
ALTER TABLE sync_watermark
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN since DROP NOT NULL,
  ADD COLUMN ended_at   timestamptz,
  ADD COLUMN refused_at timestamptz;

-- A pull that somebody asked for.
CREATE TABLE sync_request (
  pull_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  connection_id bigint NOT NULL REFERENCES connection ON DELETE CASCADE,
  whole         boolean NOT NULL DEFAULT false,
  streams       text[],                     -- null: all
  asked_at      timestamptz NOT NULL DEFAULT now(),
  started_at    timestamptz,
  finished_at   timestamptz,
  error         jsonb
);
-- what a worker looks for, and what a second request for the same pull joins
CREATE INDEX sync_request_open ON sync_request (connection_id) WHERE finished_at IS NULL;

-- What is wrong with a connection ('' as stream) or one of its streams, from when to when. One row per outage.
CREATE TABLE outage (
  connection_id bigint NOT NULL REFERENCES connection ON DELETE CASCADE,
  -- of its own: two workers may begin one at the same instant, and the index below lets one of them
  outage_id     uuid NOT NULL DEFAULT gen_random_uuid(),
  stream        text NOT NULL,
  began_at      timestamptz NOT NULL DEFAULT now(),
  ended_at      timestamptz,
  code          text NOT NULL,
  owner         text NOT NULL,
  message       text NOT NULL,
  remedy        text NOT NULL,
  PRIMARY KEY (connection_id, outage_id)
);
-- at most one at a time for each stream
CREATE UNIQUE INDEX outage_open ON outage (connection_id, stream) WHERE ended_at IS NULL;

-- Keys to the API. Only a hash of the secret is kept.
CREATE TABLE api_key (
  key_id          text PRIMARY KEY,
  secret_hash     bytea NOT NULL,
  name            text NOT NULL,
  scopes          text[] NOT NULL,
  organization_id bigint REFERENCES organization,
  created_at      timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz,
  revoked_at      timestamptz,
  last_used_at    timestamptz
);

-- One-time URLs with which a customer connects a console, or gives one of its connections a new token.
CREATE TABLE connect_link (
  link_id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  secret_hash     bytea NOT NULL UNIQUE,
  organization_id bigint NOT NULL REFERENCES organization,
  connection_id   bigint REFERENCES connection ON DELETE CASCADE,  -- null: makes a new one
  created_at      timestamptz NOT NULL DEFAULT now(),
  expires_at      timestamptz NOT NULL,
  used_at         timestamptz,
  revoked_at      timestamptz,
  checks          integer NOT NULL DEFAULT 0       -- so many tokens were tried through it
);

-- Who did what, when, and what it was before and after. Append-only; never a secret.
CREATE TABLE audit (
  audit_id        bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  at              timestamptz NOT NULL DEFAULT now(),
  actor_kind      text NOT NULL CHECK (actor_kind IN ('key', 'command', 'link', 'service')),
  actor           text NOT NULL,
  request_id      text,
  action          text NOT NULL,        -- 'connection.added'
  subject_id      text,
  subject_name    text,
  organization_id bigint,
  before          jsonb,
  after           jsonb
);
CREATE INDEX audit_at ON audit (at);

-- A token that is being renewed: a second service user takes over from the first. The row is written before the
-- console is asked for anything, so that whatever a crash leaves there can be found and removed; it goes when only
-- one service user is left.
CREATE TABLE renewal (
  connection_id bigint PRIMARY KEY REFERENCES connection ON DELETE CASCADE,
  renewal_id    uuid NOT NULL DEFAULT gen_random_uuid(),  -- stands in the new service user's description
  -- making -> proving (its token is here) -> retiring (its token is in use) -> the row goes
  step          text NOT NULL DEFAULT 'making' CHECK (step IN ('making', 'proving', 'retiring')),
  -- the version of the token in use; another one means that somebody rotated it meanwhile
  credential_id uuid NOT NULL,
  old_user_id   text,
  new_user_id   text,
  sealed_key    bytea,                                    -- of the new token until it is in use, as in credential
  sealed_token  bytea,
  began_at      timestamptz NOT NULL DEFAULT now(),
  next_at       timestamptz NOT NULL DEFAULT now()        -- when to go on, after a failure
);

-- Master keys that were replaced. Whoever still has one of them seals nothing more with it.
CREATE TABLE retired_master_key (
  key_id     bytea PRIMARY KEY,
  retired_at timestamptz NOT NULL DEFAULT now()
);

-- Changes that are not about a finding or a device say what they mean: how many days a token has left, for one.
ALTER TABLE change ADD COLUMN detail jsonb;
