-- The findings of a device are a range of the primary key: their ids begin with the first twelve digits of the
-- device's (unified/identity.py).

-- name: upsert
-- Agents as devices. Only what differs is written; a device that changed its site takes its findings along
-- (rule 7), and the log says what happened: added, retired, moved or changed, the first that fits.
WITH incoming AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (
    device_id bigint, device_uuid uuid, state smallint, site_id bigint, group_id bigint, name text, domain text,
    os text, os_type text, machine_type text, agent_version text, agent_uuid text, registered_at timestamptz,
    last_active_at timestamptz, updated_at timestamptz, row_hash bigint, vendor jsonb)
), before AS (
  SELECT d.* FROM incoming i CROSS JOIN LATERAL (
    SELECT d.device_id, d.site_id, d.state, d.row_hash FROM device d
    WHERE d.connection_id = %(connection_id)s AND d.device_id = i.device_id OFFSET 0
  ) d
), written AS (
  INSERT INTO device AS d (
    connection_id, device_id, device_uuid, state, site_id, group_id, name, domain, os, os_type, machine_type,
    agent_version, agent_uuid, registered_at, last_active_at, updated_at, row_hash, vendor)
  SELECT %(connection_id)s, device_id, device_uuid, state, site_id, group_id, name, domain, os, os_type,
    machine_type, agent_version, agent_uuid, registered_at, last_active_at, updated_at, row_hash, vendor
  FROM incoming
  ON CONFLICT (connection_id, device_id) DO UPDATE
  SET state = excluded.state, site_id = excluded.site_id, group_id = excluded.group_id, name = excluded.name,
      domain = excluded.domain, os = excluded.os, os_type = excluded.os_type,
      machine_type = excluded.machine_type, agent_version = excluded.agent_version,
      agent_uuid = excluded.agent_uuid, registered_at = excluded.registered_at,
      last_active_at = excluded.last_active_at, updated_at = excluded.updated_at,
      row_hash = excluded.row_hash, vendor = excluded.vendor, changed_at = now(),
      moved_at = CASE WHEN d.site_id IS DISTINCT FROM excluded.site_id THEN now() ELSE d.moved_at END,
      moved_from = CASE WHEN d.site_id IS DISTINCT FROM excluded.site_id THEN d.site_id ELSE d.moved_from END
  WHERE d.state <> excluded.state OR d.vendor IS DISTINCT FROM excluded.vendor
  RETURNING d.device_id, d.device_uuid, d.site_id, d.state, d.row_hash
), described AS (
  SELECT w.device_id, w.device_uuid, w.site_id,
    b.device_id IS NOT NULL AND b.site_id IS DISTINCT FROM w.site_id AS moved,
    CASE WHEN b.device_id IS NULL THEN %(added)s
         WHEN w.state = ANY (%(retired_states)s) AND NOT b.state = ANY (%(retired_states)s) THEN %(retired)s
         WHEN b.site_id IS DISTINCT FROM w.site_id THEN %(moved)s
         WHEN b.row_hash <> w.row_hash THEN %(changed)s END AS kind
  FROM written w LEFT JOIN before b USING (device_id)
), followed AS (
  UPDATE finding f SET site_id = m.site_id, changed_at = now()
  FROM described m
  WHERE f.connection_id = %(connection_id)s AND m.moved
    AND f.finding_id BETWEEN (left(m.device_uuid::text, 13) || '-0000-0000-000000000000')::uuid
                         AND (left(m.device_uuid::text, 13) || '-ffff-ffff-ffffffffffff')::uuid
    AND f.device_id = m.device_id AND f.site_id IS DISTINCT FROM m.site_id
), logged AS (
  INSERT INTO change (connection_id, run_id, kind, subject_id, site_id)
  SELECT %(connection_id)s, %(run_id)s, kind, device_uuid, site_id FROM described WHERE kind IS NOT NULL
)
SELECT coalesce(kind, 0), count(*) FROM described GROUP BY kind

-- name: arrived
-- Devices whose risks a delta does not bring, though they are new or other than they were: those that came from
-- where the token does not see, or moved between a site with Vulnerability Management and one without, whose rows
-- differ (API notes, section 2). To the console none of this changes a risk.
SELECT d.device_id, d.name, d.site_id
FROM device d
CROSS JOIN (
  SELECT max(started_at) AS at FROM sync_run
  WHERE connection_id = %(connection_id)s AND stream = 'risks' AND state IN ('done', 'partial')
) r
LEFT JOIN site s ON s.connection_id = d.connection_id AND s.site_id = d.site_id
LEFT JOIN site f ON f.connection_id = d.connection_id AND f.site_id = d.moved_from
WHERE d.connection_id = %(connection_id)s AND d.vendor IS NOT NULL AND NOT d.state = ANY (%(retired_states)s)
  AND ((d.added_at >= r.at AND d.registered_at < %(since)s)
    OR (d.moved_at >= r.at AND (
      f.site_id IS NULL OR f.gone_at IS NOT NULL
      OR jsonb_path_exists(s.vendor, '$.licenses.modules[*] ? (@.name == "vulnerability_management")')
         IS DISTINCT FROM
         jsonb_path_exists(f.vendor, '$.licenses.modules[*] ? (@.name == "vulnerability_management")'))))
