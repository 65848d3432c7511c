-- What about the mapping needs a person. Each block that finds drift puts what holds now into `drifting`; afterwards
-- `begin` and `settle` bring the table `drift` up to that, and the change log with it. Without a connection_id all of
-- them are looked at. What ends with OFFSET 0 is looked up row by row, since tables that have no statistics yet look
-- empty to the planner, and are read whole for each row then.

-- name: one_at_a_time
-- Two that look at the same time would both tell of the same; the second sees what the first has told.
SELECT pg_advisory_xact_lock(%(lock)s)

-- name: make_stage
-- What holds now, of this transaction alone.
CREATE TEMPORARY TABLE IF NOT EXISTS drifting (
  kind text NOT NULL, subject text NOT NULL, connection_id bigint, scope text, scope_id bigint, organization_id bigint,
  detail jsonb NOT NULL,
  PRIMARY KEY (kind, subject)
) ON COMMIT DELETE ROWS

-- name: empty_stage
-- Nothing is left of an earlier look in the same transaction.
DELETE FROM drifting

-- name: new_sites
-- Nothing is decided about them. One that has expired and has data is told as that.
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, detail)
SELECT 'new_site', t.connection_id || '/site/' || t.site_id, t.connection_id, 'site', t.site_id, '{}'
FROM site_standing t
WHERE (%(connection_id)s::bigint IS NULL OR t.connection_id = %(connection_id)s)
  AND t.decision = 'undecided' AND t.standing IN ('active', 'expired')
  AND NOT EXISTS (SELECT FROM drifting g WHERE g.kind = 'expired_site'
                  AND g.subject = t.connection_id || '/site/' || t.site_id OFFSET 0)

-- name: new_accounts
-- Nothing is decided about them, and they have no site that would be told instead.
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, detail)
SELECT 'new_account', a.connection_id || '/account/' || a.account_id, a.connection_id, 'account', a.account_id, '{}'
FROM account a JOIN connection c USING (connection_id)
WHERE (%(connection_id)s::bigint IS NULL OR a.connection_id = %(connection_id)s)
  AND c.state <> 'deleted' AND c.organization_id IS NULL
  AND a.gone_at IS NULL AND a.state IS DISTINCT FROM 'deleted' AND a.state IS DISTINCT FROM 'expired'
  AND NOT EXISTS (SELECT FROM site s WHERE s.connection_id = a.connection_id AND s.account_id = a.account_id
                  AND s.gone_at IS NULL OFFSET 0)
  AND NOT EXISTS (SELECT FROM mapping m WHERE m.connection_id = a.connection_id AND m.kind = 'account'
                  AND m.scope_id = a.account_id AND m.decision <> 'undecided' OFFSET 0)

-- name: lost_sites
-- Gone, deleted or expired, with data, unless it was ignored, or was like that already when it was mapped.
WITH lost AS (
  SELECT * FROM site_standing
  WHERE (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
    AND standing <> 'active' AND decision <> 'ignored'
    AND (origin IS DISTINCT FROM 'site' OR seen ->> 'standing' IS DISTINCT FROM standing)
), peopled AS (
  SELECT DISTINCT d.connection_id, d.site_id FROM device d
  WHERE NOT d.state = ANY (%(retired_states)s) AND (d.connection_id, d.site_id) IN (
    SELECT connection_id, site_id FROM lost)
)
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, organization_id, detail)
SELECT CASE standing WHEN 'expired' THEN 'expired_site' ELSE 'gone_site' END,
  t.connection_id || '/site/' || t.site_id, t.connection_id, 'site', t.site_id, t.organization_id,
  jsonb_build_object('standing', standing)
FROM lost t
WHERE EXISTS (SELECT FROM peopled p WHERE p.connection_id = t.connection_id AND p.site_id = t.site_id)
  OR EXISTS (SELECT FROM finding f WHERE f.connection_id = t.connection_id AND f.site_id = t.site_id
             AND f.state <> %(resolved)s)

