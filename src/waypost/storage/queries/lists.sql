-- Names are compared in lower case by the database on both sides: what it takes for a letter is its own matter.
-- What came through a deleted connection is in no list, though it is kept for a while.

-- Words in braces stand for what `unified/reading.py` puts there: `{fitting}` for the block of this name, `{finding}`,
-- `{device}`, `{site}` and `{change}` for whose rows are read, `{owner}` for how their owner is told.

-- name: sites_of
-- The sites of an organization, connection by connection in the same places.
SELECT connection_ids, site_ids FROM sites_of(%(organization_id)s)

-- name: cap
-- The same, and the second wall goes up until the end of the transaction: the role, and what it is held to.
SELECT connection_ids, site_ids,
  set_config('waypost.connections', array_to_string(connection_ids, ','), true),
  set_config('waypost.sites', (
    SELECT coalesce(string_agg(site_key(c, s)::text, ','), '') FROM unnest(connection_ids, site_ids) AS n (c, s)), true),
  set_config('role', 'waypost_capped', true)
FROM sites_of(%(organization_id)s)

-- name: of_everybody
-- All rows but those of connections that are deleted, which own no sites either.
(SELECT t.* FROM {table} t
 WHERE t.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted')))

-- name: of_one
-- The first wall: rows of the organization's sites, found by them. The planner knows how many there are.
(SELECT t.* FROM unnest(%(owned_connections)s::bigint[], %(owned_sites)s::bigint[]) AS o (connection_id, site_id)
 JOIN {table} t ON t.connection_id = o.connection_id AND t.site_id = o.site_id)

-- name: of_nobody
-- Rows that belong to no organization: their sites are undecided or ignored, or not known.
(SELECT t.* FROM {table} t
 WHERE t.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted')) AND NOT EXISTS (
  SELECT FROM site_owner o WHERE o.connection_id = t.connection_id AND o.site_id = t.site_id))

-- name: fitting
-- Which findings fit. A filter that is null does not filter.
(%(connection)s::text[] IS NULL
         OR f.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s)))
    AND (%(site)s::text[] IS NULL OR f.site_id::text = ANY (%(site)s) OR (f.connection_id, f.site_id) IN (
      SELECT connection_id, site_id FROM site WHERE lower(name) IN (SELECT lower(unnest(%(site)s::text[])))))
    AND (%(severity)s::smallint[] IS NULL OR f.severity = ANY (%(severity)s))
    AND (%(cve)s::text[] IS NULL OR (f.connection_id, f.facts_id) IN (
      SELECT connection_id, facts_id FROM cve_facts WHERE upper(cve) = ANY (%(cve)s)))
    AND (%(device)s::text[] IS NULL OR (f.connection_id, f.device_id) IN (
      SELECT connection_id, device_id FROM device WHERE lower(name) IN (SELECT lower(unnest(%(device)s::text[])))
        OR device_uuid::text IN (SELECT lower(unnest(%(device)s::text[]))) OR device_id::text = ANY (%(device)s)))
    AND (%(application)s::text IS NULL OR (f.connection_id, f.software_id) IN (
      SELECT connection_id, software_id FROM software WHERE strpos(lower(name), lower(%(application)s)) > 0))

-- name: findings
-- Findings, the worst first. The key of the order is unique over all connections, since a finding's id is. The page
-- is cut before anything is looked up for it: joined first, the planner multiplies devices with software.
WITH page AS MATERIALIZED (
  SELECT f.* FROM {finding} f
  WHERE {fitting}
    AND (%(state)s::smallint[] IS NULL OR f.state = ANY (%(state)s))
    AND (%(detected_since)s::timestamptz IS NULL OR f.detected_at >= %(detected_since)s)
    AND (%(changed_since)s::timestamptz IS NULL OR f.changed_at >= %(changed_since)s)
    AND (%(after_id)s::uuid IS NULL OR (-f.severity, -coalesce(f.score, -1), f.finding_id)
         > (%(after_severity)s::integer, %(after_score)s::real, %(after_id)s::uuid))
  ORDER BY -f.severity, -coalesce(f.score, -1), f.finding_id
  LIMIT %(limit)s
)
SELECT f.finding_id AS id, c.name AS connection, s.name AS site, f.site_id::text AS site_id,
  d.device_uuid AS device_id, d.name AS device_name, w.name AS software_name, w.vendor AS software_vendor,
  w.version AS software_version, t.cve, f.state, f.severity, f.score, t.score_version, f.detected_at, f.resolved_at,
  CASE WHEN f.state = %(resolved)s THEN least(d.scanned_at, f.resolved_at) ELSE d.scanned_at END AS last_seen_at,
  f.changed_at, t.published_at, f.vendor_id::text AS vendor_id, f.mitigation, f.mark, f.extra
