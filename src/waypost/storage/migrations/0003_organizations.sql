-- Organizations in full, the mapping of accounts and sites to them with its history, what of it needs a person, and
-- the second wall around what a key that is bound to an organization may read.
--
-- Mapping is a join, not a copy (rule 7): `site_owner` says whose a site is, and everything is read through it.

ALTER TABLE organization
  -- Names may repeat below different parents, and are free again once archived.
  -- squawk-ignore ban-drop-constraint
  DROP CONSTRAINT organization_name_key,
  -- squawk-ignore adding-foreign-key-constraint
  ADD COLUMN parent_id   bigint REFERENCES organization,
  ADD COLUMN external_id text,                         -- its id in the user's own systems
  ADD COLUMN aliases     text[] NOT NULL DEFAULT '{}', -- other names of it; a person's choice adds to them
  ADD COLUMN domains     text[] NOT NULL DEFAULT '{}', -- of its Active Directory or its email, lower case
  ADD COLUMN tags        text[] NOT NULL DEFAULT '{}',
  ADD COLUMN archived_at timestamptz,
  ADD COLUMN changed_at  timestamptz NOT NULL DEFAULT now();
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX organization_name ON organization (name, coalesce(parent_id, 0)) WHERE archived_at IS NULL;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX organization_external_id ON organization (external_id) WHERE archived_at IS NULL;

-- One saving of decisions: all of them or none. The history, together with the changes below.
CREATE TABLE mapping_save (
  save_id    bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  save_uuid  uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  at         timestamptz NOT NULL DEFAULT now(),
  actor_kind text NOT NULL,
  actor      text NOT NULL,
  request_id text,
  source     text NOT NULL CHECK (source IN ('save', 'import', 'undo')),
  undoes     bigint UNIQUE REFERENCES mapping_save   -- a save is undone once; the undo can be undone in turn
);

-- What was decided about a site or an account. One without a row, or with an undecided one, is undecided.
CREATE TABLE mapping (
  connection_id   bigint NOT NULL,
  kind            text NOT NULL CHECK (kind IN ('account', 'site')),
  scope_id        bigint NOT NULL,                    -- the console's id of it
  decision        text NOT NULL CHECK (decision IN ('mapped', 'ignored', 'undecided')),
  organization_id bigint REFERENCES organization,
  reason          text,                               -- why it is ignored
  evidence        jsonb,                              -- grade, confidence and reasons that stood for the choice
  seen            jsonb NOT NULL,                     -- what it was then: name, account_id, domains
  save_id         bigint NOT NULL REFERENCES mapping_save, -- its version: whoever changes it names the one he saw
  PRIMARY KEY (connection_id, kind, scope_id),
  CHECK ((decision = 'mapped') = (organization_id IS NOT NULL)),
  CHECK ((decision = 'ignored') = (reason IS NOT NULL))
);
-- Serves: the sites of an organization.
CREATE INDEX mapping_by_organization ON mapping (organization_id, connection_id, kind, scope_id);

-- What a save changed; `before` and `after` are the columns of the decision from then, null for none.
CREATE TABLE mapping_change (
  connection_id bigint NOT NULL,
  kind          text NOT NULL,
  scope_id      bigint NOT NULL,
  save_id       bigint NOT NULL REFERENCES mapping_save,
  name          text,
  before        jsonb,
  after         jsonb,
  alias         text,                                 -- remembered by this choice, for an undo to forget
  PRIMARY KEY (connection_id, kind, scope_id, save_id)
);
CREATE INDEX mapping_change_by_save ON mapping_change (save_id);

-- Serves: the sites of an account that is mapped as a whole.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX site_by_account ON site (connection_id, account_id);

-- Whose each site is, and what says so: its own decision, its account's, or that of who connected the console for an
-- organization; the nearest wins. A site that is ignored, or about which nothing is decided, is nobody's. Each branch
-- has organization_id as it is stored, so that the sites of one organization are found by index.
CREATE VIEW site_owner AS
SELECT m.connection_id, m.scope_id AS site_id, m.organization_id, 'site' AS origin
FROM mapping m JOIN connection c USING (connection_id)
WHERE m.kind = 'site' AND m.decision = 'mapped' AND c.state <> 'deleted'
UNION ALL
SELECT s.connection_id, s.site_id, a.organization_id, 'account'
FROM mapping a
JOIN connection c USING (connection_id)
JOIN site s ON s.connection_id = a.connection_id AND s.account_id = a.scope_id
WHERE a.kind = 'account' AND a.decision = 'mapped' AND c.state <> 'deleted' AND NOT EXISTS (
  SELECT FROM mapping m WHERE m.connection_id = s.connection_id AND m.kind = 'site' AND m.scope_id = s.site_id
    AND m.decision <> 'undecided')
