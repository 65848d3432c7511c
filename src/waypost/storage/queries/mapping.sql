-- What is decided about sites and accounts: reading it, saving it, its history. Whose a site is, is `site_owner`'s to
-- say wherever data is read by it; here it is told apart what a site's own decision is and what comes from above.

-- name: one_at_a_time
-- Two that save at once do so one after the other: the second sees what the first has decided.
SELECT pg_advisory_xact_lock(%(lock)s)

-- name: consoles
-- The connections, and the organization that each was connected for; the default first.
SELECT connection_id, connection_uuid, name, base_url, organization_id, is_default FROM connection
WHERE state <> 'deleted' ORDER BY is_default DESC, name

-- name: hold_consoles
-- None of these is removed before what is decided about its sites is stored, so that purging leaves nothing of it.
SELECT connection_id FROM connection WHERE connection_id = ANY (%(connection_ids)s) AND state <> 'deleted'
ORDER BY connection_id FOR SHARE

-- name: accounts
-- Every account, and what is decided about it.
SELECT a.connection_id, a.account_id AS scope_id, a.name, NULL::bigint AS account_id,
  nullif(a.vendor ->> 'externalId', '') AS external_id, a.state, a.gone_at IS NOT NULL AS gone,
  m.decision, m.organization_id, m.reason, coalesce(m.save_id, 0) AS version
FROM account a
LEFT JOIN mapping m ON m.connection_id = a.connection_id AND m.kind = 'account' AND m.scope_id = a.account_id

-- name: sites
-- Every site, and what is decided about it.
SELECT s.connection_id, s.site_id AS scope_id, s.name, s.account_id,
  nullif(s.vendor ->> 'externalId', '') AS external_id, s.state, s.gone_at IS NOT NULL AS gone,
  m.decision, m.organization_id, m.reason, coalesce(m.save_id, 0) AS version
FROM site s
LEFT JOIN mapping m ON m.connection_id = s.connection_id AND m.kind = 'site' AND m.scope_id = s.site_id

-- name: organizations
-- Every organization, as far as decisions and suggestions go by it.
SELECT organization_id, organization_uuid, name, parent_id, external_id, aliases, domains,
  archived_at IS NOT NULL AS archived
FROM organization ORDER BY organization_id

-- name: hold_organizations
-- Those that are mapped to: none of them is archived or changed until that is stored. Which of them are archived.
SELECT organization_id FROM (
  SELECT organization_id, archived_at FROM organization WHERE organization_id = ANY (%(organization_ids)s)
  ORDER BY organization_id FOR NO KEY UPDATE) o
WHERE archived_at IS NOT NULL

-- name: domains
-- The domains of these sites' devices, and how many devices have each.
SELECT d.connection_id, d.site_id, lower(d.domain) AS domain, count(*) AS devices
FROM device d
WHERE (d.connection_id, d.site_id) IN (SELECT * FROM unnest(%(connection_ids)s::bigint[], %(site_ids)s::bigint[]))
  AND d.domain <> ''
GROUP BY 1, 2, 3

-- name: devices
-- How many devices these sites have.
SELECT connection_id, site_id, count(*) FROM device
WHERE (connection_id, site_id) IN (SELECT * FROM unnest(%(connection_ids)s::bigint[], %(site_ids)s::bigint[]))
GROUP BY 1, 2

-- name: open_findings
-- How many findings of these sites are not resolved, site by site by index.
SELECT w.connection_id, w.site_id, f.findings
FROM unnest(%(connection_ids)s::bigint[], %(site_ids)s::bigint[]) AS w (connection_id, site_id)
CROSS JOIN LATERAL (
  SELECT count(*) AS findings FROM finding f
  WHERE f.connection_id = w.connection_id AND f.site_id = w.site_id AND f.state <> %(resolved)s) f

-- name: begin
-- An entry of the history.
INSERT INTO mapping_save (actor_kind, actor, request_id, source, undoes)
VALUES (%(actor_kind)s, %(actor)s, %(request_id)s, %(source)s, %(undoes)s)
RETURNING save_id, save_uuid

