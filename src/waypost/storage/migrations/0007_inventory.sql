-- Reading CVEs, software, accounts and quarantine page by page: the orders of their lists, and what of an account a
-- key that is bound to an organization may read.

-- Each order is one index, read from either end. These tables hold what is named, not what is found: they are small.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cve_facts_by_severity ON cve_facts (severity, (coalesce(score, -1::real)), cve);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cve_facts_by_score ON cve_facts ((coalesce(score, -1::real)), cve);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cve_facts_by_published ON cve_facts ((coalesce(published_at, '-infinity'::timestamptz)), cve);
-- Serves: all that is said of a CVE, whichever console says it.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX cve_facts_of_cve ON cve_facts (cve);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX software_by_name ON software (name, vendor, version);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX software_by_vendor ON software (vendor, name, version);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX quarantine_by_time ON quarantine (first_seen_at, connection_id, stream, content_hash);
-- Serves: how many findings were reopened on each day. There are few.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX change_reopened ON change (at) WHERE kind = 4;

-- Of an account no more than what a list tells of it, and of those alone at which the reader sees a site: the policy
-- of sites holds within this one.
GRANT SELECT (connection_id, account_id, name, state, gone_at) ON account TO waypost_capped;
ALTER TABLE account ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON account USING (true) WITH CHECK (true);
CREATE POLICY capped ON account AS RESTRICTIVE TO waypost_capped
  USING ((connection_id, account_id) IN (SELECT s.connection_id, s.account_id FROM site s));
