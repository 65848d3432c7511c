-- Lists of what stands around the findings: accounts, groups, software and CVEs.
--
-- Words in braces stand for what the modules put there: `{order}`, `{after}` and `{keys}` are the page's, as
-- `unified/ordering.py` says; `{site}` and `{scope_group}` the rows that the caller means, as `unified/scopes.py` says;
-- `{rows}` and `{where}` the findings that he means, with the alias f, as `unified/selecting.py` says.
--
-- The keys of software and of CVE facts are hashes of what they say, the same in all connections.
--
-- A page is cut before anything is counted for it. Where a count could go over all that there is, it stops one after
-- `most`.

-- name: everybodys_accounts
-- All accounts, those without a site among them.
true

-- name: accounts_of_sites
-- The accounts of these sites.
(a.connection_id, a.account_id) IN (SELECT s.connection_id, s.account_id FROM {site} s)

-- name: accounts
-- Accounts by name: whose each is as a whole, and what is there.
WITH page AS MATERIALIZED (
  SELECT a.connection_id, a.account_id, coalesce(a.name, '') AS name, a.state, a.gone_at FROM account a
  WHERE a.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))
    AND {accounts}
    AND (%(connection)s::text[] IS NULL
         OR a.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s)))
    AND (%(account)s::text[] IS NULL OR a.account_id::text = ANY (%(account)s)
         OR lower(a.name) IN (SELECT lower(unnest(%(account)s::text[]))))
    AND {after}
  ORDER BY {order}
  LIMIT %(limit)s
), there AS MATERIALIZED (
  SELECT s.connection_id, s.account_id, s.site_id, s.gone_at FROM {site} s
  WHERE (s.connection_id, s.account_id) IN (SELECT connection_id, account_id FROM page)
)
SELECT a.account_id::text AS id, c.name AS connection, a.name,
  CASE WHEN a.gone_at IS NULL THEN a.state ELSE 'gone' END AS state,
  w.organization_id, w.organization_name, coalesce(n.sites, 0) AS sites, coalesce(n.devices, 0) AS devices, f.open_findings, {keys}
FROM page a
JOIN connection c ON c.connection_id = a.connection_id
{owner}
LEFT JOIN (
  SELECT s.connection_id, s.account_id, count(*) FILTER (WHERE s.gone_at IS NULL) AS sites, sum(d.devices)::bigint AS devices
  FROM there s
  CROSS JOIN LATERAL (
    SELECT count(*) AS devices FROM device d
    WHERE d.connection_id = s.connection_id AND d.site_id = s.site_id AND NOT d.state = ANY (%(retired)s)
  ) d
  GROUP BY s.connection_id, s.account_id
) n ON n.connection_id = a.connection_id AND n.account_id = a.account_id
CROSS JOIN LATERAL (
  SELECT count(*) AS open_findings FROM (
    SELECT FROM there s JOIN finding f ON f.connection_id = s.connection_id AND f.site_id = s.site_id
    WHERE s.connection_id = a.connection_id AND s.account_id = a.account_id AND f.state <> %(resolved)s
    LIMIT %(most)s + 1
  ) f
) f
ORDER BY {order}

-- name: owner
-- Whose an account is as a whole, for a caller who sees them all: by a decision about it, else by its connection.
LEFT JOIN LATERAL (
  SELECT g.organization_uuid::text AS organization_id, g.name AS organization_name FROM organization g
  WHERE g.organization_id = coalesce(
    (SELECT CASE m.decision WHEN 'mapped' THEN m.organization_id ELSE 0 END FROM mapping m
     WHERE m.connection_id = a.connection_id AND m.kind = 'account' AND m.scope_id = a.account_id
       AND m.decision <> 'undecided'),
    c.organization_id)
) w ON true

-- name: owner_is_the_caller
-- The same for a caller who sees his own alone: which accounts are his was looked up before.
LEFT JOIN (SELECT %(own_id)s::text AS organization_id, %(own_name)s::text AS organization_name) w
  ON (a.connection_id, a.account_id) IN (
    SELECT * FROM unnest(%(whole_connections)s::bigint[], %(whole_accounts)s::bigint[]))

