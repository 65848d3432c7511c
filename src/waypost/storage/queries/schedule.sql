-- name: marks
-- How far each stream of a connection is, and what its rhythm, its newest token and its outages are.
SELECT now() AS now, extract(epoch FROM s.delta_every)::integer AS delta,
  extract(epoch FROM s.tree_every)::integer AS tree, extract(epoch FROM s.reconcile_every)::integer AS reconcile,
  k.token_at, k.tokens,
  ARRAY(SELECT o.stream FROM outage o WHERE o.connection_id = c.connection_id AND o.ended_at IS NULL) AS troubled,
  w.stream, w.since, w.full_at, w.ended_at, w.refused_at
FROM connection c
JOIN schedule s USING (connection_id)
CROSS JOIN LATERAL (
  SELECT max(k.created_at) AS token_at, count(*)::integer AS tokens FROM credential k
  WHERE k.connection_id = c.connection_id) k
LEFT JOIN sync_watermark w USING (connection_id)
WHERE c.connection_id = %(connection_id)s

-- name: take
-- Connections that are due or asked for, and that no living worker has: at most so many, the longest due first. The
-- conditions on the row itself are read again once it is locked, so of two workers one finds it taken; a request is
-- only ever started while it is open, which settles the same for requests.
WITH due AS (
  SELECT s.connection_id FROM schedule s JOIN connection c USING (connection_id)
  WHERE s.connection_id IN (
      SELECT connection_id FROM schedule WHERE next_at <= now()
      UNION ALL SELECT connection_id FROM sync_request WHERE finished_at IS NULL)
    AND (s.taken_until IS NULL OR s.taken_until < now())
    AND (s.next_at <= now() OR EXISTS (
      SELECT FROM sync_request q WHERE q.connection_id = s.connection_id AND q.finished_at IS NULL))
    AND (c.state = ANY (%(states)s) OR (c.state = 'needs_attention' AND EXISTS (
      SELECT FROM sync_request q WHERE q.connection_id = s.connection_id AND q.finished_at IS NULL)))
  ORDER BY s.next_at LIMIT %(limit)s
  FOR UPDATE OF s SKIP LOCKED
), taken AS (
  UPDATE schedule s SET worker = %(worker)s, taken_until = now() + %(lease)s
  FROM due d WHERE s.connection_id = d.connection_id
  RETURNING s.connection_id, s.next_at, s.failures
), oldest AS (
  SELECT DISTINCT ON (q.connection_id) q.pull_id FROM sync_request q JOIN taken t USING (connection_id)
  WHERE q.finished_at IS NULL ORDER BY q.connection_id, q.asked_at
), asked AS (
  UPDATE sync_request q SET started_at = coalesce(q.started_at, now())
  FROM oldest o WHERE q.pull_id = o.pull_id AND q.finished_at IS NULL
  RETURNING q.connection_id, q.pull_id, q.whole, q.streams
)
SELECT t.connection_id, c.connection_uuid, t.next_at, t.failures, now() AS now, a.pull_id,
  coalesce(a.whole, false) AS whole, a.streams
FROM taken t JOIN connection c USING (connection_id) LEFT JOIN asked a USING (connection_id)
ORDER BY t.next_at

-- name: next
-- Seconds until the next connection is due that nobody has; none is as long as it takes.
SELECT extract(epoch FROM min(greatest(s.next_at, coalesce(s.taken_until, s.next_at))) - now())::float8
FROM schedule s JOIN connection c USING (connection_id) WHERE c.state IN ('pending', 'active')

-- name: hold
-- A worker that lives keeps what it has taken; what it no longer has, or may no longer pull, is not told.
UPDATE schedule s SET taken_until = now() + %(lease)s
FROM connection c
WHERE c.connection_id = s.connection_id AND s.connection_id = ANY (%(connection_ids)s) AND s.worker = %(worker)s
  AND c.state NOT IN ('paused', 'deleted')
RETURNING s.connection_id

-- name: on_beat
-- After a pull that went well: given back until the connection's next place on the beat. Beats that were missed are
-- left out, and no lateness adds up.
UPDATE schedule SET worker = NULL, taken_until = NULL, failures = 0,
  next_at = CASE WHEN next_at > now() THEN next_at ELSE to_timestamp(extract(epoch FROM delta_every) * (
    1 + %(place)s::float8 + floor(extract(epoch FROM now()) / extract(epoch FROM delta_every) - %(place)s::float8))) END
