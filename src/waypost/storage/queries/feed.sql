-- The change log as a feed: the batches of transactions, in the order of their positions; and as a list, the newest
-- first. What came through a deleted connection is in neither, though it is kept for a while.

-- name: unnumbered
-- Whether there are committed batches that have no position yet.
SELECT EXISTS (SELECT FROM change_batch WHERE position IS NULL)

-- name: number
-- Gives them theirs, so many at most; whether none is left.
SELECT number_batches(%(most)s)

-- name: ends
-- How far the feed goes, and up to where entries have been deleted.
SELECT newest, forgotten FROM feed

-- name: ahead
-- The next batches from a position: so many, or as many as it takes to hold so many entries, but one at least. And the
-- last position as of the same moment: where there are none, up to there nothing was missed.
WITH ahead AS MATERIALIZED (
  SELECT batch_id, position, entries FROM change_batch
  WHERE position >= %(position)s ORDER BY position LIMIT %(batches)s
), counted AS (
  SELECT batch_id, position, entries, sum(entries) OVER (ORDER BY position) - entries AS before FROM ahead
)
SELECT array_agg(batch_id ORDER BY position), array_agg(position ORDER BY position),
  array_agg(entries ORDER BY position), (SELECT newest FROM feed)
FROM counted WHERE before < %(entries)s

-- name: cut
-- Up to where a batch is read that is too long to be read at once; nothing if it is not.
SELECT change_id FROM change WHERE batch_id = %(batch_id)s AND change_id > %(change_id)s
ORDER BY change_id OFFSET %(entries)s - 1 LIMIT 1

-- name: entries
-- Entries of these batches, batch by batch through their index, whatever the planner thinks of how long one is.
SELECT b.position, h.* FROM unnest(%(batch_ids)s::bigint[], %(positions)s::bigint[]) AS b (batch_id, position)
CROSS JOIN LATERAL (
  SELECT h.change_id, h.at, h.kind, h.connection_id, h.site_id, h.subject_id::text AS subject_id,
    h.run_id::text AS run_id, h.detail
  FROM change h
  WHERE h.batch_id = b.batch_id
    AND h.change_id > CASE WHEN b.position = %(position)s THEN %(change_id)s ELSE 0 END AND h.change_id <= %(upto)s
    AND h.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))
    AND (%(connection_ids)s::bigint[] IS NULL OR h.connection_id = ANY (%(connection_ids)s))
    AND (%(kinds)s::smallint[] IS NULL OR h.kind = ANY (%(kinds)s))
    AND (NOT %(nobodys)s OR NOT EXISTS (
      SELECT FROM site_owner o WHERE o.connection_id = h.connection_id AND o.site_id = h.site_id))
  ORDER BY h.change_id LIMIT %(limit)s
) h
ORDER BY b.position, h.change_id LIMIT %(limit)s

-- name: entries_at_sites
-- The same of some sites, found by them: few sites' entries are not looked for among everybody's. For an organization
-- it is the first wall.
SELECT b.position, h.* FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[]) AS o (connection_id, site_id)
CROSS JOIN LATERAL (
  SELECT h.batch_id, h.change_id, h.at, h.kind, h.connection_id, h.site_id, h.subject_id::text AS subject_id,
    h.run_id::text AS run_id, h.detail
  FROM change h
  WHERE h.connection_id = o.connection_id AND h.site_id = o.site_id
    AND h.batch_id BETWEEN %(lowest)s AND %(highest)s
    AND (%(connection_ids)s::bigint[] IS NULL OR h.connection_id = ANY (%(connection_ids)s))
    AND (%(kinds)s::smallint[] IS NULL OR h.kind = ANY (%(kinds)s))
  OFFSET 0
) h
JOIN unnest(%(batch_ids)s::bigint[], %(positions)s::bigint[]) AS b (batch_id, position) ON b.batch_id = h.batch_id
WHERE h.change_id > CASE WHEN b.position = %(position)s THEN %(change_id)s ELSE 0 END AND h.change_id <= %(upto)s
ORDER BY b.position, h.change_id LIMIT %(limit)s

