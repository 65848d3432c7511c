-- name: claim
-- Takes the connection for one pull: raises the fence, so that whoever held it before stores nothing more.
UPDATE connection SET fence = fence + 1 WHERE connection_id = %(connection_id)s
RETURNING fence, connection_uuid

-- name: fence
-- The newest claim's.
SELECT fence FROM connection WHERE connection_id = %(connection_id)s

-- name: held_until
-- Until when a worker holds the connection, if one does.
SELECT max(lease_until), min(worker) FROM sync_run
WHERE connection_id = %(connection_id)s AND state = 'running' AND lease_until > now()

-- name: unfinished
-- Runs that stopped before their end, and whether they can be gone on with: not too old, and with a plan.
SELECT run_id, stream, kind, since, console_time, counts, warnings,
  started_at > now() - interval '24 hours' AND EXISTS (
    SELECT FROM sync_walk w WHERE w.connection_id = r.connection_id AND w.run_id = r.run_id)
FROM sync_run r
WHERE connection_id = %(connection_id)s AND state IN ('running', 'interrupted')
ORDER BY started_at

-- name: take_over
-- Goes on with a run under a new fence. No row: the connection was claimed by another worker, paused or removed.
UPDATE sync_run r
SET fence = c.fence, pull_id = %(pull_id)s, state = 'running', worker = %(worker)s, resumed_at = now(),
    lease_until = now() + %(lease)s, error = NULL
FROM (SELECT connection_id, fence FROM connection
      WHERE connection_id = %(connection_id)s AND fence = %(fence)s AND state NOT IN ('paused', 'deleted')
      FOR SHARE) c
WHERE r.connection_id = c.connection_id AND r.run_id = %(run_id)s

-- name: give_up
-- Ends every unfinished run that will not be gone on with.
UPDATE sync_run SET state = 'failed', finished_at = now(),
  error = coalesce(error, '{"code": "sync.given_up", "message": "A later pull began anew."}')
WHERE connection_id = %(connection_id)s AND state IN ('running', 'interrupted')
  AND NOT (run_id = ANY (%(keep)s))

-- name: forget_seen
-- What ended runs had seen is of no use.
DELETE FROM sync_seen s WHERE s.connection_id = %(connection_id)s
  AND NOT EXISTS (SELECT FROM sync_run r WHERE r.connection_id = s.connection_id AND r.run_id = s.run_id
                  AND r.state IN ('running', 'interrupted'))

-- name: start
-- A new run with the walks of its plan. No row: the connection was claimed by another worker, paused or removed.
WITH run AS (
  INSERT INTO sync_run (connection_id, pull_id, stream, kind, fence, lease_until, worker, since)
  SELECT connection_id, %(pull_id)s, %(stream)s, %(kind)s, fence, now() + %(lease)s, %(worker)s, %(since)s
  FROM connection
  WHERE connection_id = %(connection_id)s AND fence = %(fence)s AND state NOT IN ('paused', 'deleted') FOR SHARE
  RETURNING connection_id, run_id
), planned AS (
  INSERT INTO sync_walk (connection_id, run_id, walk, scope, scope_id, scope_name)
  SELECT connection_id, run_id, walk, scope, scope_id, scope_name FROM run CROSS JOIN jsonb_to_recordset(%(walks)s)
    AS w (walk integer, scope text, scope_id bigint, scope_name text)
)
SELECT run_id FROM run

-- name: renew
-- Rule 4: part of every transaction that stores something. No row: the lease is lost.
UPDATE sync_run SET lease_until = now() + %(lease)s, counts = %(counts)s, warnings = %(warnings)s,
  console_time = coalesce(console_time, %(console_time)s)
WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s AND fence = %(fence)s AND state = 'running'

-- name: beat
-- A worker that waits for the console is alive, though it has nothing to store.
UPDATE sync_run SET lease_until = now() + %(lease)s
WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s AND fence = %(fence)s AND state = 'running'