-- name: apply
-- What a save changes: the decisions, what they were and are in the history, and the change log.
WITH wanted AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (connection_id bigint, kind text, scope_id bigint, name text,
    decision text, organization_id bigint, reason text, evidence jsonb, seen jsonb, alias text, detail jsonb)
), kept AS (
  INSERT INTO mapping_change (connection_id, kind, scope_id, save_id, name, before, after, alias)
  SELECT r.connection_id, r.kind, r.scope_id, %(save_id)s, r.name,
    CASE WHEN m.save_id IS NOT NULL THEN jsonb_build_object('decision', m.decision, 'organization_id',
      m.organization_id, 'reason', m.reason, 'evidence', m.evidence, 'seen', m.seen) END,
    jsonb_build_object('decision', r.decision, 'organization_id', r.organization_id, 'reason', r.reason,
      'evidence', r.evidence, 'seen', r.seen),
    r.alias
  FROM wanted r LEFT JOIN mapping m USING (connection_id, kind, scope_id)
), logged AS (
  INSERT INTO change (connection_id, kind, subject_id, site_id, detail)
  SELECT r.connection_id, %(mapping_changed)s, c.connection_uuid,
    CASE WHEN r.kind = 'site' THEN r.scope_id END, r.detail
  FROM wanted r JOIN connection c USING (connection_id)
)
INSERT INTO mapping (connection_id, kind, scope_id, decision, organization_id, reason, evidence, seen, save_id)
SELECT connection_id, kind, scope_id, decision, organization_id, reason, evidence, seen, %(save_id)s FROM wanted
ON CONFLICT (connection_id, kind, scope_id) DO UPDATE
SET decision = excluded.decision, organization_id = excluded.organization_id, reason = excluded.reason,
  evidence = excluded.evidence, seen = excluded.seen, save_id = excluded.save_id

-- name: remember
-- Names that a person's choice gave to organizations, as further names of theirs.
UPDATE organization o SET aliases = o.aliases || r.aliases, changed_at = now()
FROM (SELECT organization_id, array_agg(alias ORDER BY place) AS aliases
      FROM unnest(%(organization_ids)s::bigint[], %(aliases)s::text[]) WITH ORDINALITY
        AS r (organization_id, alias, place)
      GROUP BY 1) r
WHERE o.organization_id = r.organization_id

-- name: forget
-- Names that a choice had given, which was undone.
UPDATE organization o SET changed_at = now(),
  aliases = ARRAY(SELECT alias FROM unnest(o.aliases) WITH ORDINALITY AS a (alias, place)
                  WHERE alias <> ALL (r.aliases) ORDER BY place)
FROM (SELECT organization_id, array_agg(alias) AS aliases
      FROM unnest(%(organization_ids)s::bigint[], %(aliases)s::text[]) AS r (organization_id, alias)
      GROUP BY 1) r
WHERE o.organization_id = r.organization_id

-- name: deciders
-- Who made these saves, and when.
SELECT save_id, actor, at FROM mapping_save WHERE save_id = ANY (%(save_ids)s)

-- name: scopes
-- A page of accounts and sites, whose each is and what says so; the nearest decision wins, as `site_owner` has it.
-- Decisions are looked up one by one: joined, they are read through for each site until there are statistics of them.
WITH every AS (
  SELECT a.connection_id, 'account' AS kind, a.account_id AS scope_id, a.name, NULL::bigint AS account_id, a.state,
    a.gone_at IS NOT NULL AS gone, a.vendor
  FROM account a WHERE %(kind)s::text IS DISTINCT FROM 'site'
  UNION ALL
  SELECT s.connection_id, 'site', s.site_id, s.name, s.account_id, s.state, s.gone_at IS NOT NULL, s.vendor
  FROM site s WHERE %(kind)s::text IS DISTINCT FROM 'account'
), ruled AS (
  SELECT e.*, c.name AS connection, c.connection_uuid,
    coalesce(m.decision, 'undecided') AS own, m.organization_id AS own_organization, m.reason AS own_reason,
    m.evidence, coalesce(m.save_id, 0) AS version,
    CASE WHEN m.decision <> 'undecided' THEN e.kind WHEN a.decision <> 'undecided' THEN 'account'
      WHEN c.organization_id IS NOT NULL THEN 'connection' END AS origin,
    CASE WHEN m.decision <> 'undecided' THEN m.decision WHEN a.decision <> 'undecided' THEN a.decision
      WHEN c.organization_id IS NOT NULL THEN 'mapped' ELSE 'undecided' END AS decision,
    CASE WHEN m.decision <> 'undecided' THEN m.organization_id WHEN a.decision <> 'undecided' THEN a.organization_id
      ELSE c.organization_id END AS organization_id,
    CASE WHEN m.decision <> 'undecided' THEN m.reason ELSE a.reason END AS reason
  FROM every e
  JOIN connection c USING (connection_id)
  LEFT JOIN LATERAL (SELECT * FROM mapping m
    WHERE m.connection_id = e.connection_id AND m.kind = e.kind AND m.scope_id = e.scope_id OFFSET 0) m ON true
  LEFT JOIN LATERAL (SELECT * FROM mapping m
    WHERE m.connection_id = e.connection_id AND m.kind = 'account' AND m.scope_id = e.account_id OFFSET 0) a ON true
  WHERE c.state <> 'deleted'
    AND (%(connection_id)s::bigint IS NULL OR e.connection_id = %(connection_id)s)
    AND (%(search)s::text IS NULL OR strpos(lower(e.name), lower(%(search)s)) > 0
         OR e.scope_id::text = %(search)s)
), page AS MATERIALIZED (
  SELECT * FROM ruled
  WHERE (%(decision)s::text IS NULL OR decision = %(decision)s)
    AND (%(organization_id)s::bigint IS NULL OR organization_id = %(organization_id)s)
    AND (%(after_connection)s::text IS NULL OR (connection, kind, coalesce(name, ''), scope_id)
         > (%(after_connection)s::text, %(after_kind)s::text, %(after_name)s::text, %(after_id)s::bigint))
  ORDER BY connection, kind, coalesce(name, ''), scope_id
  LIMIT %(limit)s::bigint
)
SELECT p.connection_id, p.connection, p.connection_uuid, p.kind, p.scope_id, p.name, u.name AS account,
  p.account_id::text AS account_id, p.state, p.gone, nullif(p.vendor ->> 'externalId', '') AS external_id,
  p.own, p.own_reason, oo.organization_uuid AS own_uuid, oo.name AS own_name,
  p.decision, p.reason, p.origin, o.organization_uuid, o.name AS organization_name,
  p.version, p.evidence, v.actor AS decided_by, v.at AS decided_at