-- name: moved_sites
-- To another account, after something had been decided about them; or after both accounts had been decided about, so
-- that their data went with them unasked.
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, organization_id, detail)
SELECT 'moved_site', t.connection_id || '/site/' || t.site_id, t.connection_id, 'site', t.site_id, t.organization_id,
  jsonb_build_object('was_account', w.was::text)
FROM site_standing t
LEFT JOIN LATERAL (
  SELECT organization_id, save_id FROM mapping
  WHERE connection_id = t.connection_id AND kind = 'account' AND scope_id = t.moved_from AND decision = 'mapped'
  OFFSET 0) a ON true
LEFT JOIN mapping_save b ON b.save_id = a.save_id
LEFT JOIN mapping_save n ON n.save_id = t.save_id
JOIN connection c ON c.connection_id = t.connection_id
CROSS JOIN LATERAL (
  SELECT CASE t.origin WHEN 'site' THEN nullif(t.seen ->> 'account_id', '')::bigint ELSE t.moved_from END AS was) w
WHERE (%(connection_id)s::bigint IS NULL OR t.connection_id = %(connection_id)s)
  AND t.standing IN ('active', 'expired') AND w.was IS NOT NULL AND w.was <> t.account_id
  AND (t.origin = 'site' OR (
    t.decision <> 'undecided' AND coalesce(a.organization_id, c.organization_id) IS NOT NULL
    AND coalesce(a.organization_id, c.organization_id) IS DISTINCT FROM
      CASE t.decision WHEN 'mapped' THEN t.organization_id END
    AND coalesce(b.at, '-infinity') < t.moved_at AND coalesce(n.at, '-infinity') < t.moved_at))

-- name: renamed
-- Sites and accounts that were called otherwise when they were mapped: whose their new names are is to be found out.
SELECT m.connection_id, m.kind AS scope, m.scope_id, n.name, m.seen ->> 'name' AS was, m.organization_id
FROM mapping m
JOIN connection c USING (connection_id)
CROSS JOIN LATERAL (
  SELECT name, gone_at FROM site
  WHERE m.kind = 'site' AND connection_id = m.connection_id AND site_id = m.scope_id
  UNION ALL
  SELECT name, gone_at FROM account
  WHERE m.kind = 'account' AND connection_id = m.connection_id AND account_id = m.scope_id) n
WHERE (%(connection_id)s::bigint IS NULL OR m.connection_id = %(connection_id)s)
  AND c.state <> 'deleted' AND m.decision = 'mapped' AND n.gone_at IS NULL
  AND m.seen ->> 'name' IS NOT NULL AND n.name <> m.seen ->> 'name'
ORDER BY m.connection_id, m.kind, m.scope_id

-- name: known
-- The organizations whose names a new name may resemble.
SELECT organization_id, organization_uuid, name, external_id, aliases, domains FROM organization
WHERE archived_at IS NULL ORDER BY organization_id

-- name: renamed_sites
-- Those whose new names speak of another organization; the mapping holds.
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, organization_id, detail)
SELECT 'renamed_' || r.scope, r.connection_id || '/' || r.scope || '/' || r.scope_id, r.connection_id, r.scope,
  r.scope_id, r.organization_id, r.detail
FROM jsonb_to_recordset(%(rows)s)
  AS r (connection_id bigint, scope text, scope_id bigint, organization_id bigint, detail jsonb)