-- name: whole_accounts
-- What an organization is called, and the accounts that are its as a whole.
SELECT g.organization_uuid::text AS own_id, g.name AS own_name,
  coalesce(array_agg(a.connection_id) FILTER (WHERE a.connection_id IS NOT NULL), '{}') AS whole_connections,
  coalesce(array_agg(a.account_id) FILTER (WHERE a.account_id IS NOT NULL), '{}') AS whole_accounts
FROM organization g
LEFT JOIN (
  SELECT a.connection_id, a.account_id,
    CASE WHEN m.decision IS NULL THEN c.organization_id ELSE m.organization_id END AS organization_id
  FROM account a
  JOIN connection c USING (connection_id)
  LEFT JOIN mapping m ON m.connection_id = a.connection_id AND m.kind = 'account' AND m.scope_id = a.account_id
    AND m.decision <> 'undecided'
  WHERE c.state <> 'deleted'
) a USING (organization_id)
WHERE g.organization_id = %(organization_id)s
GROUP BY g.organization_id

-- name: groups
-- Groups by name, with their site and devices.
WITH page AS MATERIALIZED (
  SELECT g.* FROM {scope_group} g
  WHERE (%(connection)s::text[] IS NULL
         OR g.connection_id IN (SELECT connection_id FROM connection WHERE name = ANY (%(connection)s)))
    AND (%(group)s::text[] IS NULL OR g.group_id::text = ANY (%(group)s)
         OR lower(g.name) IN (SELECT lower(unnest(%(group)s::text[]))))
    AND (%(account)s::text[] IS NULL OR (g.connection_id, g.site_id) IN (
      SELECT connection_id, site_id FROM site WHERE account_id::text = ANY (%(account)s)
        OR lower(vendor ->> 'accountName') IN (SELECT lower(unnest(%(account)s::text[])))))
    AND (%(site)s::text[] IS NULL OR g.site_id::text = ANY (%(site)s) OR (g.connection_id, g.site_id) IN (
      SELECT connection_id, site_id FROM site WHERE lower(name) IN (SELECT lower(unnest(%(site)s::text[])))))
    AND {after}
  ORDER BY {order}
  LIMIT %(limit)s
)
SELECT g.group_id::text AS id, c.name AS connection, coalesce(g.name, '') AS name,
  s.name AS site, g.site_id::text AS site_id, s.vendor ->> 'accountName' AS account,
  CASE WHEN g.gone_at IS NULL THEN 'active' ELSE 'gone' END AS state, coalesce(d.devices, 0) AS devices, {keys}
FROM page g
JOIN connection c ON c.connection_id = g.connection_id
LEFT JOIN site s ON s.connection_id = g.connection_id AND s.site_id = g.site_id
LEFT JOIN (
  SELECT connection_id, site_id, group_id, count(*) AS devices FROM device
  WHERE (connection_id, site_id) IN (SELECT connection_id, site_id FROM page) AND NOT state = ANY (%(retired)s)
  GROUP BY connection_id, site_id, group_id
) d ON d.connection_id = g.connection_id AND d.site_id = g.site_id AND d.group_id = g.group_id
ORDER BY {order}

