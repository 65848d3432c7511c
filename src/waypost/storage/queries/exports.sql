-- Exports: what is read for them, what was asked for, and how far that is. Blocks that are read as files are put into
-- `COPY … TO STDOUT`; `{rows}` and `{where}` are put in by `unified/selecting.py`.

-- name: one_moment
-- Everything that an export reads is as it was at one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: now
-- That moment.
SELECT now()

-- name: connections
-- What connections are called.
SELECT connection_id, name FROM connection WHERE state <> 'deleted'

-- name: sites
-- What sites are called, and whose they are; for a bound caller its own alone, since this is read before the second
-- wall goes up.
SELECT s.connection_id, s.site_id, s.site_id::text AS id, s.name, s.account_id::text AS account_id,
  s.vendor ->> 'accountName' AS account, g.organization_uuid::text AS organization_id, g.name AS organization_name
FROM site s
LEFT JOIN site_owner o ON o.connection_id = s.connection_id AND o.site_id = s.site_id
LEFT JOIN organization g ON g.organization_id = o.organization_id
WHERE %(organization_id)s::bigint IS NULL OR o.organization_id = %(organization_id)s

-- name: owners
-- The organizations that have sites, each for a partition of its own.
SELECT g.organization_id, g.organization_uuid::text FROM organization g
WHERE EXISTS (SELECT FROM site_owner o WHERE o.organization_id = g.organization_id)
  AND (%(organization_id)s::bigint IS NULL OR g.organization_id = %(organization_id)s)
ORDER BY g.organization_id

-- name: devices_of_rows
-- What findings tell of their devices.
SELECT connection_id, device_id, device_uuid::text AS id, name, os, os_type, scanned_at FROM device

-- name: software_of_rows
-- The same of applications.
SELECT connection_id, software_id, name, vendor, version FROM software

-- name: facts_of_rows
-- The same of CVEs.
SELECT connection_id, facts_id, cve, score_version, published_at, sent ->> 'exploitCodeMaturity' AS exploit_maturity,
  sent ->> 'remediationLevel' AS remediation_level
FROM cve_facts

-- name: findings
-- Findings as they are stored; what they point to is put beside them by `exports/flat.py`, which is faster than joins
-- of rows that all say the same.
SELECT f.connection_id, f.site_id, f.device_id, f.software_id, f.facts_id, f.finding_id, f.state, f.severity, f.score,
  f.detected_at, f.resolved_at, f.changed_at, f.vendor_id, f.mitigation, f.mark, f.extra
FROM {rows} WHERE {where}

-- name: devices
-- Devices as they are stored.
SELECT d.connection_id, d.site_id, d.device_uuid, d.name, d.state, d.os, d.os_type, d.machine_type, d.domain,
  d.agent_version, d.device_id, d.agent_uuid, d.registered_at, d.last_active_at, d.scanned_at, d.changed_at
FROM {rows} WHERE {where}

-- name: software
-- Application versions on devices, where they have findings that are not resolved.
SELECT f.connection_id, f.site_id, f.device_id, f.software_id, max(f.severity) AS severity, count(*) AS findings,
  count(*) FILTER (WHERE f.severity = 5) AS critical, count(*) FILTER (WHERE f.severity = 4) AS high,
  min(f.detected_at) AS detected_at, max(f.changed_at) AS changed_at
FROM {rows} WHERE {where} AND f.state <> 6
GROUP BY f.connection_id, f.site_id, f.device_id, f.software_id

-- name: wide_findings
-- Findings with all that is told of them.
SELECT {columns} FROM (SELECT f.* FROM {rows} WHERE {where}) f {joins}

-- name: wide_devices
-- The same of devices.
SELECT {columns} FROM (SELECT d.* FROM {rows} WHERE {where}) d {joins}

-- name: wide_software
-- The same of application versions on devices.
SELECT {columns} FROM ({installed}) i {joins}

-- name: in_time_findings
-- By what their documents have as `time`.
ORDER BY CASE f.state WHEN %(open)s THEN coalesce(f.detected_at, f.changed_at)
  WHEN %(resolved)s THEN coalesce(f.resolved_at, f.changed_at) ELSE f.changed_at END

-- name: in_time_devices
-- The same of devices.
ORDER BY d.changed_at

-- name: in_time_software
-- The same of application versions on devices.
ORDER BY i.changed_at

