-- Rows with all that is stored of them, for OCSF documents, exports and the vendor's own fields. The columns of each
-- kind are the fields of its struct in `unified/rows.py`, in that order. `{owner}` tells whose the site `s` is, as `w`
-- (lists.sql); `{rows}` and `{where}` are those of a selection.

-- name: of_device
-- What every row tells of its device.
c.name AS connection, c.connection_uuid::text AS connection_id, w.organization_id, w.organization_name AS organization,
s.account_id::text AS account_id, s.vendor ->> 'accountName' AS account, d.site_id::text AS site_id, s.name AS site,
d.device_uuid::text AS device_id, d.name AS device, d.state AS device_state, d.domain, d.os, d.os_type, d.machine_type,
d.device_id::text AS agent_id, d.agent_uuid, d.agent_version

-- name: finding_columns
-- A finding: `f` of the table.
{of_device},
f.finding_id::text AS finding_id, f.vendor_id::text AS vendor_id, f.state, f.severity, f.score, t.score_version, t.cve,
t.published_at, p.name AS software, p.vendor AS software_vendor, p.version AS software_version, f.detected_at,
f.resolved_at,
CASE WHEN f.state = %(resolved)s THEN least(d.scanned_at, f.resolved_at) ELSE d.scanned_at END AS last_seen_at,
f.changed_at, f.row_hash, t.sent AS cve_sent, p.sent AS software_sent, d.scan, f.mitigation, f.mark, f.extra

-- name: finding_joins
-- What belongs to a page of findings `f`, looked up row by row: joined, the planner multiplies devices with software.
JOIN connection c ON c.connection_id = f.connection_id
JOIN LATERAL (SELECT * FROM device d
  WHERE d.connection_id = f.connection_id AND d.device_id = f.device_id OFFSET 0) d ON true
JOIN LATERAL (SELECT * FROM software p
  WHERE p.connection_id = f.connection_id AND p.software_id = f.software_id OFFSET 0) p ON true
JOIN LATERAL (SELECT * FROM cve_facts t
  WHERE t.connection_id = f.connection_id AND t.facts_id = f.facts_id OFFSET 0) t ON true
LEFT JOIN site s ON s.connection_id = d.connection_id AND s.site_id = d.site_id
{owner}

-- name: owners
-- In place of `{owner}` for many rows at once: who owns which site is worked out once, not for each row.
LEFT JOIN (
  SELECT o.connection_id, o.site_id, g.organization_uuid::text AS organization_id, g.name AS organization_name
  FROM site_owner o JOIN organization g USING (organization_id)
) w ON w.connection_id = s.connection_id AND w.site_id = s.site_id

-- name: device_columns
-- A device: `d` of the table.
{of_device},
d.group_id::text AS group_id, g.name AS "group", d.registered_at, d.added_at, d.last_active_at, d.updated_at,
d.scanned_at, d.changed_at, d.vendor, d.scan

-- name: device_joins
-- What belongs to devices `d`.
JOIN connection c ON c.connection_id = d.connection_id
LEFT JOIN site s ON s.connection_id = d.connection_id AND s.site_id = d.site_id
LEFT JOIN scope_group g ON g.connection_id = d.connection_id AND g.group_id = d.group_id
{owner}

-- name: software_columns
-- An application version on a device: `i` of the block `installed`.
{of_device},
i.software_id::text AS software_id, p.name AS software, p.vendor AS software_vendor, p.version AS software_version,
p.sent AS software_sent, i.severity, i.findings, i.critical, i.high, i.detected_at, d.scanned_at AS last_seen_at,
i.changed_at

-- name: software_joins
-- What belongs to pairs `i` of an application version and a device.
JOIN connection c ON c.connection_id = i.connection_id
JOIN LATERAL (SELECT * FROM device d
  WHERE d.connection_id = i.connection_id AND d.device_id = i.device_id OFFSET 0) d ON true
JOIN LATERAL (SELECT * FROM software p
  WHERE p.connection_id = i.connection_id AND p.software_id = i.software_id OFFSET 0) p ON true
LEFT JOIN site s ON s.connection_id = d.connection_id AND s.site_id = d.site_id
{owner}

-- name: installed
-- Which application versions are on which devices, as far as findings `f` that are not resolved tell it.
SELECT f.connection_id, f.device_id, f.software_id, max(f.severity)::smallint AS severity, count(*) AS findings,
  count(*) FILTER (WHERE f.severity = %(critical)s) AS critical,
  count(*) FILTER (WHERE f.severity = %(high)s) AS high,
  min(f.detected_at) AS detected_at, max(f.changed_at) AS changed_at
FROM {rows}
WHERE f.state <> %(resolved)s AND {where}
GROUP BY f.connection_id, f.device_id, f.software_id

-- name: installed_page
-- Pairs after the one where the page before ended. The page is cut before anything is looked up for it.
SELECT i.connection_id AS place, {columns}
FROM (
  SELECT * FROM ({installed}) p
  WHERE %(after_connection)s::bigint IS NULL OR (p.connection_id, p.device_id, p.software_id)
    > (%(after_connection)s::bigint, %(after_device)s::bigint, %(after_software)s::bigint)
  ORDER BY p.connection_id, p.device_id, p.software_id LIMIT %(limit)s
) i
{joins}
ORDER BY i.connection_id, i.device_id, i.software_id

-- name: next_devices
-- The devices among which a page is looked for next; the one where the page before ended may have more.
SELECT connection_id, device_id, device_uuid::text FROM device
WHERE connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))
  AND (%(from_connection)s::bigint IS NULL
       OR (connection_id, device_id) >= (%(from_connection)s::bigint, %(from_device)s::bigint))
ORDER BY connection_id, device_id LIMIT %(devices)s

-- name: of_these_devices
-- Findings of these devices: a range of the primary key each (unified/identity.py), whatever the planner thinks of it.
(SELECT t.* FROM unnest(%(these_connections)s::bigint[], %(these_devices)s::bigint[], %(these_uuids)s::text[])
   AS o (connection_id, device_id, device_uuid)
 CROSS JOIN LATERAL (SELECT * FROM finding t
   WHERE t.connection_id = o.connection_id AND t.device_id = o.device_id
     AND t.finding_id BETWEEN (left(o.device_uuid, 13) || '-0000-0000-000000000000')::uuid
                          AND (left(o.device_uuid, 13) || '-ffff-ffff-ffffffffffff')::uuid OFFSET 0) t) f
