-- Reading: the orders and look-ups of the lists, the change log as a feed without gaps, and what signs a cursor.

-- Each order is one index, read from either end. A finding without a score, or without a date, comes last.
-- Building them on ten million findings takes a minute or two, during which pulls wait.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_severity ON finding (severity, (coalesce(score, -1::real)), finding_id);
-- Serves: the worst of an organization, which is read site by site; what is asked for most.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_site_severity
  ON finding (connection_id, site_id, severity, (coalesce(score, -1::real)), finding_id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_changed ON finding (changed_at, finding_id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_detected ON finding ((coalesce(detected_at, '-infinity'::timestamptz)), finding_id);
-- Serves: what was resolved since a time.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_resolved ON finding (resolved_at) WHERE resolved_at IS NOT NULL;
-- Serves: the findings of a CVE, which is some sets of facts. The keys of facts and of software are hashes of what they
-- say, the same in all connections; without the connection the planner knows how many findings each has.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_facts ON finding (facts_id);
-- Serves: the findings of an application, which is some versions of it; and the worst of them.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX finding_by_software ON finding (software_id, severity);
-- Serve: the orders of devices, and a device by the id that users see.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX device_by_name ON device ((coalesce(name, '')), device_uuid);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX device_by_changed ON device (changed_at, device_uuid);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX device_by_uuid ON device (device_uuid);
-- Serves: devices that are named, in any case.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX device_by_any_case ON device (lower(name));
-- Serve: CVEs that are exploited, or have a fix, as the console says.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cve_facts_by_maturity ON cve_facts ((lower(sent ->> 'exploitCodeMaturity')), facts_id);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cve_facts_by_remediation ON cve_facts ((lower(sent ->> 'remediationLevel')), facts_id);

-- The entries that one transaction made. Transactions do not commit in the order in which they began, so an entry's own
-- number is no place to go on from: a reader would step over those of a slower transaction. A batch gets its position
-- once it is committed, by one numbering at a time; whoever has read up to a position has missed nothing before it.
-- No clock, no transaction number and no order of a sequence is leaned on, so that a restored or a distributed
-- database goes on as well.
CREATE TABLE change_batch (
  batch_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  position bigint UNIQUE,                             -- null until it is numbered
  entries  integer,                                   -- so many, counted then
  at       timestamptz NOT NULL DEFAULT now()
);
-- Serves: the numbering, which finds next to nothing to do.
CREATE INDEX change_batch_unnumbered ON change_batch (batch_id) WHERE position IS NULL;

-- How far the feed goes. One row.
CREATE TABLE feed (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  newest    bigint NOT NULL DEFAULT -1,               -- the last position that was given
  forgotten bigint NOT NULL DEFAULT -1                -- positions up to here have entries that are deleted: too old
);
INSERT INTO feed DEFAULT VALUES;

-- The batch of this transaction, made when its first entry is.
CREATE FUNCTION this_batch() RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
DECLARE
  batch bigint := nullif(current_setting('waypost.batch', true), '')::bigint;
BEGIN
  IF batch IS NULL THEN
    INSERT INTO waypost.change_batch DEFAULT VALUES RETURNING batch_id INTO batch;
    PERFORM set_config('waypost.batch', batch::text, true);
  END IF;
  RETURN batch;
END
$$;

-- Gives positions to batches that are committed, so many at most; whether none is left. One at a time does it: who comes
-- second waits, and each statement here sees what was committed before it, so no position is given twice. It is one
-- call, so that nobody's client can go to sleep with the lock in its hand. Pulls do not wait for the disk when they
-- commit; this does, and with it all that was committed before. So whatever a reader was shown outlasts a crash, and no
-- position that he went past is given again.
CREATE FUNCTION number_batches(most integer) RETURNS boolean VOLATILE LANGUAGE plpgsql
SET lock_timeout = '2s' AS $$
DECLARE
  given integer;
BEGIN
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM pg_advisory_xact_lock(1464878660, 0);       -- "WPFD"
  WITH new AS (
    SELECT batch_id, row_number() OVER (ORDER BY batch_id) AS place
    FROM (SELECT batch_id FROM waypost.change_batch WHERE position IS NULL ORDER BY batch_id LIMIT most) n
  ), numbered AS (
    UPDATE waypost.change_batch b SET position = f.newest + n.place,
      entries = (SELECT count(*) FROM waypost.change c WHERE c.batch_id = b.batch_id)
    FROM new n, waypost.feed f WHERE b.batch_id = n.batch_id
    RETURNING b.position
  )
  UPDATE waypost.feed f SET newest = n.newest
  FROM (SELECT max(position) AS newest, count(*) AS given FROM numbered) n WHERE n.given > 0
  RETURNING n.given INTO given;
  RETURN coalesce(given, 0) < most;
END
$$;

-- Entries from before are the first batch, as old as this migration.
INSERT INTO change_batch (batch_id, position, entries) OVERRIDING SYSTEM VALUE
SELECT 0, 0, count(*) FROM change HAVING count(*) > 0;
UPDATE feed SET newest = 0 WHERE EXISTS (SELECT FROM change_batch);
ALTER TABLE change ADD COLUMN batch_id bigint NOT NULL DEFAULT 0;
ALTER TABLE change ALTER COLUMN batch_id SET DEFAULT this_batch();
-- Serves: the feed.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX change_by_batch ON change (batch_id, change_id);
-- Serves: the history of a finding or a device.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX change_by_subject ON change (connection_id, subject_id, change_id);
-- Serves: the feed of an organization, and the newest entries of its sites.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX change_by_site;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX change_by_site ON change (connection_id, site_id, batch_id, change_id);

GRANT SELECT ON change_batch, feed TO waypost_capped;
-- What lists of an organization's own sites tell besides.
GRANT SELECT ON scope_group TO waypost_capped;
ALTER TABLE scope_group ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON scope_group USING (true) WITH CHECK (true);
CREATE POLICY capped ON scope_group AS RESTRICTIVE TO waypost_capped
  USING (site_key(connection_id, site_id) IN (SELECT capped_sites()));

-- What cursors are signed with, the same for all processes of this Waypost. It tells a cursor that was made up; what
-- its holder may read is asked of the key alone.
CREATE TABLE signing_key (
  purpose text PRIMARY KEY,
  secret  bytea NOT NULL
);
INSERT INTO signing_key VALUES
  ('cursor', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
