-- Webhooks: who is told of changes, how far each has got in the feed, what was sent.

-- name: insert
-- A webhook that begins at a place in the feed; no row if the name is taken.
INSERT INTO webhook (name, url, kinds, organization_id, connection_ids, most, position, change_id)
VALUES (%(name)s, %(url)s, %(kinds)s, %(organization_id)s, %(connection_ids)s, %(most)s, %(position)s, %(change_id)s)
ON CONFLICT DO NOTHING
RETURNING webhook_id, webhook_uuid

-- name: list
-- Webhooks by name: all, those of an organization, one. A filter that is null does not filter.
SELECT w.webhook_id, w.webhook_uuid, w.name, w.url, w.kinds, w.organization_id, o.organization_uuid,
  o.name AS organization_name, w.connection_ids, w.most, w.created_at, w.changed_at, w.failures, w.failing_since,
  w.next_at, w.disabled_at, w.reason,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.connection_uuid, 'name', c.name) ORDER BY c.name), '[]')
   FROM connection c WHERE c.connection_id = ANY (w.connection_ids) AND c.state <> 'deleted') AS connections,
  (SELECT jsonb_agg(jsonb_build_object('created_at', s.created_at, 'ends_at', s.ends_at) ORDER BY s.created_at DESC)
   FROM webhook_secret s WHERE s.webhook_id = w.webhook_id AND (s.ends_at IS NULL OR s.ends_at > now())) AS secrets,
  coalesce((SELECT greatest(extract(epoch FROM now() - b.at), 0) FROM change_batch b
            WHERE b.position >= w.position ORDER BY b.position LIMIT 1), 0)::float8 AS lag_seconds
FROM webhook w LEFT JOIN organization o USING (organization_id)
WHERE (%(webhook_uuid)s::uuid IS NULL OR w.webhook_uuid = %(webhook_uuid)s)
  AND (%(organization_id)s::bigint IS NULL OR w.organization_id = %(organization_id)s)
  AND (%(name)s::text IS NULL OR w.name = %(name)s OR w.webhook_uuid::text = %(name)s)
  AND (%(after_name)s::text IS NULL OR (w.name, w.webhook_uuid) > (%(after_name)s, %(after_id)s::uuid))
ORDER BY w.name, w.webhook_uuid LIMIT %(limit)s

-- name: connections
-- Connections by name; for who is bound to an organization those that it has, or has sites of.
SELECT c.name, c.connection_id FROM connection c
WHERE c.name = ANY (%(names)s) AND c.state <> 'deleted' AND (%(organization_id)s::bigint IS NULL
  OR c.organization_id = %(organization_id)s OR EXISTS (
    SELECT FROM site_owner o WHERE o.connection_id = c.connection_id AND o.organization_id = %(organization_id)s))

-- name: change
-- Another name, address or filter. What is under way stores nothing more, and what an address failed at is not held
-- against another; no row if the name is taken.
UPDATE webhook w SET name = %(name)s, url = %(url)s, kinds = %(kinds)s, connection_ids = %(connection_ids)s,
  most = %(most)s, changed_at = now(), fence = fence + 1, next_at = now(),
  failures = CASE WHEN url = %(url)s THEN failures ELSE 0 END,
  failing_since = CASE WHEN url = %(url)s THEN failing_since END
WHERE w.webhook_id = %(webhook_id)s AND NOT EXISTS (
  SELECT FROM webhook t WHERE t.name = %(name)s AND t.webhook_id <> w.webhook_id
    AND t.organization_id IS NOT DISTINCT FROM w.organization_id)
RETURNING webhook_id

-- name: enable
-- It is tried again, at once.
UPDATE webhook SET disabled_at = NULL, reason = NULL, failures = 0, failing_since = NULL, next_at = now(),
  changed_at = now(), fence = fence + 1
WHERE webhook_id = %(webhook_id)s

-- name: move
-- It goes on from another place; what is under way stores nothing more.
UPDATE webhook SET position = %(position)s, change_id = %(change_id)s, is_behind = true, next_at = now(),
  fence = fence + 1
WHERE webhook_id = %(webhook_id)s

-- name: remove
-- With its secrets and its log.
DELETE FROM webhook WHERE webhook_id = %(webhook_id)s

-- name: place_at
-- Where the feed stood at a time: before the batches that began then or later; null if they are still to come. A batch
-- has the time at which its transaction began and its position from when that had ended, so the first by time need not
-- be the first by position; none of them took an hour.
SELECT min(b.position) FROM change_batch b,
  (SELECT min(at) AS first FROM change_batch WHERE at >= %(at)s AND position > (SELECT forgotten FROM feed)) f