FROM page f
JOIN connection c ON c.connection_id = f.connection_id
JOIN LATERAL (SELECT * FROM device d
  WHERE d.connection_id = f.connection_id AND d.device_id = f.device_id OFFSET 0) d ON true
JOIN LATERAL (SELECT * FROM software w
  WHERE w.connection_id = f.connection_id AND w.software_id = f.software_id OFFSET 0) w ON true
JOIN LATERAL (SELECT * FROM cve_facts t
  WHERE t.connection_id = f.connection_id AND t.facts_id = f.facts_id OFFSET 0) t ON true
LEFT JOIN site s ON s.connection_id = f.connection_id AND s.site_id = f.site_id
ORDER BY -f.severity, -coalesce(f.score, -1), f.finding_id

-- name: devices
-- Devices by name.
SELECT d.device_uuid AS id, c.name AS connection, coalesce(d.name, '') AS name, s.name AS site,
  d.site_id::text AS site_id, d.os, d.os_type, d.machine_type, d.domain, d.agent_version, d.last_active_at, d.state,
  d.device_id::text AS agent_id, d.agent_uuid, d.registered_at, d.scanned_at, d.changed_at
FROM {device} d
JOIN connection c ON c.connection_id = d.connection_id
LEFT JOIN site s ON s.connection_id = d.connection_id AND s.site_id = d.site_id
WHERE c.state <> 'deleted'
  AND (%(connection)s::text[] IS NULL OR c.name = ANY (%(connection)s))
  AND (%(site)s::text[] IS NULL OR lower(s.name) IN (SELECT lower(unnest(%(site)s::text[])))
       OR d.site_id::text = ANY (%(site)s))
  AND (%(state)s::smallint[] IS NULL OR d.state = ANY (%(state)s))
  AND (%(device)s::text[] IS NULL OR lower(d.name) IN (SELECT lower(unnest(%(device)s::text[])))
       OR d.device_uuid::text IN (SELECT lower(unnest(%(device)s::text[])))
       OR d.device_id::text = ANY (%(device)s))
  AND (%(changed_since)s::timestamptz IS NULL OR d.changed_at >= %(changed_since)s)
  AND (%(after_id)s::uuid IS NULL
       OR (coalesce(d.name, ''), d.device_uuid) > (%(after_name)s::text, %(after_id)s::uuid))
ORDER BY coalesce(d.name, ''), d.device_uuid
LIMIT %(limit)s

-- name: software
-- Application versions with findings that are not resolved, by name: on how many devices, how bad.
WITH chosen AS MATERIALIZED (
  SELECT f.connection_id, f.device_id, f.software_id, f.severity FROM {finding} f
  WHERE {fitting}
    AND f.state <> %(resolved)s
)
SELECT w.name, w.vendor, w.version, count(DISTINCT (f.connection_id, f.device_id)) AS devices,
  count(*) AS findings, count(*) FILTER (WHERE f.severity = %(critical)s) AS critical,
  count(*) FILTER (WHERE f.severity = %(high)s) AS high, max(f.severity) AS severity
FROM chosen f
JOIN software w ON w.connection_id = f.connection_id AND w.software_id = f.software_id
WHERE (%(after_name)s::text IS NULL
       OR (w.name, w.vendor, w.version) > (%(after_name)s::text, %(after_vendor)s::text, %(after_version)s::text))
