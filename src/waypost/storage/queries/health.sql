-- name: begin
-- An outage begins, unless it is under way: then a row comes back only for the one that began it. A cause that
-- changes meanwhile does not make it another outage.
INSERT INTO outage AS o (connection_id, stream, began_at, code, owner, message, remedy)
SELECT connection_id, %(stream)s, clock_timestamp(), %(code)s, %(owner)s, %(message)s, %(remedy)s
FROM connection WHERE connection_id = %(connection_id)s AND state <> 'deleted'
ON CONFLICT (connection_id, stream) WHERE ended_at IS NULL DO UPDATE
SET code = excluded.code, owner = excluded.owner, message = excluded.message, remedy = excluded.remedy
WHERE o.code <> excluded.code
RETURNING o.xmax = 0 AS began, (SELECT name FROM connection c WHERE c.connection_id = o.connection_id)

-- name: end
-- The outage is over; of several that say so, one gets the row.
UPDATE outage o SET ended_at = clock_timestamp()
WHERE connection_id = %(connection_id)s AND stream = %(stream)s AND ended_at IS NULL
RETURNING o.code, extract(epoch FROM clock_timestamp() - o.began_at)::float AS seconds,
  (SELECT name FROM connection c WHERE c.connection_id = o.connection_id)

-- name: of
-- How each stream fares: its last run that ended, and the outage that it is in or had last.
WITH ended AS (
  SELECT DISTINCT ON (connection_id, stream) connection_id, stream, finished_at
  FROM sync_run WHERE connection_id = ANY (%(ids)s) AND finished_at IS NOT NULL
  ORDER BY connection_id, stream, finished_at DESC
), outages AS (
  SELECT DISTINCT ON (connection_id, stream) connection_id, stream, began_at, ended_at, code, owner, message, remedy
  FROM outage WHERE connection_id = ANY (%(ids)s)
  ORDER BY connection_id, stream, began_at DESC
)
SELECT connection_id, stream, e.finished_at AS last_run_at, o.began_at, o.ended_at, o.code, o.owner, o.message, o.remedy
FROM ended e FULL JOIN outages o USING (connection_id, stream)

-- name: born
-- Since when connections are there: before the first outage they have been well since then.
SELECT connection_id, created_at FROM connection WHERE connection_id = ANY (%(ids)s)

-- name: waiting
-- A row if a connection waits for a pull to go through, its first or one after a refusal.
SELECT 1 FROM connection WHERE connection_id = %(connection_id)s AND state IN ('pending', 'needs_attention')

-- name: newer_token
-- Whether the connection has had another token since this time: then a refusal says nothing about that one.
SELECT EXISTS (SELECT FROM credential WHERE connection_id = %(connection_id)s AND created_at > %(began)s)

-- name: tell
-- An entry of the change log about the connection itself.
INSERT INTO change (connection_id, kind, subject_id, detail)
SELECT connection_id, %(kind)s, connection_uuid, %(detail)s FROM connection WHERE connection_id = %(connection_id)s
