-- name: insert
-- The sealed token of a connection; its id is part of what the seal is bound to, so it is given. Nothing is stored
-- by a program whose master key was replaced. The clock's time, since one transaction may store two.
INSERT INTO credential (connection_id, credential_id, sealed_key, sealed_token, expires_at, created_at)
SELECT %(connection_id)s, %(credential_id)s, %(sealed_key)s, %(sealed_token)s, %(expires_at)s, clock_timestamp()
WHERE NOT EXISTS (SELECT FROM retired_master_key WHERE key_id = %(master)s)

-- name: in_use
-- The token in use.
SELECT c.connection_uuid, k.credential_id, k.sealed_key, k.sealed_token
FROM credential k JOIN connection c USING (connection_id)
WHERE k.connection_id = %(connection_id)s
ORDER BY k.created_at DESC LIMIT 1

-- name: rotate
-- What the console says of the new token's owner; the warnings about the old one's expiry are over. Locks the
-- connection, so that of two tokens that come at once the later one is the newest. No row once it is removed.
UPDATE connection SET identity = %(identity)s, identity_key = %(identity_key)s, changed_at = now(),
  checked_at = NULL, warned_days = NULL
WHERE connection_id = %(connection_id)s AND state <> 'deleted' RETURNING connection_id

-- name: walk_whole
-- A token that sees more than the one before it may show what changed before the last pull: the next one is whole.
UPDATE sync_watermark SET full_at = NULL WHERE connection_id = %(connection_id)s

-- name: known_sites
-- Every site that was ever listed, its account, and whether it is listed no longer.
SELECT site_id, name, account_id, gone_at IS NOT NULL FROM site WHERE connection_id = %(connection_id)s ORDER BY name

-- name: proved
-- A pull has succeeded with this token: those before it go.
DELETE FROM credential k USING credential good
WHERE good.connection_id = %(connection_id)s AND good.credential_id = %(credential_id)s
  AND k.connection_id = good.connection_id AND k.created_at < good.created_at

-- name: due_for_reading
-- Connections whose token's expiry was not read for a day, or that a warning is due for.
SELECT c.name FROM connection c
LEFT JOIN LATERAL (
  SELECT expires_at FROM credential k WHERE k.connection_id = c.connection_id ORDER BY created_at DESC LIMIT 1
) k ON true
WHERE c.state <> 'deleted' AND (
  (c.state <> 'paused' AND (c.checked_at IS NULL OR c.checked_at <= now() - %(every)s::interval))
  OR EXISTS (SELECT FROM unnest(%(days)s::int[]) AS d (days)
             WHERE k.expires_at <= now() + make_interval(days => d.days)
               AND (c.warned_days IS NULL OR d.days < c.warned_days)))
ORDER BY c.checked_at NULLS FIRST, c.name

-- name: expiry
-- When the token in use ends, as far as is known, and what was warned of last; holds the connection.
SELECT k.credential_id, k.expires_at, c.warned_days, now()
FROM connection c JOIN credential k USING (connection_id)
WHERE c.connection_id = %(connection_id)s ORDER BY k.created_at DESC LIMIT 1 FOR NO KEY UPDATE OF c

-- name: set_expiry
-- What the console said of the token's end; nothing of a token that was replaced meanwhile.
UPDATE credential SET expires_at = %(expires_at)s
WHERE connection_id = %(connection_id)s AND credential_id = %(credential_id)s

-- name: read
-- The console was asked; `again` is when it will be.
UPDATE connection SET checked_at = now() - %(every)s::interval + %(again)s::interval
WHERE connection_id = %(connection_id)s

-- name: warned
-- The last warning about the token's end; none after one that has more time.
UPDATE connection SET warned_days = %(days)s WHERE connection_id = %(connection_id)s

-- name: lock_all
-- No token is stored while all of them get another master key.
LOCK TABLE credential, renewal, webhook_secret IN SHARE ROW EXCLUSIVE MODE

-- name: keys
-- Every data key, and the row that its seal is bound to.
SELECT 'credential' AS table_name, c.connection_uuid, k.credential_id, k.sealed_key
FROM credential k JOIN connection c USING (connection_id)
UNION ALL
SELECT 'renewal', c.connection_uuid, r.renewal_id, r.sealed_key
FROM renewal r JOIN connection c USING (connection_id) WHERE r.sealed_key IS NOT NULL
UNION ALL
SELECT 'webhook_secret', w.webhook_uuid, s.secret_id, s.sealed_key
FROM webhook_secret s JOIN webhook w USING (webhook_id)

-- name: rewrap_credential
-- The same data key under another master key.
UPDATE credential SET sealed_key = %(sealed_key)s WHERE credential_id = %(row_id)s

-- name: rewrap_renewal
-- As above, of a token that is not in use yet.
UPDATE renewal SET sealed_key = %(sealed_key)s WHERE renewal_id = %(row_id)s

-- name: rewrap_webhook_secret
-- As above, of what deliveries are signed with.
UPDATE webhook_secret SET sealed_key = %(sealed_key)s WHERE secret_id = %(row_id)s

-- name: retire_keys
-- These master keys seal nothing more.
INSERT INTO retired_master_key (key_id) SELECT unnest(%(key_ids)s::bytea[]) ON CONFLICT DO NOTHING

-- name: reinstate_key
-- A master key that is in use again.
DELETE FROM retired_master_key WHERE key_id = %(key_id)s