-- name: newest_first
-- Entries, the newest first, connection by connection first, since that is how their key goes.
SELECT h.* FROM connection c
CROSS JOIN LATERAL (
  SELECT h.batch_id, h.change_id, h.at, h.kind, h.connection_id, h.site_id, h.subject_id::text AS subject_id,
    h.run_id::text AS run_id, h.detail
  FROM change h
  WHERE h.connection_id = c.connection_id
    AND (%(before)s::bigint IS NULL OR h.change_id < %(before)s)
    AND (%(kinds)s::smallint[] IS NULL OR h.kind = ANY (%(kinds)s))
    AND (%(changed_since)s::timestamptz IS NULL OR h.at >= %(changed_since)s)
    AND (NOT %(nobodys)s OR NOT EXISTS (
      SELECT FROM site_owner o WHERE o.connection_id = h.connection_id AND o.site_id = h.site_id))
  ORDER BY h.change_id DESC LIMIT %(limit)s
) h
WHERE c.state <> 'deleted' AND (%(connection_ids)s::bigint[] IS NULL OR c.connection_id = ANY (%(connection_ids)s))
ORDER BY h.change_id DESC LIMIT %(limit)s

-- name: newest_first_at_sites
-- The same of some sites, batch by batch, since that is how their index goes.
SELECT h.* FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[]) AS o (connection_id, site_id)
CROSS JOIN LATERAL (
  SELECT h.batch_id, h.change_id, h.at, h.kind, h.connection_id, h.site_id, h.subject_id::text AS subject_id,
    h.run_id::text AS run_id, h.detail
  FROM change h
  WHERE h.connection_id = o.connection_id AND h.site_id = o.site_id
    AND (%(before)s::bigint IS NULL OR (h.batch_id, h.change_id) < (%(before_batch)s::bigint, %(before)s::bigint))
    AND (%(connection_ids)s::bigint[] IS NULL OR h.connection_id = ANY (%(connection_ids)s))
    AND (%(kinds)s::smallint[] IS NULL OR h.kind = ANY (%(kinds)s))
    AND (%(changed_since)s::timestamptz IS NULL OR h.at >= %(changed_since)s)
  ORDER BY h.batch_id DESC, h.change_id DESC LIMIT %(limit)s
) h
ORDER BY h.batch_id DESC, h.change_id DESC LIMIT %(limit)s

-- name: connections
-- The connections of these names.
SELECT connection_id FROM connection WHERE name = ANY (%(names)s) AND state <> 'deleted'

-- name: sites
-- The sites of these names, in any case, or ids; where owned ones are given, of them.
SELECT coalesce(array_agg(s.connection_id), '{}'), coalesce(array_agg(s.site_id), '{}')
FROM site s
WHERE (s.site_id::text = ANY (%(site)s) OR lower(s.name) IN (SELECT lower(unnest(%(site)s::text[]))))
  AND (%(site_connections)s::bigint[] IS NULL OR (s.connection_id, s.site_id) IN (
    SELECT * FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[])))
  AND s.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))

-- name: names
-- What the connections and sites of a page are called.
SELECT n.connection_id, n.site_id, c.name, s.name
FROM unnest(%(connection_ids)s::bigint[], %(site_ids)s::bigint[]) AS n (connection_id, site_id)
JOIN connection c ON c.connection_id = n.connection_id
LEFT JOIN site s ON s.connection_id = n.connection_id AND s.site_id = n.site_id

-- name: owners
-- Whose the sites of a page are.
SELECT n.connection_id, n.site_id, g.organization_uuid::text, g.name
FROM unnest(%(connection_ids)s::bigint[], %(site_ids)s::bigint[]) AS n (connection_id, site_id)
JOIN site_owner o ON o.connection_id = n.connection_id AND o.site_id = n.site_id
JOIN organization g ON g.organization_id = o.organization_id