-- name: contradicted_sites
-- More than half of the site's devices are in domains of another organization that were not there when it was mapped.
-- Parent and child may share a domain.
WITH mapped AS (
  SELECT * FROM site_standing
  WHERE (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
    AND decision = 'mapped' AND standing IN ('active', 'expired')
), owned AS (
  SELECT organization_id, parent_id, lower(d.domain) AS domain FROM organization CROSS JOIN unnest(domains) AS d (domain)
  WHERE archived_at IS NULL
), present AS (
  SELECT connection_id, site_id, lower(coalesce(domain, '')) AS domain, count(*) AS devices FROM device
  WHERE (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s) AND NOT state = ANY (%(retired_states)s)
    AND EXISTS (SELECT FROM owned)
  GROUP BY 1, 2, 3
), total AS (
  SELECT connection_id, site_id, sum(devices) AS devices FROM present GROUP BY 1, 2
), speaking AS (
  SELECT m.connection_id, m.site_id, m.organization_id, o.organization_id AS other_id, sum(p.devices) AS devices,
    jsonb_agg(p.domain ORDER BY p.domain) AS domains
  FROM present p
  JOIN owned o USING (domain)
  JOIN mapped m USING (connection_id, site_id)
  JOIN organization own ON own.organization_id = m.organization_id
  WHERE o.organization_id <> m.organization_id AND o.parent_id IS DISTINCT FROM m.organization_id
    AND own.parent_id IS DISTINCT FROM o.organization_id
    AND NOT coalesce(m.seen -> 'domains', '[]') ? p.domain
    AND NOT EXISTS (SELECT FROM owned w WHERE w.organization_id = m.organization_id AND w.domain = p.domain)
  GROUP BY 1, 2, 3, 4
)
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, organization_id, detail)
SELECT DISTINCT ON (s.connection_id, s.site_id) 'domain_contradiction', s.connection_id || '/site/' || s.site_id,
  s.connection_id, 'site', s.site_id, s.organization_id,
  jsonb_build_object('other', o.organization_uuid, 'domains', s.domains)
FROM speaking s
JOIN total t USING (connection_id, site_id)
JOIN organization o ON o.organization_id = s.other_id
WHERE s.devices * 2 > t.devices
ORDER BY s.connection_id, s.site_id, s.devices DESC, s.other_id

-- name: twice_owned_sites
-- The same site of the same console, by two connections, with two organizations.
WITH owners AS (
  SELECT c.base_url, t.site_id, t.connection_id, t.organization_id,
    min(t.organization_id) OVER same <> max(t.organization_id) OVER same AS differ,
    row_number() OVER (same ORDER BY t.connection_id) AS place
  FROM site_standing t JOIN connection c USING (connection_id)
  WHERE t.decision = 'mapped'
  WINDOW same AS (PARTITION BY c.base_url, t.site_id)
)
INSERT INTO drifting (kind, subject, connection_id, scope, scope_id, organization_id, detail)
SELECT DISTINCT ON (f.base_url, f.site_id) 'two_organizations', f.base_url || '/' || f.site_id, f.connection_id, 'site',
  f.site_id, f.organization_id,
  jsonb_build_object('other', o.organization_uuid, 'other_connection', c.connection_uuid)
FROM owners f
JOIN owners l ON l.base_url = f.base_url AND l.site_id = f.site_id AND l.organization_id <> f.organization_id
JOIN organization o ON o.organization_id = l.organization_id
JOIN connection c ON c.connection_id = l.connection_id
WHERE f.differ AND f.place = 1
ORDER BY f.base_url, f.site_id, l.connection_id

-- name: empty_organizations
-- Neither they nor one below them has a site, an account or a connection; not told before there is a site at all.
WITH RECURSIVE peopled AS (
  SELECT organization_id FROM site_standing WHERE decision = 'mapped' AND standing IN ('active', 'expired')
  UNION
  SELECT m.organization_id FROM mapping m
  JOIN connection c USING (connection_id)
  JOIN account a ON a.connection_id = m.connection_id AND a.account_id = m.scope_id
  WHERE m.kind = 'account' AND m.decision = 'mapped' AND c.state <> 'deleted' AND a.gone_at IS NULL
  UNION
  SELECT organization_id FROM connection WHERE organization_id IS NOT NULL AND state <> 'deleted'
), upwards AS (
  SELECT o.organization_id, o.parent_id FROM organization o JOIN peopled USING (organization_id)
  UNION
  SELECT o.organization_id, o.parent_id FROM organization o JOIN upwards u ON u.parent_id = o.organization_id
)
INSERT INTO drifting (kind, subject, organization_id, detail)
SELECT 'empty_organization', 'organization/' || organization_id, organization_id, '{}'
FROM organization
WHERE archived_at IS NULL AND organization_id NOT IN (SELECT organization_id FROM upwards)
  AND EXISTS (SELECT FROM site_standing)

