-- Names are compared in lower case by the database on both sides: what it takes for a letter is its own matter.
-- What came through a deleted connection is in no list, though it is kept for a while.

-- Words in braces stand for what is put there: `{page}`, `{order}`, `{keys}` and `{after}` by `unified/paging.py`,
-- `{rows}` and `{where}` by `unified/selecting.py`, `{columns}`, `{joins}` and `{owner}` by `unified/rows.py`.

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

-- name: findings
-- A page of findings. It is cut before anything is looked up for it: joined first, the planner multiplies devices with
-- software.
WITH page AS MATERIALIZED (
  SELECT f.* FROM {page}
  ORDER BY {order} LIMIT %(limit)s
)
SELECT f.finding_id AS id, c.name AS connection, s.name AS site, f.site_id::text AS site_id,
  d.device_uuid AS device_id, d.name AS device_name, w.name AS software_name, w.vendor AS software_vendor,
  w.version AS software_version, t.cve, f.state, f.severity, f.score, t.score_version,
  lower(t.sent ->> 'exploitCodeMaturity') AS maturity, lower(t.sent ->> 'remediationLevel') AS remediation,
  f.detected_at, f.resolved_at,
  CASE WHEN f.state = %(resolved)s THEN least(d.scanned_at, f.resolved_at) ELSE d.scanned_at END AS last_seen_at,
  f.changed_at, t.published_at, f.vendor_id::text AS vendor_id, f.mitigation, f.mark, f.extra,
  f.connection_id AS place, {keys}
FROM page f
JOIN connection c ON c.connection_id = f.connection_id
JOIN LATERAL (SELECT * FROM device d
  WHERE d.connection_id = f.connection_id AND d.device_id = f.device_id OFFSET 0) d ON true
JOIN LATERAL (SELECT * FROM software w
  WHERE w.connection_id = f.connection_id AND w.software_id = f.software_id OFFSET 0) w ON true
JOIN LATERAL (SELECT * FROM cve_facts t
  WHERE t.connection_id = f.connection_id AND t.facts_id = f.facts_id OFFSET 0) t ON true
LEFT JOIN site s ON s.connection_id = f.connection_id AND s.site_id = f.site_id
ORDER BY {order}

-- name: page
-- Those that are meant, from where the page before ended.
{rows} WHERE {where} AND {after}

-- name: page_of_few
-- The same where there are few: all of them are found by what they are, and put in order then. The planner would
-- rather go along the order until it has met as many as it wants, which may be at the far end.
(SELECT {alias}.* FROM {rows} WHERE {where} AND {after} OFFSET 0) {alias}

-- name: page_by_site
-- The same in the order of severities, site by site, since that is how the index goes.
(SELECT f.* FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[]) AS o (connection_id, site_id)
 CROSS JOIN LATERAL (
   SELECT f.* FROM finding f
   WHERE f.connection_id = o.connection_id AND f.site_id = o.site_id AND {where} AND {after}
   ORDER BY {order} LIMIT %(limit)s) f) f

-- name: page_by_score
-- The same in the order of scores, severity by severity, since that is how the index goes.
(SELECT f.* FROM generate_series(%(lowest)s::integer, %(highest)s::integer) AS v (severity) CROSS JOIN LATERAL (
   SELECT f.* FROM {rows} WHERE {where} AND {after} AND f.severity = v.severity
   ORDER BY {order} LIMIT %(limit)s) f) f

-- name: at_most
-- How many there are, counted no further than to a limit.
SELECT count(*) FROM (SELECT FROM {rows} WHERE {where} LIMIT %(most)s) n

-- name: about
-- What the planner thinks of how many there are.
EXPLAIN (FORMAT JSON) SELECT FROM {rows} WHERE {where}

-- name: one
-- A finding by its id: its key begins with its connection.
(SELECT t.* FROM finding t WHERE t.finding_id = %(id)s
   AND t.connection_id = ANY (ARRAY(SELECT connection_id FROM connection WHERE state <> 'deleted'))) f

-- name: wide_findings
-- The same page with all that is stored of each.
WITH page AS MATERIALIZED (
  SELECT f.* FROM {page}
  ORDER BY {order} LIMIT %(limit)s
)
SELECT {columns}, f.connection_id AS place, {keys}
FROM page f
{joins}
ORDER BY {order}

-- name: those_findings
-- Findings by their keys.
(SELECT t.* FROM unnest(%(places)s::bigint[], %(ids)s::uuid[]) AS n (connection_id, finding_id)
 JOIN finding t ON t.connection_id = n.connection_id AND t.finding_id = n.finding_id) f