GROUP BY w.name, w.vendor, w.version
ORDER BY w.name, w.vendor, w.version
LIMIT %(limit)s

-- name: sites
-- Sites by name: whose they are, and what is there. The page is cut before anything is counted.
WITH page AS MATERIALIZED (
  SELECT s.* FROM {site} s
  WHERE (%(connection)s::text[] IS NULL
         OR s.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s)))
    AND (%(site)s::text[] IS NULL OR lower(s.name) IN (SELECT lower(unnest(%(site)s::text[])))
         OR s.site_id::text = ANY (%(site)s))
    AND (%(after_id)s::bigint IS NULL OR (coalesce(s.name, ''), s.connection_id, s.site_id)
         > (%(after_name)s::text, %(after_connection)s::bigint, %(after_id)s::bigint))
  ORDER BY coalesce(s.name, ''), s.connection_id, s.site_id
  LIMIT %(limit)s
)
SELECT s.site_id::text AS id, s.connection_id AS place, c.name AS connection, coalesce(s.name, '') AS name,
  s.vendor ->> 'accountName' AS account, CASE WHEN s.gone_at IS NULL THEN s.state ELSE 'gone' END AS state,
  w.organization_id, w.organization_name, coalesce(d.devices, 0) AS devices, f.open_findings
FROM page s
JOIN connection c ON c.connection_id = s.connection_id
{owner}
LEFT JOIN (
  SELECT connection_id, site_id, count(*) AS devices FROM device
  WHERE (connection_id, site_id) IN (SELECT connection_id, site_id FROM page) AND NOT state = ANY (%(retired)s)
  GROUP BY connection_id, site_id
) d ON d.connection_id = s.connection_id AND d.site_id = s.site_id
CROSS JOIN LATERAL (
  SELECT count(*) AS open_findings FROM finding f
  WHERE f.connection_id = s.connection_id AND f.site_id = s.site_id AND f.state <> %(resolved)s
) f
ORDER BY coalesce(s.name, ''), s.connection_id, s.site_id

-- name: owner
-- Whose a site is, for a caller who sees them all.
LEFT JOIN LATERAL (
  SELECT g.organization_uuid::text AS organization_id, g.name AS organization_name
  FROM site_owner o JOIN organization g USING (organization_id)
  WHERE o.connection_id = s.connection_id AND o.site_id = s.site_id
) w ON true

-- name: owner_is_the_caller
-- The same for a caller who sees his own sites alone.
CROSS JOIN (SELECT %(own_id)s::text AS organization_id, %(own_name)s::text AS organization_name) w

-- name: changes
-- Entries of the change log, the newest first, connection by connection first, since that is how their index goes.
SELECT h.change_id, h.at, h.kind, c.name AS connection, s.name AS site, h.site_id::text AS site_id,
  h.subject_id::text AS subject_id, h.detail
FROM connection c
CROSS JOIN LATERAL (
  SELECT h.* FROM {change} h
  WHERE h.connection_id = c.connection_id
    AND (%(before)s::bigint IS NULL OR h.change_id < %(before)s)
    AND (%(kind)s::smallint[] IS NULL OR h.kind = ANY (%(kind)s))
    AND (%(changed_since)s::timestamptz IS NULL OR h.at >= %(changed_since)s)
    AND (%(site)s::text[] IS NULL OR h.site_id::text = ANY (%(site)s) OR h.site_id IN (
      SELECT site_id FROM site WHERE connection_id = c.connection_id
        AND lower(name) IN (SELECT lower(unnest(%(site)s::text[])))))
  ORDER BY h.change_id DESC LIMIT %(limit)s
) h
LEFT JOIN site s ON s.connection_id = h.connection_id AND s.site_id = h.site_id
WHERE c.state <> 'deleted' AND (%(connection)s::text[] IS NULL OR c.name = ANY (%(connection)s))
ORDER BY h.change_id DESC LIMIT %(limit)s