ORDER BY d.device_id

-- name: strangers
-- Whether devices that came or moved lately stand at a site that is not known yet.
SELECT EXISTS (
  SELECT FROM device d WHERE d.connection_id = %(connection_id)s AND d.changed_at > now() - interval '1 hour'
    AND d.site_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM site s WHERE s.connection_id = d.connection_id AND s.site_id = d.site_id AND s.gone_at IS NULL))

-- name: unlisted
-- Which of these endpoints are no known device.
SELECT e.device_id FROM unnest(%(device_ids)s::bigint[]) AS e (device_id)
LEFT JOIN LATERAL (
  SELECT true AS listed FROM device d
  WHERE d.connection_id = %(connection_id)s AND d.device_id = e.device_id OFFSET 0
) d ON true
WHERE d.listed IS NULL

-- name: insert_unknown
-- Endpoints that only risk rows name: devices of state unknown, at the site that the walk knew.
WITH incoming AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s)
    AS r (device_id bigint, device_uuid uuid, site_id bigint, name text, os_type text, machine_type text)
), written AS (
  INSERT INTO device (connection_id, device_id, device_uuid, state, site_id, name, os_type, machine_type, row_hash)
  SELECT %(connection_id)s, device_id, device_uuid, 0, site_id, name, os_type, machine_type, 0 FROM incoming
  ON CONFLICT (connection_id, device_id) DO NOTHING
  RETURNING device_uuid, site_id
)
INSERT INTO change (connection_id, run_id, kind, subject_id, site_id)
SELECT %(connection_id)s, %(run_id)s, %(added)s, device_uuid, site_id FROM written

-- name: place_unknown
-- A walk of a site tells where a device stands that no agent row places.
WITH placed AS (
  UPDATE device d SET site_id = r.site_id, changed_at = now()
  FROM jsonb_to_recordset(%(rows)s) AS r (device_id bigint, site_id bigint)
  WHERE d.connection_id = %(connection_id)s AND d.device_id = r.device_id
    AND d.vendor IS NULL AND d.site_id IS DISTINCT FROM r.site_id
  RETURNING d.device_id, d.device_uuid, d.site_id
)
UPDATE finding f SET site_id = p.site_id, changed_at = now()
FROM placed p
WHERE f.connection_id = %(connection_id)s AND f.device_id = p.device_id
  AND f.finding_id BETWEEN (left(p.device_uuid::text, 13) || '-0000-0000-000000000000')::uuid
                       AND (left(p.device_uuid::text, 13) || '-ffff-ffff-ffffffffffff')::uuid

-- name: scanned
-- What risk rows say of their endpoint, once a device; only what differs is written, and no older scan.
UPDATE device d SET scanned_at = r.scanned_at, scan = r.scan
FROM jsonb_to_recordset(%(rows)s) AS r (device_id bigint, scanned_at timestamptz, scan jsonb)
WHERE d.connection_id = %(connection_id)s AND d.device_id = r.device_id
  AND d.scan IS DISTINCT FROM r.scan
  AND (d.scanned_at IS NULL OR r.scanned_at >= d.scanned_at)

-- name: sweep
-- Devices that a complete walk no longer listed, of sites that could be seen before and after it (rule 1). One
-- that was retired already is no news.
WITH unseen AS (
  SELECT d.device_id, d.device_uuid, d.site_id, NOT d.state = ANY (%(retired_states)s) AS news FROM device d
  WHERE d.connection_id = %(connection_id)s AND d.vendor IS NOT NULL AND d.state <> %(gone)s
    AND d.site_id = ANY (%(visible)s) AND NOT EXISTS (
      SELECT FROM (
        SELECT unnest(vendor_ids) AS vendor_id FROM sync_seen
        WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s
      ) s WHERE s.vendor_id = d.device_id)
), gone AS (
  UPDATE device d SET state = %(gone)s, changed_at = now()
  FROM unseen u WHERE d.connection_id = %(connection_id)s AND d.device_id = u.device_id
), logged AS (
  INSERT INTO change (connection_id, run_id, kind, subject_id, site_id)
  SELECT %(connection_id)s, %(run_id)s, %(retired)s, device_uuid, site_id FROM unseen WHERE news
)
SELECT count(*) FILTER (WHERE news) FROM unseen
