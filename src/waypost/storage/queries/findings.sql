-- LATERAL with OFFSET 0 makes the planner look a batch's rows up one by one, whatever it thinks of its size.

-- name: any
-- Whether a connection holds findings at all: a first pull has nothing to compare with.
SELECT EXISTS (SELECT FROM finding WHERE connection_id = %(connection_id)s)

-- name: stored
-- Rule 2: what is stored of a walk's rows between its lowest and highest id, to tell which rows are not stored
-- as they are. No more than twice what the walk brought: a console that does not sort by id must not make this
-- read the whole site for every page; what is left out is then compared by the upsert.
SELECT f.vendor_id, f.row_hash
FROM jsonb_to_recordset(%(spans)s) AS s (site_id bigint, low bigint, high bigint, rows bigint)
CROSS JOIN LATERAL (
  SELECT vendor_id, row_hash FROM finding
  WHERE connection_id = %(connection_id)s AND site_id = s.site_id AND vendor_id BETWEEN s.low AND s.high
  LIMIT 2 * s.rows
) f

-- name: make_stage
-- Where a batch waits for its upsert; lives as long as the database session.
CREATE TEMP TABLE IF NOT EXISTS finding_stage (
  finding_id uuid, device_id bigint, software_id bigint, facts_id bigint, vendor_id bigint, row_hash bigint,
  detected_at timestamptz, score real, state smallint, severity smallint, mitigation jsonb, mark jsonb, extra jsonb)
ON COMMIT DELETE ROWS

-- name: copy_stage
-- Binary, in the order of `make_stage`.
COPY finding_stage FROM STDIN (FORMAT binary)

-- name: add_software
-- Application versions met for the first time.
INSERT INTO software (connection_id, software_id, name, vendor, version, sent)
SELECT %(connection_id)s, r.* FROM jsonb_to_recordset(%(rows)s)
  AS r (software_id bigint, name text, vendor text, version text, sent jsonb)
ON CONFLICT (connection_id, software_id) DO NOTHING

-- name: add_facts
-- Facts of CVEs met for the first time.
INSERT INTO cve_facts (connection_id, facts_id, cve, severity, score, score_version, published_at, sent)
SELECT %(connection_id)s, r.* FROM jsonb_to_recordset(%(rows)s) AS r (
  facts_id bigint, cve text, severity smallint, score real, score_version text, published_at timestamptz, sent jsonb)
ON CONFLICT (connection_id, facts_id) DO NOTHING