-- name: finish
-- The end of a run, under the same fence. With it moves, never backwards, where the next delta starts (rule 3), and
-- what the run had seen is forgotten, unless it is to be gone on with; and the change log is told, of a failure only
-- while it is news: not again for as long as the outage lasts. No row: the lease is lost.
WITH ended AS (
  UPDATE sync_run SET state = %(state)s, counts = %(counts)s, warnings = %(warnings)s, error = %(error)s,
    finished_at = CASE WHEN %(state)s = 'interrupted' THEN NULL ELSE now() END,
    lease_until = now(), busy_seconds = busy_seconds + extract(epoch FROM now() - resumed_at)
  WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s AND fence = %(fence)s AND state = 'running'
  RETURNING connection_id, run_id, stream
), marked AS (
  INSERT INTO sync_watermark AS w (connection_id, stream, since, full_at, ended_at, refused_at)
  SELECT connection_id, stream, %(since)s, CASE WHEN %(whole)s THEN now() END, now(), CASE WHEN %(refused)s THEN now() END
  FROM ended WHERE %(marked)s
  ON CONFLICT (connection_id, stream) DO UPDATE
  SET since = greatest(w.since, excluded.since), full_at = coalesce(excluded.full_at, w.full_at),
      ended_at = excluded.ended_at, refused_at = excluded.refused_at
), forgotten AS (
  DELETE FROM sync_seen s USING ended e
  WHERE s.connection_id = e.connection_id AND s.run_id = e.run_id AND %(state)s <> 'interrupted'
), told AS (
  INSERT INTO change (connection_id, run_id, kind, subject_id, detail)
  SELECT e.connection_id, e.run_id, %(told)s, e.run_id, %(detail)s
  FROM ended e
  WHERE %(told)s::smallint IS NOT NULL AND (%(state)s <> 'failed' OR NOT EXISTS (
    SELECT FROM outage o
    WHERE o.connection_id = e.connection_id AND o.stream IN (e.stream, '') AND o.ended_at IS NULL))
)
SELECT run_id FROM ended

-- name: walks
-- A run's plan and how far each walk is.
SELECT walk, scope, scope_id, scope_name, state, whole, cursor, batches FROM sync_walk
WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s ORDER BY walk

-- name: owed
-- Partitions that the console refused in the last full pull of risks, or since, and has not shown again.
SELECT DISTINCT w.scope, w.scope_id, w.scope_name
FROM sync_walk w JOIN sync_run r ON r.connection_id = w.connection_id AND r.run_id = w.run_id
WHERE w.connection_id = %(connection_id)s AND w.state = 'refused' AND w.scope <> 'connection'
  AND r.stream = 'risks' AND r.started_at >= (
    SELECT max(started_at) FROM sync_run
    WHERE connection_id = %(connection_id)s AND stream = 'risks' AND kind = 'full' AND state IN ('done', 'partial'))
  AND NOT EXISTS (
    SELECT FROM sync_walk w2 JOIN sync_run r2 ON r2.connection_id = w2.connection_id AND r2.run_id = w2.run_id
    WHERE w2.connection_id = %(connection_id)s AND w2.state = 'complete' AND r2.started_at > r.started_at
      AND (w2.scope, w2.scope_id, w2.scope_name) IS NOT DISTINCT FROM (w.scope, w.scope_id, w.scope_name))

-- name: advance
-- Rule 4: how far the walks of a batch are, in the transaction of their rows, with what `renew` does. No row: the
-- lease is lost.
WITH held AS (
  UPDATE sync_run SET lease_until = now() + %(lease)s, counts = %(counts)s, warnings = %(warnings)s,
    console_time = coalesce(console_time, %(console_time)s)
  WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s AND fence = %(fence)s AND state = 'running'
  RETURNING connection_id, run_id
)
UPDATE sync_walk w SET state = r.state, whole = r.whole, cursor = r.cursor, batches = r.batches
FROM held h
CROSS JOIN jsonb_to_recordset(%(walks)s) AS r (walk integer, state text, whole boolean, cursor text, batches integer)
WHERE w.connection_id = h.connection_id AND w.run_id = h.run_id AND w.walk = r.walk

-- name: seen
-- The ids of one batch of a full walk.
INSERT INTO sync_seen (connection_id, run_id, walk, batch, vendor_ids)
VALUES (%(connection_id)s, %(run_id)s, %(walk)s, %(batch)s, %(vendor_ids)s::bigint[])

-- name: seen_count
-- How many rows of the console a walk has seen.
SELECT coalesce(sum(cardinality(vendor_ids)), 0) FROM sync_seen
WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s AND walk = %(walk)s

-- name: unsee
-- A walk that starts again has seen nothing.
DELETE FROM sync_seen WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s AND walk = %(walk)s

-- name: quarantine
-- Rule 6: a row that cannot be read, kept once.
INSERT INTO quarantine AS q (connection_id, stream, content_hash, vendor_id, reason, content, run_id)
VALUES (%(connection_id)s, %(stream)s, %(content_hash)s, %(vendor_id)s, %(reason)s, %(content)s, %(run_id)s)
ON CONFLICT (connection_id, stream, content_hash) DO UPDATE
SET last_seen_at = now(), run_id = excluded.run_id, reason = excluded.reason