-- name: ask
-- An export that somebody wants.
INSERT INTO export (organization_id, asked_by, kind, form, filters, place)
VALUES (%(organization_id)s, %(asked_by)s, %(kind)s, %(form)s, %(filters)s, %(place)s)
RETURNING export_id

-- name: open_exports
-- How many of a caller's are not over.
SELECT count(*) FROM export
WHERE state IN ('queued', 'running') AND organization_id IS NOT DISTINCT FROM %(organization_id)s

-- name: list
-- The newest first; of a bound caller its own.
SELECT e.export_id, e.organization_id, e.kind, e.form, e.filters, e.state, e.place, e.file, e.rows, e.bytes, e.error,
  e.asked_at, e.started_at, e.finished_at, e.expires_at, g.organization_uuid::text AS of_id, g.name AS of_name
FROM export e
LEFT JOIN organization g ON g.organization_id = coalesce(e.organization_id, (e.filters ->> 'organization')::bigint)
WHERE e.state <> 'deleted' AND (%(organization_id)s::bigint IS NULL OR e.organization_id = %(organization_id)s)
  AND (%(export_id)s::uuid IS NULL OR e.export_id = %(export_id)s)
  AND (%(after_id)s::uuid IS NULL OR (e.asked_at, e.export_id) < (%(after_at)s::timestamptz, %(after_id)s::uuid))
ORDER BY e.asked_at DESC, e.export_id DESC LIMIT %(limit)s

-- name: take
-- The oldest that waits for a worker of this place, or whose worker has said nothing for the length of its lease.
UPDATE export SET state = 'running', worker = %(worker)s, taken_until = now() + %(lease)s, tries = tries + 1,
  started_at = now(), rows = 0
WHERE export_id = (
  SELECT export_id FROM export
  WHERE place = %(place)s AND (state = 'queued' OR (state = 'running' AND taken_until < now()))
  ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING export_id, organization_id, kind, form, filters, tries

-- name: hold
-- The worker lives, and has written so many rows. No row: it has lost the export, or nobody wants it any more.
UPDATE export SET taken_until = now() + %(lease)s, rows = %(rows)s
WHERE export_id = %(export_id)s AND worker = %(worker)s AND state = 'running' AND tries = %(tries)s

-- name: done
-- It is there, for so long.
UPDATE export SET state = 'done', finished_at = now(), expires_at = now() + %(kept)s, rows = %(rows)s,
  bytes = %(bytes)s, file = %(file)s, worker = NULL, taken_until = NULL
WHERE export_id = %(export_id)s AND worker = %(worker)s AND state = 'running' AND tries = %(tries)s

-- name: failed
-- It could not be made.
UPDATE export SET state = 'failed', finished_at = now(), expires_at = now() + %(kept)s, error = %(error)s,
  worker = NULL, taken_until = NULL
WHERE export_id = %(export_id)s AND worker = %(worker)s AND state = 'running' AND tries = %(tries)s

-- name: put_back
-- Another worker takes it; where this one was merely stopped, the attempt does not count.
UPDATE export SET state = 'queued', worker = NULL, taken_until = NULL, tries = tries - %(uncounted)s
WHERE export_id = %(export_id)s AND worker = %(worker)s AND state = 'running' AND tries = %(tries)s

-- name: delete
-- Nobody wants it any more; its file goes where it lies.
UPDATE export SET state = 'deleted' WHERE export_id = %(export_id)s

-- name: over
-- Those of a place whose files are to go.
SELECT export_id, file, state FROM export
WHERE place = %(place)s AND (state = 'deleted' OR (state = 'done' AND expires_at < now()))

-- name: gone
-- The file is deleted. What somebody deleted is forgotten, what has expired is told for a while.
UPDATE export SET state = 'expired', file = NULL WHERE export_id = %(export_id)s AND state = 'done'

-- name: forget_deleted
-- The same of what was deleted.
DELETE FROM export WHERE export_id = %(export_id)s AND state = 'deleted'

-- name: forget
-- Exports of long ago, those that no worker ever took among them.
DELETE FROM export e USING (
  SELECT export_id FROM export
  WHERE coalesce(expires_at, asked_at) < now() - %(kept)s::interval AND state <> 'running' LIMIT %(batch)s
) old
WHERE e.export_id = old.export_id
