-- name: insert
-- A connection; `name` is unique.
INSERT INTO connection (name, base_url, identity) VALUES (%(name)s, %(base_url)s, %(identity)s)
ON CONFLICT (name) DO NOTHING
RETURNING connection_id, connection_uuid

-- name: insert_credential
-- The sealed token of a connection; its id is part of what the seal is bound to, so it is given.
INSERT INTO credential (connection_id, credential_id, sealed_key, sealed_token, expires_at)
VALUES (%(connection_id)s, %(credential_id)s, %(sealed_key)s, %(sealed_token)s, %(expires_at)s)

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

-- name: credential
-- The token in use.
SELECT c.connection_uuid, k.credential_id, k.sealed_key, k.sealed_token
FROM credential k JOIN connection c USING (connection_id)
WHERE k.connection_id = %(connection_id)s
ORDER BY k.created_at DESC LIMIT 1

-- name: rotate
-- What the console says of the new token's owner; a connection that waited for a token no longer does.
UPDATE connection SET identity = %(identity)s, changed_at = now(),
  state = CASE WHEN state = 'needs_attention' THEN 'active' ELSE state END
WHERE connection_id = %(connection_id)s

-- name: proved
-- A pull that began at this time has succeeded with the token that was the newest then: those before it go.
DELETE FROM credential WHERE connection_id = %(connection_id)s AND created_at < (
  SELECT max(created_at) FROM credential WHERE connection_id = %(connection_id)s AND created_at <= %(began)s)

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