WHERE connection_id = %(connection_id)s AND worker = %(worker)s

-- name: put_off
-- After a pull that did not: given back for a while; NULL failures leaves their number. Kept means that nobody shall
-- take it before that, not even for a request.
UPDATE schedule SET worker = NULL, failures = coalesce(%(failures)s, failures),
  taken_until = CASE WHEN %(kept)s THEN now() + %(pause)s END,
  next_at = now() + %(pause)s
WHERE connection_id = %(connection_id)s AND worker = %(worker)s

-- name: worker
-- Which living worker has the connection.
SELECT worker FROM schedule
WHERE connection_id = %(connection_id)s AND worker IS NOT NULL AND taken_until > now()

-- name: answer
-- A pull that was asked for is over.
UPDATE sync_request SET finished_at = now(), error = %(error)s WHERE pull_id = %(pull_id)s AND finished_at IS NULL

-- name: refuse
-- Pulls that were asked for before their connection was paused or deleted.
UPDATE sync_request q SET finished_at = now(), error = %(error)s
FROM connection c
WHERE c.connection_id = q.connection_id AND q.finished_at IS NULL AND c.state IN ('paused', 'deleted')

-- name: lock
-- Requests for one connection are made one after the other.
SELECT FROM schedule WHERE connection_id = %(connection_id)s FOR UPDATE

-- name: open_request
-- The same pull, asked for already and not over.
SELECT pull_id FROM sync_request
WHERE connection_id = %(connection_id)s AND finished_at IS NULL AND whole = %(whole)s
  AND streams IS NOT DISTINCT FROM %(streams)s::text[]
ORDER BY asked_at LIMIT 1

-- name: ask
-- A pull out of turn.
INSERT INTO sync_request (connection_id, whole, streams) VALUES (%(connection_id)s, %(whole)s, %(streams)s::text[])
RETURNING pull_id

-- name: ring
-- Wakes the workers: there is something to do, or to leave off. Sent when the transaction is committed.
SELECT pg_notify('waypost_schedule', '')

-- name: listen
-- Hears `ring`.
LISTEN waypost_schedule

-- name: pull
-- One pull as it stands: what was asked for, if it was, and its runs in their order. A run whose worker has said
-- nothing for the length of its lease is told as interrupted.
SELECT c.connection_uuid, c.name AS connection, c.organization_id, q.asked_at, q.started_at AS taken_at,
  q.finished_at AS answered_at, q.error, r.stream, r.kind, r.started_at, r.finished_at, r.counts, r.warnings,
  r.error AS run_error,
  CASE WHEN r.state = 'running' AND r.lease_until < now() THEN 'interrupted' ELSE r.state END AS state,
  (r.busy_seconds + CASE WHEN r.state = 'running' THEN extract(epoch FROM now() - r.resumed_at) ELSE 0 END)::float8
    AS seconds,
  w.walks, w.walks_left
FROM (SELECT connection_id FROM sync_request WHERE pull_id = %(pull_id)s
      UNION SELECT connection_id FROM sync_run WHERE pull_id = %(pull_id)s) p
JOIN connection c USING (connection_id)
LEFT JOIN sync_request q ON q.pull_id = %(pull_id)s
LEFT JOIN sync_run r ON r.connection_id = p.connection_id AND r.pull_id = %(pull_id)s
LEFT JOIN LATERAL (
  SELECT count(*)::integer AS walks, count(*) FILTER (WHERE w.state = 'pending')::integer AS walks_left
  FROM sync_walk w WHERE w.connection_id = r.connection_id AND w.run_id = r.run_id) w ON true
ORDER BY r.started_at

-- name: forget_quiet_runs
-- Runs that changed nothing and have nothing to tell, since there is one every minute. What the next pull goes by
-- is kept: the newest run of each stream, the newest that walked everything, and later ones that walked what had
-- been refused before.
WITH old AS (
  SELECT r.connection_id, r.run_id FROM sync_run r
  WHERE r.state = 'done' AND r.finished_at < now() - %(kept)s::interval
    AND r.warnings = '[]' AND NOT jsonb_path_exists(
      r.counts - '{pages,rows,requests,duplicates}'::text[], '$.* ? (@ != 0)')
    AND EXISTS (
      SELECT FROM sync_run n WHERE n.connection_id = r.connection_id AND n.stream = r.stream
        AND n.state IN ('done', 'partial') AND n.started_at > r.started_at
        AND (n.kind = 'full' OR (r.kind = 'delta' AND NOT EXISTS (
          SELECT FROM sync_walk w
          WHERE w.connection_id = r.connection_id AND w.run_id = r.run_id AND w.scope <> 'connection'))))
  LIMIT %(batch)s
), walks AS (
  DELETE FROM sync_walk w USING old o WHERE w.connection_id = o.connection_id AND w.run_id = o.run_id
)
DELETE FROM sync_run r USING old o WHERE r.connection_id = o.connection_id AND r.run_id = o.run_id