-- name: software
-- Application versions with findings that are not resolved, over all connections, in the order of an index: each is
-- looked at until the page is full.
WITH page AS MATERIALIZED (
  SELECT DISTINCT w.name, w.vendor, w.version FROM software w
  WHERE w.connection_id <> ALL (ARRAY(SELECT connection_id FROM connection WHERE state = 'deleted'))
    AND (%(name)s::text IS NULL OR strpos(lower(w.name), lower(%(name)s)) > 0)
    AND (%(vendor)s::text IS NULL OR strpos(lower(w.vendor), lower(%(vendor)s)) > 0)
    AND {after}
    AND EXISTS (
      SELECT FROM {rows}
      WHERE f.software_id = w.software_id AND f.state <> %(resolved)s AND {where}
      OFFSET 0)
  ORDER BY {order}
  LIMIT %(limit)s
)
SELECT w.name, w.vendor, w.version, n.*, worst.severity, {keys}
FROM page w
CROSS JOIN LATERAL (
  SELECT count(*) AS findings, count(DISTINCT (f.connection_id, f.device_id)) AS devices,
    count(*) FILTER (WHERE f.severity = %(critical)s) AS critical,
    count(*) FILTER (WHERE f.severity = %(high)s) AS high
  FROM (
    SELECT f.connection_id, f.device_id, f.severity
    FROM {rows}
    WHERE f.software_id IN (
      SELECT v.software_id FROM software v WHERE (v.name, v.vendor, v.version) = (w.name, w.vendor, w.version))
      AND f.state <> %(resolved)s AND {where}
    LIMIT %(most)s + 1
  ) f
) n
CROSS JOIN LATERAL (
  SELECT max(f.severity) AS severity
  FROM (
    SELECT DISTINCT v.software_id FROM software v WHERE (v.name, v.vendor, v.version) = (w.name, w.vendor, w.version)
  ) v CROSS JOIN LATERAL (
    SELECT f.severity FROM {rows}
    WHERE f.software_id = v.software_id AND f.state <> %(resolved)s AND {where}
    ORDER BY f.severity DESC LIMIT 1
  ) f
) worst
ORDER BY {order}

-- name: software_of_few
-- The same, from the findings to their software: where sites, devices, CVEs or names leave few of them.
WITH chosen AS MATERIALIZED (
  SELECT f.connection_id, f.device_id, f.software_id, f.severity FROM {rows}
  WHERE {where} AND f.state <> %(resolved)s
)
SELECT w.name, w.vendor, w.version, count(DISTINCT (f.connection_id, f.device_id)) AS devices,
  count(*) AS findings, count(*) FILTER (WHERE f.severity = %(critical)s) AS critical,
  count(*) FILTER (WHERE f.severity = %(high)s) AS high, max(f.severity) AS severity, {keys}
FROM chosen f
JOIN software w ON w.connection_id = f.connection_id AND w.software_id = f.software_id
WHERE {after}
GROUP BY w.name, w.vendor, w.version
ORDER BY {order}
LIMIT %(limit)s

-- name: through
-- Through one of these connections, for findings that are found otherwise: how many a connection has is not known to the
-- planner, who would go through all of its index for every row of the page.
f.connection_id + 0 = ANY (ARRAY(SELECT connection_id FROM connection WHERE name = ANY (%(through)s)))

-- name: cves
-- CVEs with findings that are not resolved, over all connections: each by the worst of what the consoles say of it,
-- in the order of an index. Each is looked at until the page is full.
WITH page AS MATERIALIZED (
  SELECT t.cve, t.severity, t.score, t.score_version, t.published_at, said.*
  FROM cve_facts t
  CROSS JOIN LATERAL (
    SELECT min(array_position(%(maturities)s::text[], lower(x.sent ->> 'exploitCodeMaturity'))) AS maturity,
      bool_or(CASE WHEN lower(x.sent ->> 'exploitCodeMaturity') = ANY (%(said_exploited)s::text[]) THEN true
                   WHEN lower(x.sent ->> 'exploitCodeMaturity') = ANY (%(said_unexploited)s::text[]) THEN false END)
        AS exploited,
      bool_or(CASE WHEN lower(x.sent ->> 'remediationLevel') = ANY (%(said_fixed)s::text[]) THEN true
                   WHEN lower(x.sent ->> 'remediationLevel') = ANY (%(said_unfixed)s::text[]) THEN false END) AS has_fix
    FROM cve_facts x
    WHERE x.cve = t.cve AND EXISTS (
      SELECT FROM {rows}
      WHERE f.facts_id = x.facts_id AND f.state <> %(resolved)s AND {where}
      OFFSET 0)
    OFFSET 0
  ) said
  WHERE {fitting}
    AND EXISTS (
      SELECT FROM {rows}
      WHERE f.facts_id = t.facts_id AND f.state <> %(resolved)s AND {where}
      OFFSET 0)
    AND NOT EXISTS (
      SELECT FROM cve_facts b
      WHERE b.cve = t.cve AND (b.severity, coalesce(b.score, -1::real), b.facts_id, b.connection_id)
            > (t.severity, coalesce(t.score, -1::real), t.facts_id, t.connection_id)
        AND EXISTS (
          SELECT FROM {rows}
          WHERE f.facts_id = b.facts_id AND f.state <> %(resolved)s AND {where}
          OFFSET 0)
      OFFSET 0)
  ORDER BY {order}
  LIMIT %(limit)s
)
SELECT t.*, n.*, {keys}
FROM page t
CROSS JOIN LATERAL (
  SELECT count(*) AS findings, count(DISTINCT (f.connection_id, f.device_id)) AS devices
  FROM (
    SELECT f.connection_id, f.device_id
    FROM {rows}
    WHERE f.facts_id IN (SELECT x.facts_id FROM cve_facts x WHERE x.cve = t.cve) AND f.state <> %(resolved)s AND {where}
    LIMIT %(most)s + 1
  ) f
) n
ORDER BY {order}