-- name: archived_organizations
-- They are archived and own sites all the same.
INSERT INTO drifting (kind, subject, organization_id, detail)
SELECT 'archived_organization', 'organization/' || o.organization_id, o.organization_id, '{}'
FROM organization o
WHERE o.archived_at IS NOT NULL AND o.organization_id IN (
  SELECT organization_id FROM site_standing WHERE decision = 'mapped' AND standing <> 'gone')

-- name: begin
-- What holds and was not told yet begins, once; what goes on is told as it is now, which is no news. An entry of the
-- log belongs to a connection: for what is about an organization alone that is the default one, or else the oldest.
WITH known AS (
  UPDATE drift d SET detail = g.detail, organization_id = g.organization_id
  FROM drifting g
  WHERE d.ended_at IS NULL AND d.kind = g.kind AND d.subject = g.subject
    AND (d.detail, d.organization_id) IS DISTINCT FROM (g.detail, g.organization_id)
), begun AS (
  INSERT INTO drift (kind, subject, connection_id, scope, scope_id, organization_id, detail)
  SELECT kind, subject, connection_id, scope, scope_id, organization_id, detail FROM drifting g
  WHERE NOT EXISTS (SELECT FROM drift d WHERE d.ended_at IS NULL AND d.kind = g.kind AND d.subject = g.subject)
  RETURNING *
)
SELECT drift_id, kind FROM begun

-- name: settle
-- What was told and no longer holds ends, of the kinds and the connection that were looked at; and whatever was told
-- about connections that were removed since.
WITH ended AS (
  UPDATE drift d SET ended_at = now()
  WHERE d.ended_at IS NULL
    AND NOT EXISTS (SELECT FROM drifting g WHERE g.kind = d.kind AND g.subject = d.subject)
    AND ((d.kind = ANY (%(kinds)s)
          AND (%(connection_id)s::bigint IS NULL OR d.connection_id = %(connection_id)s OR d.kind = ANY (%(overall)s)))
      OR d.connection_id IN (SELECT connection_id FROM connection WHERE state = 'deleted'))
  RETURNING *
)
SELECT drift_id, kind FROM ended

-- name: tell
-- An entry of the change log for each of these. What is about no connection stands at the default one.
INSERT INTO change (connection_id, kind, subject_id, site_id, detail)
SELECT c.connection_id, %(told)s, c.connection_uuid, CASE WHEN d.scope = 'site' THEN d.scope_id END,
  jsonb_build_object('drift', d.kind, 'subject', d.drift_id, 'kind', d.scope, 'id', d.scope_id::text,
    'name', coalesce(s.name, a.name), 'organization', o.name)
FROM drift d
CROSS JOIN LATERAL (
  SELECT connection_id, connection_uuid FROM connection
  WHERE connection_id = d.connection_id OR (d.connection_id IS NULL AND state <> 'deleted')
  ORDER BY is_default DESC, connection_id LIMIT 1) c
LEFT JOIN site s ON d.scope = 'site' AND s.connection_id = d.connection_id AND s.site_id = d.scope_id
LEFT JOIN account a ON d.scope = 'account' AND a.connection_id = d.connection_id AND a.account_id = d.scope_id
LEFT JOIN organization o ON o.organization_id = d.organization_id
WHERE d.drift_id = ANY (%(drift_ids)s)

-- name: listed
-- A page of what needs a person, the longest first, with what it is called now. `alone` tells whether nothing else of
-- its kind in the connection has the site's or account's name, so that it can be named by it.
SELECT d.drift_id, d.kind, d.began_at, d.detail, d.scope, d.scope_id::text AS scope_id,
  c.name AS connection, c.connection_uuid,
  coalesce(s.name, a.name) AS name,
  coalesce(CASE d.scope
    WHEN 'site' THEN (d.connection_id, s.name) NOT IN (
      SELECT connection_id, name FROM site WHERE name IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1)
    WHEN 'account' THEN (d.connection_id, a.name) NOT IN (
      SELECT connection_id, name FROM account WHERE name IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1)
  END, false) AS alone,
  n.name AS account, w.name AS was_account,
  o.organization_uuid, o.name AS organization, u.organization_uuid AS other_uuid, u.name AS other,
  coalesce(o.name NOT IN (SELECT name FROM organization GROUP BY name HAVING count(*) > 1), false) AS organization_alone,
  coalesce(u.name NOT IN (SELECT name FROM organization GROUP BY name HAVING count(*) > 1), false) AS other_alone,
  k.name AS other_connection, k.connection_uuid AS other_connection_uuid,
  coalesce(m.save_id, 0) AS version, coalesce(x.save_id, 0) AS other_version, coalesce(m.decision, 'undecided') AS decision, m.reason
