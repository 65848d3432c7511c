-- name: due
-- Renewals that can go on, and tokens of which half the time is over and less than this is left.
SELECT c.name FROM connection c
LEFT JOIN renewal r USING (connection_id)
JOIN LATERAL (
  SELECT credential_id, created_at, expires_at FROM credential k
  WHERE k.connection_id = c.connection_id ORDER BY created_at DESC LIMIT 1
) k ON true
WHERE c.state IN ('pending', 'active') AND CASE
  WHEN r.connection_id IS NULL THEN c.auto_renew AND k.expires_at > now() AND k.expires_at - now() <= least(
    %(ahead)s::interval, (k.expires_at - coalesce((c.identity ->> 'token_created_at')::timestamptz, k.created_at)) / 2)
  ELSE r.next_at <= now() AND (r.step <> 'retiring' OR r.credential_id <> k.credential_id
    OR NOT EXISTS (SELECT FROM credential o WHERE o.connection_id = c.connection_id AND o.created_at < k.created_at))
END
ORDER BY k.expires_at, c.name

-- name: lock
-- One at a time renews a connection's token. The lock ends with the session, however that ends.
SELECT pg_try_advisory_lock(%(lock)s)

-- name: unlock
-- Lets the next one in.
SELECT pg_advisory_unlock(%(lock)s)

-- name: begin
-- Written before the console is asked for anything; no row if one is under way.
INSERT INTO renewal (connection_id, credential_id) VALUES (%(connection_id)s, %(credential_id)s)
ON CONFLICT DO NOTHING RETURNING renewal_id

-- name: journal
-- How far a renewal is.
SELECT renewal_id, step, credential_id, old_user_id, new_user_id, sealed_key, sealed_token
FROM renewal WHERE connection_id = %(connection_id)s

-- name: made
-- There is a second service user, and this is its token.
UPDATE renewal SET step = 'proving', old_user_id = %(old_user_id)s, new_user_id = %(new_user_id)s,
  sealed_key = %(sealed_key)s, sealed_token = %(sealed_token)s
WHERE connection_id = %(connection_id)s AND step = 'making'

-- name: swapped
-- The new token is in use; its other copy goes.
UPDATE renewal SET step = 'retiring', credential_id = %(credential_id)s, sealed_key = NULL, sealed_token = NULL
WHERE connection_id = %(connection_id)s AND step = 'proving'

-- name: proved
-- Whether only one version of the token is left: a pull has succeeded with it.
SELECT count(*) = 1 FROM credential WHERE connection_id = %(connection_id)s

-- name: postpone
-- After a failure.
UPDATE renewal SET next_at = now() + %(pause)s WHERE connection_id = %(connection_id)s

-- name: end
-- Nothing is left to do, and nothing of it at the console but what is in use.
DELETE FROM renewal WHERE connection_id = %(connection_id)s

-- name: set_auto
-- Whether the token is renewed without being asked; no row if that is so already.
UPDATE connection SET auto_renew = %(auto_renew)s, changed_at = now()
WHERE connection_id = %(connection_id)s AND state <> 'deleted' AND auto_renew <> %(auto_renew)s RETURNING auto_renew