-- name: cves_of_few
-- The same, from the findings to their CVEs: where sites, devices or names leave few of them.
WITH chosen AS MATERIALIZED (
  SELECT f.connection_id, f.facts_id, f.device_id, count(*) AS findings FROM {rows}
  WHERE {where} AND f.state <> %(resolved)s
  GROUP BY f.connection_id, f.facts_id, f.device_id
), told AS MATERIALIZED (
  SELECT t.connection_id, t.facts_id, t.cve, t.severity, t.score, t.score_version, t.published_at,
    row_number() OVER (PARTITION BY t.cve ORDER BY t.severity DESC, coalesce(t.score, -1::real) DESC,
                                                   t.facts_id DESC, t.connection_id DESC) AS place,
    min(array_position(%(maturities)s::text[], lower(t.sent ->> 'exploitCodeMaturity')))
      OVER (PARTITION BY t.cve) AS maturity,
    bool_or(CASE WHEN lower(t.sent ->> 'exploitCodeMaturity') = ANY (%(said_exploited)s::text[]) THEN true
                 WHEN lower(t.sent ->> 'exploitCodeMaturity') = ANY (%(said_unexploited)s::text[]) THEN false END)
      OVER (PARTITION BY t.cve) AS exploited,
    bool_or(CASE WHEN lower(t.sent ->> 'remediationLevel') = ANY (%(said_fixed)s::text[]) THEN true
                 WHEN lower(t.sent ->> 'remediationLevel') = ANY (%(said_unfixed)s::text[]) THEN false END)
      OVER (PARTITION BY t.cve) AS has_fix
  FROM (SELECT DISTINCT connection_id, facts_id FROM chosen) u JOIN cve_facts t USING (connection_id, facts_id)
), page AS MATERIALIZED (
  SELECT t.cve, t.severity, t.score, t.score_version, t.published_at, t.maturity, t.exploited, t.has_fix
  FROM told t CROSS JOIN LATERAL (SELECT t.exploited, t.has_fix) said
  WHERE t.place = 1 AND {fitting}
  ORDER BY {order}
  LIMIT %(limit)s
)
SELECT t.*, n.findings, n.devices, {keys}
FROM page t
JOIN (
  SELECT x.cve, sum(f.findings)::bigint AS findings, count(DISTINCT (f.connection_id, f.device_id)) AS devices
  FROM told x JOIN chosen f ON f.connection_id = x.connection_id AND f.facts_id = x.facts_id
  WHERE x.cve IN (SELECT cve FROM page)
  GROUP BY x.cve
) n ON n.cve = t.cve
ORDER BY {order}

-- name: fitting
-- Which CVEs fit, by the worst that is said of each. A filter that is null does not filter.
(%(of_cve_severity)s::smallint[] IS NULL OR t.severity = ANY (%(of_cve_severity)s))
    AND (%(of_cve_score_min)s::real IS NULL OR t.score >= %(of_cve_score_min)s::real)
    AND (%(of_cve_score_max)s::real IS NULL OR t.score <= %(of_cve_score_max)s::real)
    AND (%(published_since)s::timestamptz IS NULL OR t.published_at >= %(published_since)s)
    AND (%(is_exploited)s::boolean IS NULL OR said.exploited = %(is_exploited)s)
    AND (%(is_fixed)s::boolean IS NULL OR said.has_fix = %(is_fixed)s)
    AND {after}
