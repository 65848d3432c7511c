-- Summaries of the findings that a caller means: `{rows}` and `{where}` are those, with the alias f, as
-- `unified/selecting.py` says. All of them are counted; days are days of UTC. The keys of software and of CVE facts are
-- hashes of what they say, the same in all connections.

-- name: begin
-- The moment of the summary, and room until it is done: groups that do not fit into memory are sorted on disk, which
-- takes twice as long.
SELECT now(), set_config('work_mem', '64MB', true)

-- name: grouped
-- How many there are by something: counted by columns of f first, named afterwards by one of the blocks that follow.
WITH counted AS MATERIALIZED (
  SELECT {keys}, count(*) AS count, count(*) FILTER (WHERE f.state <> %(resolved)s) AS open,
    count(*) FILTER (WHERE f.state <> %(resolved)s AND f.severity = %(critical)s) AS critical,
    count(*) FILTER (WHERE f.state <> %(resolved)s AND f.severity = %(high)s) AS high
  FROM {rows}
  WHERE {where}
  GROUP BY {keys}
), named AS (
  SELECT {named}
), summed AS (
  SELECT key, name, connection, vendor, sum(count)::bigint AS count, sum(open)::bigint AS open,
    sum(critical)::bigint AS critical, sum(high)::bigint AS high
  FROM named GROUP BY key, name, connection, vendor
)
SELECT key, name, connection, vendor, count, open, critical, high, count(*) OVER () AS groups,
  (sum(count) OVER ())::bigint AS all_count, (sum(open) OVER ())::bigint AS all_open,
  (sum(critical) OVER ())::bigint AS all_critical, (sum(high) OVER ())::bigint AS all_high
FROM summed
ORDER BY {order}
LIMIT %(most)s

-- name: most_first
-- The largest first.
count DESC, key, connection, vendor

-- name: newest_first
-- The newest day first; those without a date come last.
key DESC NULLS LAST

-- name: by_number
-- By a number that is a word of a vocabulary.
k.{number}::text AS key, NULL::text AS name, NULL::text AS connection, NULL::text AS vendor, k.*
FROM counted k

-- name: by_organization
-- By whose the site is; those of nobody have no key.
g.organization_uuid::text AS key, g.name, NULL::text AS connection, NULL::text AS vendor, k.*
FROM counted k
LEFT JOIN site_owner o ON o.connection_id = k.connection_id AND o.site_id = k.site_id
LEFT JOIN organization g ON g.organization_id = o.organization_id

-- name: by_site
-- By site; those whose site is not known have no key.
k.site_id::text AS key, s.name, c.name AS connection, NULL::text AS vendor, k.*
FROM counted k
JOIN connection c ON c.connection_id = k.connection_id
LEFT JOIN site s ON s.connection_id = k.connection_id AND s.site_id = k.site_id

-- name: by_application
-- By application, over all its versions.
w.name AS key, w.name, NULL::text AS connection, w.vendor, k.*
FROM counted k JOIN (SELECT DISTINCT software_id, name, vendor FROM software) w ON w.software_id = k.software_id

-- name: by_cve
-- By CVE.
t.cve AS key, t.cve AS name, NULL::text AS connection, NULL::text AS vendor, k.*
FROM counted k JOIN (SELECT DISTINCT facts_id, cve FROM cve_facts) t ON t.facts_id = k.facts_id

-- name: by_day
-- By the day of the detection; those without a date have no key.
k.detected_at::text AS key, NULL::text AS name, NULL::text AS connection, NULL::text AS vendor, k.*
FROM counted k

-- name: trend
-- How many were detected and resolved on which day; the day before the first stands for all earlier ones and for those
-- without a date, so that what was open then is known.
SELECT greatest(coalesce(f.detected_at::date, '-infinity'::date), %(first)s::date - 1) AS detected,
  CASE WHEN f.state = %(resolved)s THEN greatest(coalesce(f.resolved_at::date, '-infinity'::date), %(first)s::date - 1) END
    AS resolved,
  count(*) AS count
FROM {rows}
WHERE {where}
GROUP BY 1, 2

-- name: reopened
-- How many were found again after they had been resolved, on which day, by the change log.
SELECT h.at::date AS at, count(*) AS count
FROM change h JOIN {rows} ON f.connection_id = h.connection_id AND f.finding_id = h.subject_id
WHERE h.kind = %(reopened)s AND h.at >= %(first)s::date AND {where}
GROUP BY 1

-- name: resolution
-- Seconds from detection to resolution, by severity and in all, of those that were resolved since a day.
SELECT f.severity, count(*) AS count, avg(s.seconds)::float8 AS mean,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY s.seconds) AS median
FROM {rows}
CROSS JOIN LATERAL (
  SELECT greatest(date_part('epoch', f.resolved_at - f.detected_at), 0) AS seconds
) s
WHERE {where} AND f.state = %(resolved)s AND f.detected_at IS NOT NULL AND f.resolved_at >= %(first)s::date
GROUP BY GROUPING SETS ((f.severity), ())

-- name: age
-- Those that are not resolved, by how long ago they were detected; without a date they have no bucket.
SELECT width_bucket(s.days, %(bounds)s::float8[]) AS bucket, count(*) AS count,
  count(*) FILTER (WHERE f.severity = %(critical)s) AS critical,
  count(*) FILTER (WHERE f.severity = %(high)s) AS high, sum(s.days) AS days
FROM {rows}
CROSS JOIN LATERAL (
  SELECT CASE WHEN f.detected_at IS NOT NULL
    THEN greatest(date_part('epoch', %(as_of)s::timestamptz - f.detected_at) / 86400, 0) END AS days
) s
WHERE {where} AND f.state <> %(resolved)s
GROUP BY 1
