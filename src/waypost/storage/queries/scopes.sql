-- name: upsert_accounts
-- Accounts as sent; only what differs is written.
INSERT INTO account AS a (connection_id, account_id, name, state, vendor)
SELECT %(connection_id)s, r.account_id, r.name, r.state, r.vendor
FROM jsonb_to_recordset(%(rows)s) AS r (account_id bigint, name text, state text, vendor jsonb)
ON CONFLICT (connection_id, account_id) DO UPDATE
SET name = excluded.name, state = excluded.state, vendor = excluded.vendor, gone_at = NULL, changed_at = now()
WHERE (a.name, a.state, a.vendor) IS DISTINCT FROM (excluded.name, excluded.state, excluded.vendor)
   OR a.gone_at IS NOT NULL

-- name: accounts_of_sites
-- A token of site scope may not list accounts: its sites name them (API notes, fact 7).
INSERT INTO account AS a (connection_id, account_id, name, vendor)
SELECT DISTINCT ON (r.account_id) %(connection_id)s, r.account_id, r.account_name, '{}'::jsonb
FROM jsonb_to_recordset(%(rows)s) AS r (account_id bigint, account_name text)
WHERE r.account_id IS NOT NULL
ON CONFLICT (connection_id, account_id) DO UPDATE SET name = excluded.name, gone_at = NULL, changed_at = now()
WHERE a.vendor = '{}'::jsonb AND (a.name IS DISTINCT FROM excluded.name OR a.gone_at IS NOT NULL)

-- name: upsert_sites
-- Sites as sent; only what differs is written.
INSERT INTO site AS s (connection_id, site_id, account_id, name, state, vendor)
SELECT %(connection_id)s, r.site_id, r.account_id, r.name, r.state, r.vendor
FROM jsonb_to_recordset(%(rows)s)
  AS r (site_id bigint, account_id bigint, name text, state text, vendor jsonb)
ON CONFLICT (connection_id, site_id) DO UPDATE
SET account_id = excluded.account_id, name = excluded.name, state = excluded.state, vendor = excluded.vendor,
    gone_at = NULL, changed_at = now()
WHERE (s.account_id, s.name, s.state, s.vendor)
      IS DISTINCT FROM (excluded.account_id, excluded.name, excluded.state, excluded.vendor)
   OR s.gone_at IS NOT NULL

-- name: upsert_groups
-- Groups as sent; only what differs is written.
INSERT INTO scope_group AS g (connection_id, group_id, site_id, name, vendor)
SELECT %(connection_id)s, r.group_id, r.site_id, r.name, r.vendor
FROM jsonb_to_recordset(%(rows)s) AS r (group_id bigint, site_id bigint, name text, vendor jsonb)
ON CONFLICT (connection_id, group_id) DO UPDATE
SET site_id = excluded.site_id, name = excluded.name, vendor = excluded.vendor, gone_at = NULL, changed_at = now()
WHERE (g.site_id, g.name, g.vendor) IS DISTINCT FROM (excluded.site_id, excluded.name, excluded.vendor)
   OR g.gone_at IS NOT NULL

-- name: sweep_accounts
-- Accounts that a complete walk no longer listed.
UPDATE account SET gone_at = now(), changed_at = now()
WHERE connection_id = %(connection_id)s AND gone_at IS NULL AND vendor <> '{}'::jsonb
  AND account_id NOT IN (SELECT unnest(vendor_ids) FROM sync_seen
                         WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s)

-- name: sweep_sites
-- Sites that a complete walk no longer listed: deleted for good, or no longer within the token's scope.
-- Their data stays as it is, whichever it was (rule 1).
UPDATE site SET gone_at = now(), changed_at = now()
WHERE connection_id = %(connection_id)s AND gone_at IS NULL
  AND site_id NOT IN (SELECT unnest(vendor_ids) FROM sync_seen
                      WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s)
RETURNING name

-- name: sweep_groups
-- Groups that a complete walk no longer listed, of sites that can be seen.
UPDATE scope_group SET gone_at = now(), changed_at = now()
WHERE connection_id = %(connection_id)s AND gone_at IS NULL AND site_id = ANY (%(visible)s)
  AND group_id NOT IN (SELECT unnest(vendor_ids) FROM sync_seen
                       WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s)

-- name: visible_sites
-- The sites that the last complete walk listed.
SELECT site_id, account_id, state FROM site WHERE connection_id = %(connection_id)s AND gone_at IS NULL
ORDER BY site_id

-- name: sizes
-- How many devices were there when last seen: what the plan of a full pull goes by.
SELECT count(*) FROM device WHERE connection_id = %(connection_id)s