FROM page p
LEFT JOIN LATERAL (SELECT name FROM account u
  WHERE u.connection_id = p.connection_id AND u.account_id = p.account_id OFFSET 0) u ON true
LEFT JOIN organization oo ON oo.organization_id = p.own_organization
LEFT JOIN organization o ON o.organization_id = p.organization_id
LEFT JOIN mapping_save v ON v.save_id = p.version
ORDER BY p.connection, p.kind, coalesce(p.name, ''), p.scope_id

-- name: sites_of_accounts
-- The sites of these accounts.
SELECT connection_id, account_id, site_id FROM site WHERE (connection_id, account_id) IN (
  SELECT * FROM unnest(%(connection_ids)s::bigint[], %(account_ids)s::bigint[]))

-- name: reached
-- Which organization is on which console, and how: one row for each of both. An organization that is on none is reached
-- through the default connection, if there is one; what nobody has decided about is told apart, with no organization.
WITH devices AS (
  SELECT connection_id, site_id, count(*) AS devices FROM device GROUP BY 1, 2
), owned AS (
  SELECT w.connection_id, w.organization_id, count(*) AS sites, coalesce(sum(d.devices), 0)::bigint AS devices
  FROM site_owner w LEFT JOIN devices d USING (connection_id, site_id) GROUP BY 1, 2
), present AS (
  SELECT c.connection_id, c.organization_id FROM connection c WHERE c.organization_id IS NOT NULL AND c.state <> 'deleted'
  UNION
  SELECT connection_id, organization_id FROM owned
), rows AS (
  SELECT o.organization_uuid, o.name AS organization, c.connection_uuid, c.name AS connection,
    coalesce(w.sites, 0) AS sites, coalesce(w.devices, 0) AS devices,
    CASE WHEN c.organization_id = o.organization_id THEN 'connection' ELSE 'mapping' END AS reached,
    o.organization_id, c.connection_id
  FROM present p
  JOIN organization o USING (organization_id)
  JOIN connection c USING (connection_id)
  LEFT JOIN owned w ON w.connection_id = p.connection_id AND w.organization_id = p.organization_id
  UNION ALL
  SELECT o.organization_uuid, o.name, c.connection_uuid, c.name, 0, 0,
    CASE WHEN c.connection_id IS NULL THEN 'none' ELSE 'default' END, o.organization_id, c.connection_id
  FROM organization o LEFT JOIN connection c ON c.is_default AND c.state <> 'deleted'
  WHERE o.archived_at IS NULL AND o.organization_id NOT IN (SELECT organization_id FROM present)
  UNION ALL
  SELECT NULL, NULL, c.connection_uuid, c.name, count(*), coalesce(sum(d.devices), 0)::bigint, 'none', NULL,
    c.connection_id
  FROM site s
  JOIN connection c USING (connection_id)
  LEFT JOIN mapping m ON m.connection_id = s.connection_id AND m.kind = 'site' AND m.scope_id = s.site_id
    AND m.decision <> 'undecided'
  LEFT JOIN mapping a ON a.connection_id = s.connection_id AND a.kind = 'account' AND a.scope_id = s.account_id
    AND a.decision <> 'undecided'
  LEFT JOIN devices d ON d.connection_id = s.connection_id AND d.site_id = s.site_id
  WHERE c.state <> 'deleted' AND c.organization_id IS NULL AND m.decision IS NULL AND a.decision IS NULL
  GROUP BY c.connection_id
)
SELECT organization_uuid, organization, connection_uuid, connection, sites, devices, reached FROM rows
WHERE (%(organization_id)s::bigint IS NULL OR organization_id = %(organization_id)s)
  AND (%(connection_id)s::bigint IS NULL OR connection_id = %(connection_id)s)
  AND (%(after_organization)s::text IS NULL
       OR (coalesce(organization, ''), coalesce(organization_uuid::text, ''), coalesce(connection, ''))
          > (%(after_organization)s::text, %(after_uuid)s::text, %(after_connection)s::text))
