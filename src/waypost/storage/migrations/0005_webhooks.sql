-- Webhooks: addresses of receivers that are told what changed, where each has got to in the feed, and what was sent.
--
-- The tables here are small and shared, so they may have keys without connection_id.

CREATE TABLE webhook (
  webhook_id      bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  webhook_uuid    uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  name            text NOT NULL,
  url             text NOT NULL,
  kinds           smallint[] NOT NULL DEFAULT '{}',   -- of changes; none: all
  organization_id bigint REFERENCES organization,     -- gets what a key of that organization could read
  connection_ids  bigint[],                           -- null: all
  most            smallint NOT NULL,                  -- entries of one delivery
  created_at      timestamptz NOT NULL DEFAULT now(),
  changed_at      timestamptz NOT NULL DEFAULT now(),
  -- how far it has got: the place in the feed after the last entry that its receiver accepted, or that was none of it
  position        bigint NOT NULL,
  change_id       bigint NOT NULL,
  is_behind       boolean NOT NULL DEFAULT true,      -- there was more behind that place
  -- the failures since a delivery was last accepted
  failures        integer NOT NULL DEFAULT 0,
  failing_since   timestamptz,
  next_at         timestamptz NOT NULL DEFAULT now(),
  disabled_at     timestamptz,
  reason          jsonb,                              -- why: code, message, remedy
  -- one worker delivers at a time; whoever changes the webhook raises the fence, and what was under way stores nothing
  fence           bigint NOT NULL DEFAULT 0,
  worker          text,
  taken_until     timestamptz
)
-- Taken, held and given back with every delivery: room for the new version of a row beside the old one.
WITH (fillfactor = 50);
-- Names repeat between organizations: that one is taken must not tell of another's webhook.
CREATE UNIQUE INDEX webhook_name ON webhook (coalesce(organization_id, 0), name);

-- What deliveries are signed with. Two while one takes over from another.
CREATE TABLE webhook_secret (
  secret_id    uuid PRIMARY KEY,
  webhook_id   bigint NOT NULL REFERENCES webhook ON DELETE CASCADE,
  sealed_key   bytea NOT NULL,
  sealed_token bytea NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  ends_at      timestamptz                            -- null: of the newest one
);
CREATE INDEX webhook_secret_of ON webhook_secret (webhook_id, created_at);

-- What was sent, and what came back. The body is fixed before it is first sent, so that every try is the same.
CREATE TABLE webhook_delivery (
  delivery_id  uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- the receiver's webhook-id
  webhook_id   bigint NOT NULL REFERENCES webhook ON DELETE CASCADE,
  kind         text NOT NULL CHECK (kind IN ('changes', 'ping')),
  -- pending -> accepted; pending -> pending (failed, to be tried again); pending -> dropped (nobody waits for it any more)
  state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'failed', 'dropped')),
  entries      smallint NOT NULL DEFAULT 0,
  body         text NOT NULL,
  sites        bytea,                                 -- digest of the organization's sites, whose entries it has
  position     bigint,                                -- the place in the feed after its last entry
  change_id    bigint,
  is_behind    boolean,                               -- there was more behind that place
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at      timestamptz,                           -- of the last try
  tries        jsonb NOT NULL DEFAULT '[]',           -- at, status, error, seconds of each
  status       smallint,
  error        text,
  answer       text                                   -- as much of it as is kept
);
-- at most one batch of a webhook is under way: the order of its deliveries
CREATE UNIQUE INDEX webhook_delivery_pending ON webhook_delivery (webhook_id) WHERE state = 'pending';
-- Serves: the log, the newest first.
CREATE INDEX webhook_delivery_of ON webhook_delivery (webhook_id, created_at DESC, delivery_id DESC);
-- Serves: the figures of the last hour, and the deleting of what is old.
CREATE INDEX webhook_delivery_last ON webhook_delivery (last_at);

-- Serves: where the feed stood at a time, for a replay from there.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX change_batch_at ON change_batch (at);
