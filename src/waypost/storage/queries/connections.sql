-- name: insert
-- A connection; `name` is unique.
INSERT INTO connection (name, base_url, identity) VALUES (%(name)s, %(base_url)s, %(identity)s)
ON CONFLICT (name) WHERE state <> 'deleted' DO NOTHING
RETURNING connection_id, connection_uuid

-- name: by_name
-- Every connection, or the named ones, with its newest credential's expiry and its newest finished pull.
SELECT c.connection_id, c.connection_uuid, c.name, c.base_url, c.state, c.identity, c.created_at,
       k.expires_at,
       (SELECT max(r.finished_at) FROM sync_run r
        WHERE r.connection_id = c.connection_id AND r.state IN ('done', 'partial')) AS pulled_at
FROM connection c
LEFT JOIN LATERAL (
  SELECT expires_at FROM credential WHERE connection_id = c.connection_id ORDER BY created_at DESC LIMIT 1
) k ON true
WHERE c.state <> 'deleted' AND (%(names)s::text[] IS NULL OR c.name = ANY (%(names)s))
ORDER BY c.name

-- name: set_state
-- A connection's state, only where it differs.
UPDATE connection SET state = %(state)s, changed_at = now()
WHERE connection_id = %(connection_id)s AND state <> %(state)s

-- name: delete
-- The connection itself; its credentials go with it.
DELETE FROM connection WHERE connection_id = %(connection_id)s

-- name: counts
-- How much a connection holds, for people who are about to remove it.
SELECT (SELECT count(*) FROM device WHERE connection_id = %(connection_id)s) AS devices,
       (SELECT count(*) FROM finding WHERE connection_id = %(connection_id)s) AS findings