-- name: history
-- What the log has of a finding or device, the newest first.
SELECT h.change_id, h.at, h.kind, h.run_id::text AS run_id, h.detail FROM change h
WHERE h.connection_id = %(place)s AND h.subject_id = %(id)s
ORDER BY h.change_id DESC LIMIT %(limit)s

-- name: devices
-- A page of devices, cut before their sites are looked up.
WITH page AS MATERIALIZED (
  SELECT d.* FROM {page}
  ORDER BY {order} LIMIT %(limit)s
)
SELECT d.device_uuid AS id, c.name AS connection, coalesce(d.name, '') AS name, s.name AS site,
  d.site_id::text AS site_id, d.os, d.os_type, d.machine_type, d.domain, d.agent_version, d.last_active_at, d.state,
  d.device_id::text AS agent_id, d.agent_uuid, d.registered_at, d.scanned_at, d.changed_at,
  d.connection_id AS place, {keys}
FROM page d
JOIN connection c ON c.connection_id = d.connection_id
LEFT JOIN site s ON s.connection_id = d.connection_id AND s.site_id = d.site_id
ORDER BY {order}

-- name: those_devices
-- Devices by the ids that users see.
(SELECT t.* FROM device t WHERE t.device_uuid = ANY (%(ids)s)
   AND t.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))) d

-- name: agents
-- Devices' agents as the console sent them.
SELECT device_uuid::text, vendor FROM device WHERE device_uuid = ANY (%(ids)s)

-- name: wide_devices
-- The same page with all that is stored of each.
WITH page AS MATERIALIZED (
  SELECT d.* FROM {page}
  ORDER BY {order} LIMIT %(limit)s
)
SELECT {columns}, d.connection_id AS place, {keys}
FROM page d
{joins}
ORDER BY {order}

-- name: sites
-- A page of sites: whose they are, and what is there. It is cut before anything is counted.
WITH page AS MATERIALIZED (
  SELECT s.* FROM {page}
  ORDER BY {order} LIMIT %(limit)s
)
SELECT s.site_id::text AS id, s.connection_id AS place, c.name AS connection, coalesce(s.name, '') AS name,
  s.vendor ->> 'accountName' AS account, CASE WHEN s.gone_at IS NULL THEN s.state ELSE 'gone' END AS state,
  w.organization_id, w.organization_name, coalesce(d.devices, 0) AS devices, f.open_findings, {keys}
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
ORDER BY {order}

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

-- name: signing_key
-- What the cursors of this database are signed with.
SELECT secret FROM signing_key WHERE purpose = 'cursor'

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
    AND (%(stream)s::text[] IS NULL OR stream = ANY (%(stream)s))
    AND (%(state)s::text[] IS NULL OR state = ANY (%(state)s))
    AND (%(kind)s::text[] IS NULL OR kind = ANY (%(kind)s))
    AND (%(since)s::timestamptz IS NULL OR started_at >= %(since)s)
  ORDER BY started_at DESC, run_id DESC LIMIT %(limit)s
) r ON true
WHERE c.state <> 'deleted'
  AND (%(connection)s::uuid IS NULL OR c.connection_uuid = %(connection)s)
  AND (%(connections)s::text[] IS NULL OR c.name = ANY (%(connections)s))
  AND (%(organization_id)s::bigint IS NULL OR c.organization_id = %(organization_id)s)
ORDER BY r.started_at DESC, r.run_id DESC LIMIT %(limit)s

-- name: quarantine
-- Rows that could not be read, the newest first, by what of them never changes.
SELECT c.name AS connection, q.stream, q.vendor_id::text AS vendor_id, q.reason, q.content, q.first_seen_at,
  q.last_seen_at, q.first_seen_at::text AS key_1, q.connection_id AS key_2, q.stream AS key_3, q.content_hash AS key_4
FROM quarantine q JOIN connection c USING (connection_id)
WHERE c.state <> 'deleted' AND (%(connections)s::text[] IS NULL OR c.name = ANY (%(connections)s))
  AND (%(streams)s::text[] IS NULL OR q.stream = ANY (%(streams)s))
  AND (%(since)s::timestamptz IS NULL OR q.last_seen_at >= %(since)s)
  AND (%(after_1)s::text IS NULL OR (q.first_seen_at, q.connection_id, q.stream, q.content_hash)
       < (%(after_1)s::timestamptz, %(after_2)s::bigint, %(after_3)s::text, %(after_4)s::bigint))
ORDER BY q.first_seen_at DESC, q.connection_id DESC, q.stream DESC, q.content_hash DESC
LIMIT %(limit)s

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
