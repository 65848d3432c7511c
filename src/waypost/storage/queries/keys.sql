-- name: insert
-- A key: its id and a hash of its secret, never the secret; no row if the organization is archived.
INSERT INTO api_key (key_id, secret_hash, name, scopes, organization_id, expires_at)
SELECT %(key_id)s, %(secret_hash)s::bytea, %(name)s, %(scopes)s::text[], %(organization_id)s::bigint,
  %(expires_at)s::timestamptz
WHERE NOT EXISTS (
  SELECT FROM organization WHERE organization_id = %(organization_id)s::bigint AND archived_at IS NOT NULL)
RETURNING key_id

-- name: presented
-- What decides whether a key is good, by the database's clock; `stale` if its last use is worth writing again.
-- `archived` is the name of the organization that it is bound to, where that is archived.
SELECT k.secret_hash, k.name, k.scopes, k.organization_id, k.expires_at, k.revoked_at IS NOT NULL AS revoked,
  coalesce(k.expires_at <= now(), false) AS expired,
  CASE WHEN o.archived_at IS NOT NULL THEN o.name END AS archived,
  coalesce(k.last_used_at < now() - interval '1 minute', true) AS stale
FROM api_key k LEFT JOIN organization o USING (organization_id) WHERE k.key_id = %(key_id)s

-- name: used
-- The last use, at most once a minute, so that reading costs no writing.
UPDATE api_key SET last_used_at = now()
WHERE key_id = %(key_id)s AND coalesce(last_used_at < now() - interval '1 minute', true)

-- name: list
-- Keys, the oldest first; of one organization, where it is given. `key_id` breaks ties of the order.
SELECT k.key_id AS id, k.name, k.scopes, o.organization_uuid AS organization_id, o.name AS organization_name,
  k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_key k LEFT JOIN organization o USING (organization_id)
WHERE (%(key_id)s::text IS NULL OR k.key_id = %(key_id)s)
  AND (%(organization_id)s::bigint IS NULL OR k.organization_id = %(organization_id)s)
  AND (%(after_time)s::timestamptz IS NULL
       OR (k.created_at, k.key_id) > (%(after_time)s::timestamptz, %(after_id)s::text))
ORDER BY k.created_at, k.key_id LIMIT %(limit)s

-- name: revoke
-- From now on it opens nothing. A key that is revoked stays revoked since then.
UPDATE api_key SET revoked_at = now()
WHERE key_id = %(key_id)s AND revoked_at IS NULL
  AND (%(organization_id)s::bigint IS NULL OR organization_id = %(organization_id)s)
RETURNING name, organization_id

-- name: none_yet
-- Whether no key was ever made: the first start of the service makes one. Two services that start at once on one
-- database make one key between them, so the table is locked against a second look.
SELECT NOT EXISTS (SELECT FROM api_key)

-- name: lock
-- As above, for the transaction.
LOCK TABLE api_key IN SHARE ROW EXCLUSIVE MODE