UNION ALL
SELECT s.connection_id, s.site_id, c.organization_id, 'connection'
FROM connection c JOIN site s USING (connection_id)
WHERE c.organization_id IS NOT NULL AND c.state <> 'deleted' AND NOT EXISTS (
  SELECT FROM mapping m WHERE m.connection_id = s.connection_id AND m.kind = 'site' AND m.scope_id = s.site_id
    AND m.decision <> 'undecided')
-- two conditions: one with OR can only be tried row by row, five seconds for ten thousand sites
AND NOT EXISTS (
  SELECT FROM mapping m WHERE m.connection_id = s.connection_id AND m.kind = 'account' AND m.scope_id = s.account_id
    AND m.decision <> 'undecided');

-- From which account to which a site was moved tells whether its data went elsewhere by that.
ALTER TABLE site
  ADD COLUMN moved_at   timestamptz,                  -- when Waypost last saw it change its account,
  ADD COLUMN moved_from bigint;                       -- and which one it left

-- What holds about each site, and what says so, the undecided and the ignored ones included; how it stands in the
-- console: active, expired, deleted, or gone from its list. Decisions are looked up one by one: joined, ten thousand
-- of them took twelve seconds while there were no statistics of them yet.
CREATE VIEW site_standing AS
SELECT s.connection_id, s.site_id, s.account_id, s.name, s.moved_at, s.moved_from,
  CASE WHEN s.gone_at IS NOT NULL THEN 'gone' WHEN s.state IN ('expired', 'deleted') THEN s.state ELSE 'active' END
    AS standing,
  CASE WHEN d.origin IS NOT NULL THEN d.decision WHEN c.organization_id IS NOT NULL THEN 'mapped' ELSE 'undecided' END
    AS decision,
  CASE WHEN d.origin IS NOT NULL THEN d.organization_id ELSE c.organization_id END AS organization_id,
  CASE WHEN d.origin IS NOT NULL THEN d.origin WHEN c.organization_id IS NOT NULL THEN 'connection' END AS origin,
  d.seen, d.save_id
FROM site s
JOIN connection c USING (connection_id)
LEFT JOIN LATERAL (
  SELECT m.kind AS origin, m.decision, m.organization_id, m.seen, m.save_id FROM mapping m
  WHERE m.connection_id = s.connection_id AND m.decision <> 'undecided'
    AND (m.kind, m.scope_id) IN (('site', s.site_id), ('account', s.account_id))
  ORDER BY m.kind DESC LIMIT 1) d ON true
WHERE c.state <> 'deleted';

-- What needs a person, from when to when. One row as long as it lasts.
CREATE TABLE drift (
  drift_id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  kind            text NOT NULL,
  subject         text NOT NULL,                      -- what it is about, as one text: see the unique index
  connection_id   bigint REFERENCES connection ON DELETE CASCADE,
  scope           text CHECK (scope IN ('account', 'site')),
  scope_id        bigint,
  organization_id bigint REFERENCES organization,
  detail          jsonb NOT NULL DEFAULT '{}',
  began_at        timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz
);
-- at most one of a kind about one thing at a time
CREATE UNIQUE INDEX drift_open ON drift (kind, subject) WHERE ended_at IS NULL;

-- The site at which a change happened, for reading the log by organization; null in entries from before.
ALTER TABLE change ADD COLUMN site_id bigint;
-- Serves: the newest entries of an organization's sites. Without it those of a small one are looked for in all of the
-- log; it costs an entry less than a microsecond, of the twenty that its finding takes.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX change_by_site ON change (connection_id, site_id, change_id);
-- Serves: the devices of a site, and how many there are.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX device_by_site ON device (connection_id, site_id);

