-- Names are compared in lower case by the database on both sides: what it takes for a letter is its own matter.
-- What came through a deleted connection is in no list, though it is kept for a while.

-- name: findings
-- Findings, the worst first. A filter that is null does not filter. The key of the order is unique over all
-- connections, since a finding's id is. The page is cut before anything is looked up for it: joined first, the
-- planner multiplies devices with software.
WITH page AS MATERIALIZED (
  SELECT f.* FROM finding f
  WHERE f.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))
    AND (%(connection)s::text[] IS NULL
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
FROM device d
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
  SELECT f.connection_id, f.device_id, f.software_id, f.severity FROM finding f
  WHERE f.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))
    AND (%(connection)s::text[] IS NULL
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
