-- name: insert
-- A connection; no row if its name, or its console and identity, are another's (`taken` says whose).
INSERT INTO connection (name, base_url, identity, identity_key, organization_id, state, reason)
VALUES (%(name)s, %(base_url)s, %(identity)s, %(identity_key)s, %(organization_id)s, %(state)s, %(reason)s)
ON CONFLICT DO NOTHING
RETURNING connection_id, connection_uuid

-- name: taken
-- Whose a name, or a console and identity, is already.
SELECT name = %(name)s AS by_name, name, base_url, organization_id FROM connection
WHERE state <> 'deleted' AND (name = %(name)s OR identity_key = %(identity_key)s)
ORDER BY by_name DESC LIMIT 1

-- name: archived
-- The name of an organization, if it is archived: nothing more is made for it.
SELECT name FROM organization WHERE organization_id = %(organization_id)s::bigint AND archived_at IS NOT NULL

-- name: add_schedule
-- A new connection is due at once.
INSERT INTO schedule (connection_id) VALUES (%(connection_id)s)

-- name: list
-- Every connection, or those that are asked for, with the expiry of the token in use and the newest finished pull.
SELECT c.connection_id, c.connection_uuid, c.name, c.base_url, c.state, c.state_since, c.reason, c.is_default,
  c.organization_id, o.organization_uuid, o.name AS organization_name, c.identity, c.auto_renew, c.created_at,
  k.expires_at, floor(extract(epoch FROM k.expires_at - now()) / 86400)::integer AS days_left,
  (SELECT max(r.finished_at) FROM sync_run r
   WHERE r.connection_id = c.connection_id AND r.state IN ('done', 'partial')) AS pulled_at,
  extract(epoch FROM s.delta_every)::integer AS delta_seconds,
  extract(epoch FROM s.tree_every)::integer AS tree_seconds,
  extract(epoch FROM s.reconcile_every)::integer AS reconcile_seconds,
  CASE WHEN c.state IN ('pending', 'active') THEN s.next_at END AS next_at
FROM connection c
JOIN schedule s USING (connection_id)
LEFT JOIN organization o USING (organization_id)
LEFT JOIN LATERAL (
  SELECT expires_at FROM credential k WHERE k.connection_id = c.connection_id ORDER BY created_at DESC LIMIT 1
) k ON true
WHERE c.state <> 'deleted'
  AND (%(names)s::text[] IS NULL OR c.name = ANY (%(names)s))
  AND (%(uuid)s::uuid IS NULL OR c.connection_uuid = %(uuid)s)
  AND (%(organization_id)s::bigint IS NULL OR c.organization_id = %(organization_id)s)
  AND (%(after)s::text IS NULL OR c.name > %(after)s)
ORDER BY c.name LIMIT %(limit)s::bigint

-- name: counts
-- How much a connection holds, for people who are about to remove it.
SELECT (SELECT count(*) FROM device WHERE connection_id = %(connection_id)s) AS devices,
       (SELECT count(*) FROM finding WHERE connection_id = %(connection_id)s) AS findings

-- name: lock
-- A connection's state, held until the transaction ends, and whether it was ever pulled.
SELECT state, EXISTS (SELECT FROM sync_watermark w WHERE w.connection_id = c.connection_id AND w.since IS NOT NULL)
FROM connection c WHERE connection_id = %(connection_id)s FOR NO KEY UPDATE

-- name: move
-- The next state; one that stops pulls raises the fence, as a claim does.
UPDATE connection SET state = %(state)s, reason = %(reason)s, state_since = now(), changed_at = now(),
  fence = fence + %(stop)s::boolean::integer
WHERE connection_id = %(connection_id)s

-- name: stop_runs
-- A pull that is under way finds its runs no longer its own at its next transaction. They can be gone on with.
UPDATE sync_run r SET state = 'interrupted', fence = c.fence, lease_until = now()
FROM connection c
WHERE c.connection_id = r.connection_id AND r.connection_id = %(connection_id)s AND r.state = 'running'

-- name: wake
-- A connection that may be pulled again is due at once, whatever kept it before.
UPDATE schedule SET next_at = now(), failures = 0 WHERE connection_id = %(connection_id)s

-- name: rename
-- Another name; the unique index keeps it from being somebody else's.
UPDATE connection SET name = %(name)s, changed_at = now()
WHERE connection_id = %(connection_id)s AND state <> 'deleted' RETURNING connection_id

-- name: one_default_at_a_time
-- Two that choose a default at once do so one after the other.
SELECT pg_advisory_xact_lock(%(lock)s)

-- name: no_default
-- The default is one no longer.
UPDATE connection SET is_default = false, changed_at = now() WHERE is_default RETURNING name

-- name: set_default
-- The default from now on.
UPDATE connection SET is_default = true, changed_at = now()
WHERE connection_id = %(connection_id)s AND state <> 'deleted' RETURNING connection_id

-- name: set_rhythm
-- How often a connection is pulled. A shorter rhythm begins now, not after the longer one has run out.
UPDATE schedule SET delta_every = make_interval(secs => %(delta_seconds)s),
  tree_every = make_interval(secs => %(tree_seconds)s),
  reconcile_every = make_interval(secs => %(reconcile_seconds)s),
  next_at = least(next_at, now() + make_interval(secs => %(delta_seconds)s))
WHERE connection_id = %(connection_id)s

-- name: bury
-- What a removed connection keeps for a while, and what it does not: no token, no default, nothing that was asked for.
WITH tokens AS (DELETE FROM credential WHERE connection_id = %(connection_id)s),
  renewals AS (DELETE FROM renewal WHERE connection_id = %(connection_id)s),
  asked AS (UPDATE sync_request SET finished_at = now(), error = %(error)s
            WHERE connection_id = %(connection_id)s AND finished_at IS NULL)
UPDATE connection SET purge_at = now() + %(keep)s, is_default = false, auto_renew = false
WHERE connection_id = %(connection_id)s RETURNING purge_at

-- name: expired
-- Deleted connections whose data has been kept long enough.
SELECT connection_id, connection_uuid, name, organization_id FROM connection
WHERE state = 'deleted' AND purge_at <= now() ORDER BY purge_at

-- name: delete
-- The connection itself, once everything that was pulled through it is gone; what refers to it goes with it.
DELETE FROM connection WHERE connection_id = %(connection_id)s AND state = 'deleted' RETURNING connection_id