-- The second wall. What is read for one organization is read as this role, which sees the sites that the transaction
-- holds it to, and nothing where it says nothing. The role belongs to the server, not to this database:
-- another Waypost may have made it already. Since PostgreSQL 16 who makes a role can become it only when he has
-- granted that to himself; that he inherits nothing of it keeps its policies from him.
DO $$
DECLARE
  is_new boolean := current_setting('server_version_num')::integer >= 160000;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'waypost_capped') THEN
    BEGIN
      CREATE ROLE waypost_capped NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END IF;
  IF NOT pg_has_role(current_user, 'waypost_capped', CASE WHEN is_new THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE format('GRANT waypost_capped TO %I', current_user)
      || CASE WHEN is_new THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
  END IF;
END
$$;

-- The sites of an organization, as a transaction is told them. A function of this language keeps its plan for as long
-- as the session lasts: planning the view takes longer than reading the sites of most organizations.
CREATE FUNCTION sites_of(organization bigint, OUT connection_ids bigint[], OUT site_ids bigint[])
STABLE LANGUAGE plpgsql AS $$
BEGIN
  SELECT coalesce(array_agg(o.connection_id), '{}'), coalesce(array_agg(o.site_id), '{}')
  INTO connection_ids, site_ids
  FROM site_owner o WHERE o.organization_id = organization;
END
$$;

-- A site as one number, since looking up pairs takes a row half as long again. Ids of the console are random in the
-- bits that the connection's number changes.
CREATE FUNCTION site_key(connection_id bigint, site_id bigint) RETURNS bigint
IMMUTABLE PARALLEL SAFE LANGUAGE sql RETURN site_id # (connection_id << 40);

-- What the transaction is held to; nothing where nothing was said.
CREATE FUNCTION capped_sites() RETURNS SETOF bigint STABLE PARALLEL SAFE LANGUAGE sql
RETURN unnest(string_to_array(current_setting('waypost.sites', true), ',')::bigint[]);
CREATE FUNCTION capped_connections() RETURNS SETOF bigint STABLE PARALLEL SAFE LANGUAGE sql
RETURN unnest(string_to_array(current_setting('waypost.connections', true), ',')::bigint[]);

GRANT USAGE ON SCHEMA waypost TO waypost_capped;
GRANT SELECT ON finding, device, site, software, cve_facts, change TO waypost_capped;
-- of a connection no more than what a list names it by
GRANT SELECT (connection_id, connection_uuid, name, state) ON connection TO waypost_capped;

ALTER TABLE finding ENABLE ROW LEVEL SECURITY;
ALTER TABLE device ENABLE ROW LEVEL SECURITY;
ALTER TABLE site ENABLE ROW LEVEL SECURITY;
ALTER TABLE change ENABLE ROW LEVEL SECURITY;
ALTER TABLE connection ENABLE ROW LEVEL SECURITY;

-- Everybody else reads as before: the owner is not held by policies, and other roles that may read at all may read all.
CREATE POLICY everybody ON finding USING (true) WITH CHECK (true);
CREATE POLICY everybody ON device USING (true) WITH CHECK (true);
CREATE POLICY everybody ON site USING (true) WITH CHECK (true);
CREATE POLICY everybody ON change USING (true) WITH CHECK (true);
CREATE POLICY everybody ON connection USING (true) WITH CHECK (true);

CREATE POLICY capped ON finding AS RESTRICTIVE TO waypost_capped
  USING (site_key(connection_id, site_id) IN (SELECT capped_sites()));
CREATE POLICY capped ON device AS RESTRICTIVE TO waypost_capped
  USING (site_key(connection_id, site_id) IN (SELECT capped_sites()));
CREATE POLICY capped ON site AS RESTRICTIVE TO waypost_capped
  USING (site_key(connection_id, site_id) IN (SELECT capped_sites()));
-- Entries about findings and devices; those about the mapping name other organizations.
CREATE POLICY capped ON change AS RESTRICTIVE TO waypost_capped
  USING (kind < 20 AND site_key(connection_id, site_id) IN (SELECT capped_sites()));
CREATE POLICY capped ON connection AS RESTRICTIVE TO waypost_capped
  USING (connection_id IN (SELECT capped_connections()));