-- name: upsert
-- The batch becomes findings. A finding stands on the newest of the console's ids for it: an older id may
-- reopen it but not settle it (rule 5). Seen again after it was resolved, it is reopened and stays so until
-- something else is said of it. Each finding gets at most one entry in the log.
WITH incoming AS (
  SELECT s.*, d.site_id FROM finding_stage s LEFT JOIN LATERAL (
    SELECT d.site_id FROM device d WHERE d.connection_id = %(connection_id)s AND d.device_id = s.device_id OFFSET 0
  ) d ON true
), written AS (
  INSERT INTO finding AS f (
    connection_id, finding_id, device_id, site_id, software_id, facts_id, vendor_id, row_hash, detected_at,
    resolved_at, changed_at, score, state, severity, mitigation, mark, extra)
  SELECT %(connection_id)s, finding_id, device_id, site_id, software_id, facts_id, vendor_id, row_hash, detected_at,
    CASE WHEN state = %(resolved)s THEN %(console_time)s END, now(), score, state, severity, mitigation, mark, extra
  FROM incoming
  ON CONFLICT (connection_id, finding_id) DO UPDATE
  SET device_id = excluded.device_id, site_id = excluded.site_id, software_id = excluded.software_id,
      facts_id = excluded.facts_id, vendor_id = excluded.vendor_id, row_hash = excluded.row_hash,
      detected_at = excluded.detected_at, changed_at = now(), score = excluded.score,
      severity = excluded.severity, mitigation = excluded.mitigation, mark = excluded.mark, extra = excluded.extra,
      resolved_at = CASE WHEN excluded.state = %(resolved)s THEN coalesce(f.resolved_at, %(console_time)s) END,
      state = CASE WHEN excluded.state = %(open)s AND f.state IN (%(resolved)s, %(reopened)s) THEN %(reopened)s
                   ELSE excluded.state END
  WHERE f.row_hash <> excluded.row_hash
    AND (excluded.vendor_id >= f.vendor_id OR (f.state = %(resolved)s AND excluded.state <> %(resolved)s))
  RETURNING f.finding_id, f.state, f.vendor_id, f.site_id, f.xmax = 0 AS inserted
), described AS (
  SELECT w.finding_id, w.vendor_id, w.site_id, b.vendor_id AS former_id,
    CASE WHEN w.inserted AND w.state <> %(resolved)s THEN %(kind_opened)s
         WHEN w.inserted THEN NULL
         WHEN b.state <> %(resolved)s AND w.state = %(resolved)s THEN %(kind_resolved)s
         WHEN b.state = %(resolved)s AND w.state <> %(resolved)s THEN %(kind_reopened)s
         WHEN b.state = %(resolved)s THEN NULL
         ELSE %(kind_changed)s END AS kind
  FROM written w LEFT JOIN LATERAL (
    -- The statement sees the table as it was before it.
    SELECT f.state, f.vendor_id FROM finding f
    WHERE f.connection_id = %(connection_id)s AND f.finding_id = w.finding_id AND NOT w.inserted OFFSET 0
  ) b ON true
), kept AS (
  INSERT INTO finding_former_id (connection_id, vendor_id, finding_id)
  SELECT %(connection_id)s, former_id, finding_id FROM described WHERE former_id <> vendor_id
  ON CONFLICT (connection_id, vendor_id) DO NOTHING
), logged AS (
  INSERT INTO change (connection_id, run_id, kind, subject_id, site_id)
  SELECT %(connection_id)s, %(run_id)s, kind, finding_id, site_id FROM described WHERE kind IS NOT NULL
)
SELECT coalesce(kind, 0), count(*) FROM described GROUP BY kind

-- name: sweep
-- Rule 1: resolves up to a batch of findings of the partitions walked completely that no walk of the run saw.
-- Spared are those of devices that changed their site meanwhile (no walk may have met them) and of sites that
-- were not visible throughout; one whose site nobody knows may be of a site that is no longer listed. The hash is
-- cleared, so that seeing one again reopens it.
WITH seen AS (
  SELECT unnest(vendor_ids) AS vendor_id FROM sync_seen
  WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s
), unseen AS (
  SELECT f.finding_id FROM finding f JOIN device d USING (connection_id, device_id)
  WHERE f.connection_id = %(connection_id)s AND f.state <> %(resolved)s
    AND (f.site_id = ANY (%(sites)s) OR (f.site_id IS NULL AND %(siteless)s AND NOT EXISTS (
      SELECT FROM site s WHERE s.connection_id = %(connection_id)s AND s.gone_at IS NOT NULL)))
    AND (d.moved_at IS NULL OR d.moved_at < (
      SELECT started_at FROM sync_run WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s))
    AND NOT EXISTS (SELECT FROM seen s WHERE s.vendor_id = f.vendor_id)
  LIMIT %(batch)s
), swept AS (
  UPDATE finding f SET state = %(resolved)s, resolved_at = %(console_time)s, changed_at = now(), row_hash = 0
  FROM unseen u WHERE f.connection_id = %(connection_id)s AND f.finding_id = u.finding_id
  RETURNING f.finding_id, f.site_id
), logged AS (
  INSERT INTO change (connection_id, run_id, kind, subject_id, site_id)
  SELECT %(connection_id)s, %(run_id)s, %(kind_resolved)s, finding_id, site_id FROM swept
)
SELECT count(*) FROM swept

-- name: unseen
-- What a sweep would resolve, by site; nothing is the usual case.
SELECT f.site_id, count(*) FROM finding f
WHERE f.connection_id = %(connection_id)s AND f.state <> %(resolved)s AND NOT EXISTS (
  SELECT FROM (
    SELECT unnest(vendor_ids) AS vendor_id FROM sync_seen
    WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s
  ) s WHERE s.vendor_id = f.vendor_id)
GROUP BY f.site_id

-- name: unresolved
-- How many findings are not resolved, by site: a walk that shrank too far is asked about first.
SELECT site_id, count(*) FROM finding
WHERE connection_id = %(connection_id)s AND state <> %(resolved)s GROUP BY site_id
