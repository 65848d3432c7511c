-- Which findings and devices are meant: whose, and which of them. `unified/selecting.py` puts these together; a filter
-- that is not given is not in the query, so that the planner sees nothing but what is asked.
--
-- Names are compared in lower case by the database on both sides: what it takes for a letter is its own matter.
-- What came through a deleted connection is in no list, though it is kept for a while.

-- name: everybodys
-- All rows but those of connections that are deleted, which own no sites either.
(SELECT t.* FROM {table} t
 WHERE t.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted')))

-- name: at_sites
-- Rows of these sites, found by them. The planner knows how many there are. For an organization: the first wall.
(SELECT t.* FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[]) AS o (connection_id, site_id)
 JOIN {table} t ON t.connection_id = o.connection_id AND t.site_id = o.site_id)

-- name: nobodys
-- Rows that belong to no organization: their sites are undecided or ignored, or not known.
(SELECT t.* FROM {table} t
 WHERE t.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted')) AND NOT EXISTS (
  SELECT FROM site_owner o WHERE o.connection_id = t.connection_id AND o.site_id = t.site_id))

-- name: of_devices
-- Findings of these devices: a range of the primary key each, since a finding's id begins as its device's does.
(SELECT t.* FROM unnest(%(device_connections)s::bigint[], %(device_ids)s::bigint[], %(lows)s::uuid[], %(highs)s::uuid[])
   AS o (connection_id, device_id, low, high)
 JOIN {table} t ON t.connection_id = o.connection_id AND t.finding_id BETWEEN o.low AND o.high
   AND t.device_id = o.device_id)

-- name: sites
-- The sites that are meant by name or id, by their account, one of their groups or their connection; of an organization
-- its own.
SELECT coalesce(array_agg(s.connection_id), '{}'), coalesce(array_agg(s.site_id), '{}')
FROM site s
WHERE (%(site)s::text[] IS NULL OR s.site_id::text = ANY (%(site)s)
       OR lower(s.name) IN (SELECT lower(unnest(%(site)s::text[]))))
  AND (%(account)s::text[] IS NULL OR s.account_id::text = ANY (%(account)s)
       OR lower(s.vendor ->> 'accountName') IN (SELECT lower(unnest(%(account)s::text[]))))
  AND (%(group)s::text[] IS NULL OR (s.connection_id, s.site_id) IN (
    SELECT connection_id, site_id FROM scope_group
    WHERE group_id::text = ANY (%(group)s) OR lower(name) IN (SELECT lower(unnest(%(group)s::text[])))))
  AND (%(connection)s::text[] IS NULL OR s.connection_id IN (
    SELECT connection_id FROM connection WHERE name = ANY (%(connection)s)))
  AND (%(owned_connections)s::bigint[] IS NULL OR (s.connection_id, s.site_id) IN (
    SELECT * FROM unnest(%(owned_connections)s::bigint[], %(owned_sites)s::bigint[])))
  AND s.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))

-- name: devices
-- The devices that are meant by name or id; each kind has its index.
SELECT connection_id, device_id, device_uuid FROM (
  SELECT connection_id, device_id, device_uuid FROM device
  WHERE lower(name) = ANY (ARRAY(SELECT lower(unnest(%(device)s::text[]))))
  UNION
  SELECT connection_id, device_id, device_uuid FROM device WHERE device_uuid = ANY (%(device_uuids)s::uuid[])
  UNION
  SELECT connection_id, device_id, device_uuid FROM device
  WHERE connection_id = ANY (ARRAY(SELECT connection_id FROM connection)) AND device_id = ANY (%(agent_ids)s::bigint[])
) d
WHERE connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))

-- name: facts
-- What is known of these CVEs. Consoles may spell them in either case.
SELECT coalesce(array_agg(DISTINCT facts_id), '{}') FROM cve_facts
WHERE connection_id = ANY (ARRAY(SELECT connection_id FROM connection)) AND cve = ANY (%(cve)s)

-- name: facts_exploited
-- Of which CVEs the console says this of the code that exploits them.
SELECT coalesce(array_agg(facts_id), '{}') FROM (SELECT DISTINCT facts_id FROM cve_facts
  WHERE lower(sent ->> 'exploitCodeMaturity') = ANY (%(words)s::text[]) LIMIT %(most)s) n

-- name: facts_has_fix
-- Of which CVEs the console says this of a fix.
SELECT coalesce(array_agg(facts_id), '{}') FROM (SELECT DISTINCT facts_id FROM cve_facts
  WHERE lower(sent ->> 'remediationLevel') = ANY (%(words)s::text[]) LIMIT %(most)s) n

