-- The upserts tell of each row that they wrote what it was and what it is: whether that is news is decided by
-- sync/tree.py, and logged in the same transaction.

-- name: upsert_accounts
-- Accounts as sent; only what differs is written.
WITH incoming AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (account_id bigint, name text, state text, vendor jsonb)
), before AS (
  SELECT account_id, name, state, gone_at FROM account
  WHERE connection_id = %(connection_id)s AND account_id IN (SELECT account_id FROM incoming)
), written AS (
  INSERT INTO account AS a (connection_id, account_id, name, state, vendor)
  SELECT %(connection_id)s, account_id, name, state, vendor FROM incoming
  ON CONFLICT (connection_id, account_id) DO UPDATE
  SET name = excluded.name, state = excluded.state, vendor = excluded.vendor, gone_at = NULL, changed_at = now()
  WHERE (a.name, a.state, a.vendor) IS DISTINCT FROM (excluded.name, excluded.state, excluded.vendor)
     OR a.gone_at IS NOT NULL
  RETURNING a.account_id, a.name, a.state
)
SELECT w.account_id AS id, b.account_id IS NOT NULL AS known, b.name AS was_name, b.state AS was_state,
  b.gone_at IS NOT NULL AS was_gone, w.name, w.state
FROM written w LEFT JOIN before b USING (account_id)

-- name: accounts_of_sites
-- A token of site scope may not list accounts: its sites name them (API notes, fact 7).
WITH incoming AS (
  SELECT DISTINCT ON (account_id) account_id, account_name AS name
  FROM jsonb_to_recordset(%(rows)s) AS r (account_id bigint, account_name text) WHERE account_id IS NOT NULL
), before AS (
  SELECT account_id, name, state, gone_at FROM account
  WHERE connection_id = %(connection_id)s AND account_id IN (SELECT account_id FROM incoming)
), written AS (
  INSERT INTO account AS a (connection_id, account_id, name, vendor)
  SELECT %(connection_id)s, account_id, name, '{}'::jsonb FROM incoming
  ON CONFLICT (connection_id, account_id) DO UPDATE SET name = excluded.name, gone_at = NULL, changed_at = now()
  WHERE a.vendor = '{}'::jsonb AND (a.name IS DISTINCT FROM excluded.name OR a.gone_at IS NOT NULL)
  RETURNING a.account_id, a.name, a.state
)
SELECT w.account_id AS id, b.account_id IS NOT NULL AS known, b.name AS was_name, b.state AS was_state,
  b.gone_at IS NOT NULL AS was_gone, w.name, w.state
FROM written w LEFT JOIN before b USING (account_id)

-- name: upsert_sites
-- Sites as sent; only what differs is written. One that was moved to another account remembers which it left.
WITH incoming AS (
  SELECT * FROM jsonb_to_recordset(%(rows)s)
    AS r (site_id bigint, account_id bigint, account_name text, name text, state text, vendor jsonb)
), before AS (
  SELECT s.site_id, s.account_id, a.name AS account_name, s.name, s.state, s.gone_at FROM site s
  LEFT JOIN account a ON a.connection_id = s.connection_id AND a.account_id = s.account_id
  WHERE s.connection_id = %(connection_id)s AND s.site_id IN (SELECT site_id FROM incoming)
), written AS (
  INSERT INTO site AS s (connection_id, site_id, account_id, name, state, vendor)
  SELECT %(connection_id)s, site_id, account_id, name, state, vendor FROM incoming
  ON CONFLICT (connection_id, site_id) DO UPDATE
  SET account_id = excluded.account_id, name = excluded.name, state = excluded.state, vendor = excluded.vendor,
      gone_at = NULL, changed_at = now(),
      moved_at = CASE WHEN s.account_id <> excluded.account_id THEN now() ELSE s.moved_at END,
      moved_from = CASE WHEN s.account_id <> excluded.account_id THEN s.account_id ELSE s.moved_from END
  WHERE (s.account_id, s.name, s.state, s.vendor)
        IS DISTINCT FROM (excluded.account_id, excluded.name, excluded.state, excluded.vendor)
     OR s.gone_at IS NOT NULL
  RETURNING s.site_id, s.account_id, s.name, s.state
)
SELECT w.site_id AS id, b.site_id IS NOT NULL AS known, b.name AS was_name, b.state AS was_state,
  b.gone_at IS NOT NULL AS was_gone, w.name, w.state, b.account_id AS was_account_id, b.account_name AS was_account,
  w.account_id, i.account_name AS account
FROM written w JOIN incoming i USING (site_id) LEFT JOIN before b USING (site_id)

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
RETURNING account_id, name, state

-- name: sweep_sites
-- Sites that a complete walk no longer listed: deleted for good, or no longer within the token's scope.
-- Their data stays as it is, whichever it was (rule 1).
UPDATE site SET gone_at = now(), changed_at = now()
WHERE connection_id = %(connection_id)s AND gone_at IS NULL
  AND site_id NOT IN (SELECT unnest(vendor_ids) FROM sync_seen
                      WHERE connection_id = %(connection_id)s AND run_id = %(run_id)s)
RETURNING site_id, name, state

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