WHERE b.at >= f.first AND b.at < f.first + interval '1 hour' AND b.position > (SELECT forgotten FROM feed)

-- name: store_secret
-- A sealed secret; its id is part of what the seal is bound to. Nothing is stored by a program whose master key was
-- replaced.
INSERT INTO webhook_secret (secret_id, webhook_id, sealed_key, sealed_token)
SELECT %(secret_id)s, %(webhook_id)s, %(sealed_key)s, %(sealed_token)s
WHERE NOT EXISTS (SELECT FROM retired_master_key WHERE key_id = %(master)s)

-- name: end_secrets
-- The secrets before a new one are good for a while yet, and no longer than they were.
UPDATE webhook_secret SET ends_at = now() + %(overlap)s::interval
WHERE webhook_id = %(webhook_id)s AND (ends_at IS NULL OR ends_at > now() + %(overlap)s::interval)

-- name: secrets
-- What to sign with, the newest first.
SELECT w.webhook_uuid, s.secret_id, s.sealed_key, s.sealed_token
FROM webhook_secret s JOIN webhook w USING (webhook_id)
WHERE s.webhook_id = %(webhook_id)s AND (s.ends_at IS NULL OR s.ends_at > now())
ORDER BY s.created_at DESC

-- name: any_enabled
-- Whether there is anybody to tell.
SELECT EXISTS (SELECT FROM webhook WHERE disabled_at IS NULL)

-- name: take
-- Webhooks for which there may be something, and which nobody is delivering; the longest waiting first. One of an
-- archived organization waits until that is restored.
UPDATE webhook w SET worker = %(worker)s, taken_until = now() + %(lease)s::interval, fence = w.fence + 1
FROM (
  SELECT d.webhook_id FROM webhook d
  WHERE d.disabled_at IS NULL AND d.next_at <= now() AND (d.taken_until IS NULL OR d.taken_until <= now())
    AND (d.is_behind OR d.position <= (SELECT newest FROM feed)) AND (d.failures > 0) = %(failing)s
    AND NOT EXISTS (SELECT FROM organization o
                    WHERE o.organization_id = d.organization_id AND o.archived_at IS NOT NULL)
  ORDER BY d.next_at LIMIT %(places)s FOR UPDATE SKIP LOCKED
) due
WHERE w.webhook_id = due.webhook_id
RETURNING w.webhook_id, w.webhook_uuid, w.name, w.url, w.kinds, w.organization_id, w.connection_ids, w.most,
  w.position, w.change_id, w.fence, w.worker

-- name: hold
-- Longer. No row once somebody else has it, or it was changed.
UPDATE webhook SET taken_until = now() + %(lease)s::interval
WHERE webhook_id = %(webhook_id)s AND fence = %(fence)s RETURNING webhook_id

-- name: release
-- Others may take it, whatever became of the fence: the lease is this worker's as long as its name stands there.
UPDATE webhook SET worker = NULL, taken_until = NULL WHERE webhook_id = %(webhook_id)s AND worker = %(worker)s

-- name: rest
-- Something went wrong that is not the receiver's doing: no failure of his, but not again at once.
UPDATE webhook SET next_at = now() + %(rest)s::interval
WHERE webhook_id = %(webhook_id)s AND fence = %(fence)s

-- name: sites
-- A digest of an organization's sites: a batch that was put together for other ones is not sent again.
SELECT sha256(coalesce(string_agg(site_key(c, s)::text, ',' ORDER BY site_key(c, s)), '')::bytea)
FROM sites_of(%(organization_id)s) o, unnest(o.connection_ids, o.site_ids) AS n (c, s)

-- name: pending
-- The batch that was sent and not accepted, or that was to be sent when its worker ended.
SELECT delivery_id, body, sites, position, change_id, is_behind FROM webhook_delivery
WHERE webhook_id = %(webhook_id)s AND state = 'pending'

-- name: drop_pending
-- Nobody waits for it any more.
UPDATE webhook_delivery SET state = 'dropped' WHERE webhook_id = %(webhook_id)s AND state = 'pending'

-- name: compose
-- A batch, before it is first sent. No row without the fence.
WITH mine AS (
  UPDATE webhook SET is_behind = true, taken_until = now() + %(lease)s::interval
  WHERE webhook_id = %(webhook_id)s AND fence = %(fence)s RETURNING webhook_id
)
INSERT INTO webhook_delivery (webhook_id, kind, entries, body, sites, position, change_id, is_behind)
SELECT webhook_id, 'changes', %(entries)s, %(body)s, %(sites)s, %(position)s, %(change_id)s, %(is_behind)s FROM mine
RETURNING delivery_id