-- name: software
-- The application versions that are meant by parts of names.
SELECT coalesce(array_agg(DISTINCT software_id), '{}') FROM software
WHERE (%(application)s::text IS NULL OR strpos(lower(name), lower(%(application)s)) > 0)
  AND (%(vendor)s::text IS NULL OR strpos(lower(vendor), lower(%(vendor)s)) > 0)

-- name: finding_sites
-- Of these sites, where the rows come by their devices.
(f.connection_id, f.site_id) IN (
  SELECT * FROM unnest(%(site_connections)s::bigint[], %(site_ids)s::bigint[]))

-- name: nobodys_sites
-- At sites of nobody, where the rows are found otherwise.
NOT EXISTS (SELECT FROM site_owner o WHERE o.connection_id = f.connection_id AND o.site_id = f.site_id)

-- name: finding_connection
-- Through one of these connections.
f.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s))

-- name: finding_group
-- On a device of one of these groups.
(f.connection_id, f.device_id) IN (
  SELECT d.connection_id, d.device_id FROM device d JOIN scope_group g USING (connection_id, group_id)
  WHERE g.group_id::text = ANY (%(group)s) OR lower(g.name) IN (SELECT lower(unnest(%(group)s::text[]))))

-- name: finding_facts_ids
-- About one of these CVEs.
f.facts_id = ANY (%(facts_ids)s)

-- name: finding_software_ids
-- In one of these application versions.
f.software_id = ANY (%(software_ids)s)

-- name: finding_severity
-- As bad as this.
f.severity = ANY (%(severity)s)

-- name: finding_state
-- Standing like this.
f.state = ANY (%(state)s)

-- name: finding_score_min
-- One without a score is neither above nor below anything.
f.score >= %(score_min)s::real

-- name: finding_score_max
-- The same.
f.score <= %(score_max)s::real

-- name: finding_exploited_ids
-- Whether code that exploits it is known, where there are few such CVEs.
f.facts_id = ANY (%(exploited_ids)s)

-- name: finding_exploited_words
-- The same where there are many.
EXISTS (SELECT FROM cve_facts t WHERE t.connection_id = f.connection_id AND t.facts_id = f.facts_id
  AND lower(t.sent ->> 'exploitCodeMaturity') = ANY (%(exploited_words)s::text[]) OFFSET 0)

-- name: finding_has_fix_ids
-- Whether there is a fix, where there are few such CVEs.
f.facts_id = ANY (%(has_fix_ids)s)

-- name: finding_has_fix_words
-- The same where there are many.
EXISTS (SELECT FROM cve_facts t WHERE t.connection_id = f.connection_id AND t.facts_id = f.facts_id
  AND lower(t.sent ->> 'remediationLevel') = ANY (%(has_fix_words)s::text[]) OFFSET 0)

-- name: finding_detected_since
-- As the index has it.
coalesce(f.detected_at, '-infinity'::timestamptz) >= %(detected_since)s

-- name: finding_detected_until
-- One whose date is not known was not detected before a time.
coalesce(f.detected_at, '-infinity'::timestamptz) < %(detected_until)s AND f.detected_at IS NOT NULL

-- name: finding_changed_since
-- Opened, changed or resolved since.
f.changed_at >= %(changed_since)s

-- name: finding_resolved_since
-- By the console's clock.
f.resolved_at >= %(resolved_since)s

-- name: finding_search
-- Part of the device's or the application's name.
(f.software_id IN (SELECT software_id FROM software WHERE strpos(lower(name), lower(%(search)s)) > 0)
 OR (f.connection_id, f.device_id) IN (
   SELECT connection_id, device_id FROM device WHERE strpos(lower(name), lower(%(search)s)) > 0))

-- name: device_connection
-- Through one of these connections.
d.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s))

-- name: device_group
-- Of one of these groups.
(d.connection_id, d.group_id) IN (SELECT connection_id, group_id FROM scope_group
  WHERE group_id::text = ANY (%(group)s) OR lower(name) IN (SELECT lower(unnest(%(group)s::text[]))))

-- name: device_device
-- By name or id, looked up before.
(d.connection_id, d.device_id) IN (
  SELECT * FROM unnest(%(device_connections)s::bigint[], %(device_ids)s::bigint[]))

-- name: device_state
-- Standing like this.
d.state = ANY (%(state)s)

-- name: device_os
-- Part of the operating system's name, or its type.
(strpos(lower(d.os), lower(%(os)s)) > 0 OR lower(d.os_type) = lower(%(os)s))

-- name: device_changed_since
-- Added, changed, moved or retired since.
d.changed_at >= %(changed_since)s

-- name: device_search
-- Part of the name.
strpos(lower(d.name), lower(%(search)s)) > 0

-- name: site_connection
-- Through one of these connections.
s.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s))