-- name: forget_runs
-- Runs of long ago, but none that the next pull goes by: a newer one of the stream has walked everything.
WITH old AS (
  SELECT r.connection_id, r.run_id FROM sync_run r
  WHERE r.state IN ('done', 'partial', 'failed') AND r.finished_at < now() - %(kept)s::interval
    AND EXISTS (
      SELECT FROM sync_run n WHERE n.connection_id = r.connection_id AND n.stream = r.stream
        AND n.state IN ('done', 'partial') AND n.kind = 'full' AND n.started_at > r.started_at)
  LIMIT %(batch)s
), walks AS (
  DELETE FROM sync_walk w USING old o WHERE w.connection_id = o.connection_id AND w.run_id = o.run_id
)
DELETE FROM sync_run r USING old o WHERE r.connection_id = o.connection_id AND r.run_id = o.run_id

-- name: forget_changes
-- The oldest entries of the change log, in the order of the feed, so that whoever is behind them finds out: positions
-- up to the last one touched count as forgotten from then on.
WITH oldest AS MATERIALIZED (
  SELECT batch_id, position, at, sum(entries) OVER (ORDER BY position) - entries AS before
  FROM (SELECT * FROM change_batch WHERE position >= 0 AND entries > 0 ORDER BY position LIMIT %(batch)s) b
), doomed AS MATERIALIZED (
  SELECT o.position, c.connection_id, c.change_id FROM oldest o
  CROSS JOIN LATERAL (
    SELECT connection_id, change_id FROM change WHERE batch_id = o.batch_id ORDER BY change_id LIMIT %(batch)s) c
  WHERE o.before < %(batch)s AND o.position < coalesce(
    (SELECT min(position) FROM oldest WHERE at >= now() - %(kept)s::interval), (SELECT max(position) + 1 FROM oldest))
  ORDER BY o.position, c.change_id LIMIT %(batch)s
), told AS (
  UPDATE feed SET forgotten = greatest(forgotten, (SELECT max(position) FROM doomed))
  WHERE EXISTS (SELECT FROM doomed)
), fewer AS (
  UPDATE change_batch b SET entries = b.entries - d.entries
  FROM (SELECT position, count(*) AS entries FROM doomed GROUP BY position) d WHERE b.position = d.position
)
DELETE FROM change c USING doomed d WHERE c.connection_id = d.connection_id AND c.change_id = d.change_id

-- name: forget_batches
-- Old batches that have no entries any more, or whose connection was purged: nobody misses anything by that.
DELETE FROM change_batch b USING (
  SELECT batch_id, at FROM change_batch WHERE position >= 0 ORDER BY position LIMIT %(batch)s) old
WHERE b.batch_id = old.batch_id AND old.at < now() - %(kept)s::interval
  AND NOT EXISTS (SELECT FROM change c WHERE c.batch_id = old.batch_id)

-- name: forget_outages
-- Outages that ended long ago.
DELETE FROM outage o USING (
  SELECT connection_id, stream, began_at FROM outage WHERE ended_at < now() - %(kept)s::interval LIMIT %(batch)s
) old
WHERE (o.connection_id, o.stream, o.began_at) = (old.connection_id, old.stream, old.began_at)

-- name: forget_requests
-- What was asked for and answered.
DELETE FROM sync_request q USING (
  SELECT pull_id FROM sync_request WHERE finished_at < now() - %(kept)s::interval LIMIT %(batch)s
) old
WHERE q.pull_id = old.pull_id

-- name: try_upkeep
-- One worker at a time does the upkeep; the lock ends with `end_upkeep` or the session.
SELECT pg_try_advisory_lock(%(space)s, 0)

-- name: end_upkeep
-- Another may do it.
SELECT pg_advisory_unlock(%(space)s, 0)