-- name: advance
-- Up to here everything was accepted, or was none of it. No row without the fence.
UPDATE webhook SET position = %(position)s, change_id = %(change_id)s, is_behind = %(is_behind)s,
  taken_until = now() + %(lease)s::interval
WHERE webhook_id = %(webhook_id)s AND fence = %(fence)s RETURNING webhook_id

-- name: succeeded
-- Its receiver accepts deliveries; what failed before is over. The next turn is behind those who wait.
UPDATE webhook SET failures = 0, failing_since = NULL, next_at = now() WHERE webhook_id = %(webhook_id)s

-- name: failed
-- One more failure, since when, and what time it is. No row without the fence.
UPDATE webhook SET failures = failures + 1, failing_since = coalesce(failing_since, now())
WHERE webhook_id = %(webhook_id)s AND fence = %(fence)s
RETURNING failures, extract(epoch FROM now() - failing_since)::float8

-- name: retry
-- When it is tried next.
UPDATE webhook SET next_at = now() + %(delay)s::interval WHERE webhook_id = %(webhook_id)s

-- name: disable
-- It is told nothing until somebody enables it.
UPDATE webhook SET disabled_at = now(), reason = %(reason)s, changed_at = now()
WHERE webhook_id = %(webhook_id)s AND disabled_at IS NULL

-- name: tell
-- An entry of the change log about a webhook, which stands at one of its connections, or at the default one.
INSERT INTO change (connection_id, kind, subject_id, detail)
SELECT c.connection_id, %(kind)s, w.webhook_uuid, %(detail)s
FROM webhook w
CROSS JOIN LATERAL (
  SELECT connection_id FROM connection WHERE state <> 'deleted'
  ORDER BY coalesce(connection_id = ANY (w.connection_ids), false) DESC, is_default DESC, connection_id LIMIT 1) c
WHERE w.webhook_id = %(webhook_id)s

-- name: tried
-- What came of a try.
UPDATE webhook_delivery SET state = %(state)s, last_at = clock_timestamp(), tries = tries || %(try_)s, status = %(status)s,
  error = %(error)s, answer = %(answer)s
WHERE delivery_id = %(delivery_id)s

-- name: log_ping
-- A ping, after it was sent.
INSERT INTO webhook_delivery (delivery_id, webhook_id, kind, state, body, last_at, tries, status, error, answer)
SELECT %(delivery_id)s, webhook_id, 'ping', %(state)s, %(body)s, clock_timestamp(), jsonb_build_array(%(try_)s::jsonb),
  %(status)s, %(error)s, %(answer)s
FROM webhook WHERE webhook_id = %(webhook_id)s

-- name: deliveries
-- What was sent to a webhook, the newest first: all, those in a state, one.
SELECT delivery_id AS id, kind, state, entries, created_at, last_at, tries, status, error, answer
FROM webhook_delivery
WHERE webhook_id = %(webhook_id)s
  AND (%(delivery_id)s::uuid IS NULL OR delivery_id = %(delivery_id)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(before)s::timestamptz IS NULL OR (created_at, delivery_id) < (%(before)s, %(before_id)s::uuid))
ORDER BY created_at DESC, delivery_id DESC LIMIT %(limit)s

-- name: body
-- What was sent; to who is bound to an organization only as long as its sites are those that it was sent for.
SELECT body FROM webhook_delivery
WHERE delivery_id = %(delivery_id)s AND (%(sites)s::bytea IS NULL OR sites IS NULL OR sites = %(sites)s)

-- name: forget_deliveries
-- Deliveries that are over.
DELETE FROM webhook_delivery WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM webhook_delivery
  WHERE state <> 'pending' AND coalesce(last_at, created_at) < now() - %(kept)s::interval LIMIT %(batch)s))

-- name: forget_surplus
-- The same of a webhook that is told of so much that its log would fill the disk: its newest thousand are kept.
DELETE FROM webhook_delivery WHERE ctid = ANY (ARRAY(
  SELECT d.ctid FROM webhook w
  CROSS JOIN LATERAL (
    SELECT created_at FROM webhook_delivery
    WHERE webhook_id = w.webhook_id ORDER BY created_at DESC, delivery_id DESC OFFSET 1000 LIMIT 1) oldest
  JOIN webhook_delivery d ON d.webhook_id = w.webhook_id AND d.created_at <= oldest.created_at
  WHERE d.state <> 'pending' AND %(kept)s::interval IS NOT NULL LIMIT %(batch)s))

-- name: forget_secrets
-- Secrets that another has replaced.
DELETE FROM webhook_secret WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM webhook_secret WHERE ends_at < now() - %(kept)s::interval LIMIT %(batch)s))