ORDER BY coalesce(organization, ''), coalesce(organization_uuid::text, ''), coalesce(connection, '')
LIMIT %(limit)s::bigint

-- name: saves
-- The newest saves first, with what each decided and whether it was undone; `save_id` is the cursor.
SELECT s.save_uuid AS id, s.save_id AS version, s.at, s.actor_kind, s.actor, s.request_id, s.source,
  former.save_uuid AS undoes, later.save_uuid AS undone_by, n.changes, n.mapped, n.ignored, n.undecided
FROM mapping_save s
LEFT JOIN mapping_save former ON former.save_id = s.undoes
LEFT JOIN mapping_save later ON later.undoes = s.save_id
CROSS JOIN LATERAL (
  SELECT count(*) AS changes, count(*) FILTER (WHERE h.after ->> 'decision' = 'mapped') AS mapped,
    count(*) FILTER (WHERE h.after ->> 'decision' = 'ignored') AS ignored,
    count(*) FILTER (WHERE h.after ->> 'decision' = 'undecided') AS undecided
  FROM mapping_change h JOIN connection c USING (connection_id) WHERE h.save_id = s.save_id AND c.state <> 'deleted') n
WHERE (%(save_uuid)s::uuid IS NULL OR s.save_uuid = %(save_uuid)s)
  AND (%(before_version)s::bigint IS NULL OR s.save_id < %(before_version)s)
ORDER BY s.save_id DESC LIMIT %(limit)s::bigint

-- name: changes
-- What saves changed, of one save or about one site or account: the newest save first.
SELECT s.save_uuid AS save, s.save_id AS version, s.at, s.actor, s.source, c.name AS connection, c.connection_uuid,
  h.kind, h.scope_id::text AS id, h.name, h.before, h.after, h.alias
FROM mapping_change h
JOIN mapping_save s USING (save_id)
JOIN connection c USING (connection_id)
WHERE c.state <> 'deleted'
  AND (%(save_uuid)s::uuid IS NULL OR s.save_uuid = %(save_uuid)s)
  AND (%(connection_id)s::bigint IS NULL
       OR (h.connection_id, h.kind, h.scope_id) = (%(connection_id)s::bigint, %(kind)s::text, %(scope_id)s::bigint))
  AND (%(after_version)s::bigint IS NULL OR (-s.save_id, c.name, h.kind, h.scope_id)
       > (-%(after_version)s::bigint, %(after_connection)s::text, %(after_kind)s::text, %(after_id)s::bigint))
ORDER BY -s.save_id, c.name, h.kind, h.scope_id LIMIT %(limit)s::bigint

-- name: to_undo
-- What a save changed, with the version of each decision now; and where it undid another, the name that one had learned.
-- What came after it and was undone does not count: everything is then as this save had left it.
SELECT h.connection_id, h.kind, h.scope_id, h.before, h.after, h.alias, undone.alias AS former_alias,
  CASE WHEN h.save_id = ANY (standing.saves) THEN h.save_id ELSE coalesce(m.save_id, 0) END AS version
FROM mapping_change h
JOIN mapping_save s USING (save_id)
JOIN connection c USING (connection_id)
LEFT JOIN mapping m USING (connection_id, kind, scope_id)
CROSS JOIN LATERAL (
  WITH RECURSIVE as_after (save_id) AS (
    SELECT m.save_id
    UNION ALL
    SELECT (SELECT max(p.save_id) FROM mapping_change p
            WHERE (p.connection_id, p.kind, p.scope_id) = (h.connection_id, h.kind, h.scope_id) AND p.save_id < u.undoes)
    FROM as_after JOIN mapping_save u USING (save_id) WHERE u.undoes IS NOT NULL)
  SELECT array_agg(save_id) AS saves FROM as_after) standing
LEFT JOIN mapping_change undone ON undone.connection_id = h.connection_id AND undone.kind = h.kind
  AND undone.scope_id = h.scope_id AND undone.save_id = s.undoes
WHERE s.save_id = %(save_id)s AND c.state <> 'deleted'
ORDER BY c.name, h.kind, h.scope_id