FROM drift d
LEFT JOIN connection c ON c.connection_id = d.connection_id
LEFT JOIN site s ON d.scope = 'site' AND s.connection_id = d.connection_id AND s.site_id = d.scope_id
LEFT JOIN account a ON d.scope = 'account' AND a.connection_id = d.connection_id AND a.account_id = d.scope_id
LEFT JOIN account n ON n.connection_id = d.connection_id AND n.account_id = s.account_id
LEFT JOIN account w ON w.connection_id = d.connection_id AND w.account_id = (d.detail ->> 'was_account')::bigint
LEFT JOIN organization o ON o.organization_id = d.organization_id
LEFT JOIN organization u ON u.organization_uuid = (d.detail ->> 'other')::uuid
LEFT JOIN connection k ON k.connection_uuid = (d.detail ->> 'other_connection')::uuid
LEFT JOIN mapping m ON m.connection_id = d.connection_id AND m.kind = d.scope AND m.scope_id = d.scope_id
LEFT JOIN mapping x ON x.connection_id = k.connection_id AND x.kind = d.scope AND x.scope_id = d.scope_id
WHERE d.ended_at IS NULL AND c.state IS DISTINCT FROM 'deleted'
  AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)
  AND (%(connection_id)s::bigint IS NULL OR d.connection_id = %(connection_id)s)
  AND (%(organization_id)s::bigint IS NULL OR d.organization_id = %(organization_id)s)
  AND (%(after_at)s::timestamptz IS NULL OR (d.began_at, d.drift_id) > (%(after_at)s, %(after_id)s::uuid))
ORDER BY d.began_at, d.drift_id LIMIT %(limit)s

-- name: keep
-- What is decided about a site or account is held against what it is now, and no longer against what it was. Nothing is
-- decided anew by that, so the version stays.
UPDATE mapping m SET seen = m.seen || jsonb_build_object(
  'name', coalesce(s.name, a.name), 'account_id', s.account_id, 'standing', t.standing, 'domains', coalesce(n.domains, '[]'))
FROM drift d
LEFT JOIN site s ON d.scope = 'site' AND s.connection_id = d.connection_id AND s.site_id = d.scope_id
LEFT JOIN account a ON d.scope = 'account' AND a.connection_id = d.connection_id AND a.account_id = d.scope_id
LEFT JOIN site_standing t ON t.connection_id = s.connection_id AND t.site_id = s.site_id
LEFT JOIN LATERAL (
  SELECT jsonb_agg(DISTINCT lower(e.domain)) AS domains FROM device e
  JOIN site f ON f.connection_id = e.connection_id AND f.site_id = e.site_id
  WHERE e.connection_id = d.connection_id AND e.domain <> ''
    AND CASE d.scope WHEN 'site' THEN f.site_id ELSE f.account_id END = d.scope_id) n ON true
WHERE d.drift_id = %(drift_id)s AND d.ended_at IS NULL AND d.kind = ANY (%(kinds)s) AND m.decision <> 'undecided'
  AND m.connection_id = d.connection_id AND m.kind = d.scope AND m.scope_id = d.scope_id
RETURNING d.connection_id, d.kind, coalesce(s.name, a.name) AS name, m.organization_id

-- name: kind_of
-- What a drift that lasts is.
SELECT kind FROM drift WHERE drift_id = %(drift_id)s AND ended_at IS NULL

-- name: forget
-- Drift that settled long ago.
DELETE FROM drift d USING (
  SELECT drift_id FROM drift WHERE ended_at < now() - %(kept)s::interval LIMIT %(batch)s) old
WHERE d.drift_id = old.drift_id
