-- What the service tells Prometheus about what is stored; asked at every scrape, so each costs little.

-- name: connections
-- Connections by state.
SELECT state, count(*) FROM connection WHERE state <> 'deleted' GROUP BY state ORDER BY state

-- name: expiry
-- Seconds that the token of each connection has left, where the console tells.
SELECT c.name, extract(epoch FROM k.expires_at - now())::float8
FROM connection c
JOIN LATERAL (
  SELECT expires_at FROM credential WHERE connection_id = c.connection_id ORDER BY created_at DESC LIMIT 1
) k ON true
WHERE c.state <> 'deleted' AND k.expires_at IS NOT NULL ORDER BY c.name

-- name: outages
-- Outages that last, by who must act.
SELECT o.owner, count(*) FROM outage o JOIN connection c USING (connection_id)
WHERE o.ended_at IS NULL AND c.state <> 'deleted' GROUP BY o.owner ORDER BY o.owner

-- name: pulled
-- Seconds since a pull of each connection last came to a good end.
SELECT c.name, extract(epoch FROM now() - max(w.ended_at))::float8
FROM connection c JOIN sync_watermark w USING (connection_id)
WHERE c.state <> 'deleted' AND w.ended_at IS NOT NULL GROUP BY c.name ORDER BY c.name

-- name: runs
-- Runs of the last hour by state, connection by connection, since that is how their index goes.
SELECT r.state, count(*) FROM connection c
JOIN LATERAL (
  SELECT state FROM sync_run WHERE connection_id = c.connection_id AND started_at > now() - interval '1 hour'
) r ON true
GROUP BY r.state ORDER BY r.state

-- name: late
-- How many active connections are due, and for how long the one that waits longest has been.
SELECT count(*), coalesce(max(extract(epoch FROM now() - s.next_at)), 0)::float8
FROM schedule s JOIN connection c USING (connection_id)
WHERE c.state IN ('pending', 'active') AND s.next_at <= now()
  AND (s.taken_until IS NULL OR s.taken_until <= now())

-- name: a_token
-- Any sealed token: whether the master key opens it tells whether it is the right one.
SELECT c.connection_uuid, k.credential_id, k.sealed_key, k.sealed_token
FROM credential k JOIN connection c USING (connection_id) LIMIT 1

-- name: drift
-- What of the mapping needs a person, by kind; the kinds of which there is none are told too, for alerts to go by.
SELECT k.kind, count(d.drift_id)
FROM unnest(ARRAY['new_site', 'new_account', 'gone_site', 'expired_site', 'renamed_site', 'renamed_account',
  'moved_site', 'domain_contradiction', 'two_organizations', 'empty_organization', 'archived_organization'])
  AS k (kind)
LEFT JOIN drift d ON d.kind = k.kind AND d.ended_at IS NULL
  AND (d.connection_id IS NULL OR d.connection_id IN (SELECT connection_id FROM connection WHERE state <> 'deleted'))
GROUP BY k.kind ORDER BY k.kind

-- name: sites
-- Sites that are listed, by what holds about them.
SELECT k.decision, count(t.site_id)
FROM unnest(ARRAY['mapped', 'ignored', 'undecided']) AS k (decision)
LEFT JOIN site_standing t ON t.decision = k.decision AND t.standing IN ('active', 'expired')
GROUP BY k.decision ORDER BY k.decision

-- name: webhooks
-- Webhooks by state; states of which there is none are told too, for alerts to go by.
SELECT k.state, count(w.webhook_id)
FROM unnest(ARRAY['active', 'failing', 'disabled']) AS k (state)
LEFT JOIN webhook w ON k.state = CASE
  WHEN w.disabled_at IS NOT NULL THEN 'disabled' WHEN w.failures > 0 THEN 'failing' ELSE 'active' END
GROUP BY k.state ORDER BY k.state

-- name: deliveries
-- Deliveries of the last hour by state.
SELECT state, count(*) FROM webhook_delivery WHERE last_at > now() - interval '1 hour' GROUP BY state ORDER BY state

-- name: webhook_lag
-- How old the first change is that the slowest webhook was not told of, nor found to be none of it.
SELECT coalesce(max(extract(epoch FROM now() - b.at)), 0)::float8
FROM webhook w
CROSS JOIN LATERAL (SELECT at FROM change_batch WHERE position >= w.position ORDER BY position LIMIT 1) b
WHERE w.disabled_at IS NULL