-- name: is_called
-- Whether this is what an organization is called: its name, its id, or its path.
WITH RECURSIVE line AS (
  SELECT organization_id, parent_id, name, name AS path FROM organization WHERE organization_id = %(organization_id)s
  UNION ALL
  SELECT line.organization_id, o.parent_id, line.name, o.name || ' / ' || line.path
  FROM line JOIN organization o ON o.organization_id = line.parent_id
)
SELECT EXISTS (SELECT FROM line WHERE %(text)s IN (name, path)) OR EXISTS (
  SELECT FROM organization
  WHERE organization_id = %(organization_id)s AND organization_uuid::text = lower(%(text)s))

-- name: organization
-- An organization as items name it.
SELECT organization_uuid::text AS id, name FROM organization WHERE organization_id = %(organization_id)s

-- name: runs
-- The newest runs, connection by connection first, since that is how their index goes.
SELECT r.run_id AS id, r.pull_id AS pull, c.name AS connection, c.connection_uuid AS connection_id, r.stream, r.kind,
  r.state, r.started_at, r.finished_at, r.worker,
  CASE WHEN r.state = 'running' THEN r.busy_seconds + extract(epoch FROM now() - r.resumed_at)
       ELSE r.busy_seconds END::float8 AS seconds,
  r.since, r.counts, r.warnings, r.error
FROM connection c
JOIN LATERAL (
  SELECT * FROM sync_run
  WHERE connection_id = c.connection_id
    AND (%(before)s::timestamptz IS NULL OR (started_at, run_id) < (%(before)s::timestamptz, %(before_id)s::uuid))
  ORDER BY started_at DESC, run_id DESC LIMIT %(limit)s
) r ON true
WHERE c.state <> 'deleted'
  AND (%(connection)s::uuid IS NULL OR c.connection_uuid = %(connection)s)
  AND (%(organization_id)s::bigint IS NULL OR c.organization_id = %(organization_id)s)
ORDER BY r.started_at DESC, r.run_id DESC LIMIT %(limit)s

-- name: quarantine
-- Rows that could not be read, the latest first.
SELECT c.name AS connection, q.stream, q.vendor_id::text AS vendor_id, q.reason, q.content, q.first_seen_at,
  q.last_seen_at
FROM quarantine q JOIN connection c USING (connection_id)
WHERE c.state <> 'deleted' AND (%(connections)s::text[] IS NULL OR c.name = ANY (%(connections)s))
ORDER BY q.last_seen_at DESC, q.content_hash LIMIT %(limit)s

-- name: by_severity_and_state
-- The shape of an estate in one table.
SELECT severity, state, count(*) FROM finding
WHERE connection_id = %(connection_id)s GROUP BY severity, state

-- name: worst_devices
-- Devices with the most critical findings that are not resolved.
SELECT d.name, s.name AS site, d.os, count(*) FILTER (WHERE f.severity = %(critical)s) AS critical, count(*) AS findings
FROM finding f
JOIN device d ON d.connection_id = f.connection_id AND d.device_id = f.device_id
LEFT JOIN site s ON s.connection_id = f.connection_id AND s.site_id = f.site_id
WHERE f.connection_id = %(connection_id)s AND f.state <> %(resolved)s
GROUP BY d.device_id, d.name, s.name, d.os ORDER BY critical DESC, findings DESC, d.name LIMIT %(limit)s

-- name: worst_applications
-- Applications with the most critical findings that are not resolved, over all their versions.
SELECT w.name, w.vendor, count(DISTINCT w.version) AS versions, count(DISTINCT f.device_id) AS devices,
  count(*) FILTER (WHERE f.severity = %(critical)s) AS critical, count(*) AS findings
FROM finding f
JOIN software w ON w.connection_id = f.connection_id AND w.software_id = f.software_id
WHERE f.connection_id = %(connection_id)s AND f.state <> %(resolved)s
GROUP BY w.name, w.vendor ORDER BY critical DESC, findings DESC, w.name LIMIT %(limit)s
