-- name: insert
-- The sealed token of a connection; its id is part of what the seal is bound to, so it is given.
INSERT INTO credential (connection_id, credential_id, sealed_key, sealed_token, expires_at)
VALUES (%(connection_id)s, %(credential_id)s, %(sealed_key)s, %(sealed_token)s, %(expires_at)s)

-- name: in_use
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
