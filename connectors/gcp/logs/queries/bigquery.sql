-- Cloud Audit Logs in BigQuery, grouped into kinds of entries: everything that a row depends on, the day, and counts.
-- Columns as a log sink makes them (protopayload_auditlog); one that was never filled is not there, and stays NULL.
-- One representative of each kind is then read by the same code as a log file, so the rows are the same.
-- What stands in double angle brackets is filled in by connectors/gcp/logs/groups.py.
WITH entries AS (
  SELECT
    <<log_name>> AS log_name,
    <<service>> AS service,
    <<method>> AS method,
    -- Names of objects, jobs and operations are no part of a row: they fold as the reader folds them.
    CASE
      WHEN LOWER(<<method>>) LIKE '%setiampolicy' THEN <<resource>>
      ELSE REGEXP_REPLACE(
        REGEXP_REPLACE(
          <<resource>>,
          r'(?s)^(.*?buckets/[^/]+/objects/)(?:((?:[^/]*/){1,2}).*|[^/]+)$',
          r'\1\2-'
        ),
        r'/(jobs|operations|sessions|executions|traces)/[^/]+$',
        r'/\1/-'
      )
    END AS resource,
    CAST(<<code>> AS STRING) AS code,
    <<email>> AS email,
    <<subject>> AS subject,
    <<selector>> AS selector,
    <<key_name>> AS key_name,
    TO_JSON_STRING(<<delegation>>) AS delegation,
    -- The same in JSON: only the values of resource and name, each up to its closing quote.
    REGEXP_REPLACE(
      REGEXP_REPLACE(
        TO_JSON_STRING(<<checks>>),
        r'("(?:resource|name)":"(?:[^"\\]|\\.)*?buckets/(?:[^/"\\]|\\.)+/objects/)(?:((?:(?:[^/"\\]|\\.)*/){1,2})(?:[^"\\]|\\.)*|(?:[^/"\\]|\\.)+)"',
        r'\1\2-"'
      ),
      r'("(?:resource|name)":"(?:[^"\\]|\\.)*?/(?:jobs|operations|sessions|executions|traces)/)(?:[^/"\\]|\\.)+"',
      r'\1-"'
    ) AS checks,
    CASE WHEN LOWER(<<method>>) LIKE '%setiampolicy' THEN TO_JSON_STRING(<<deltas>>) END AS deltas,
    CAST(<<op_first>> AS STRING) AS op_first,
    CAST(<<op_last>> AS STRING) AS op_last,
    <<project>> AS project,
    <<location>> AS location,
    <<region>> AS region,
    <<zone>> AS zone,
    <<time>> AS seen,
    CASE WHEN COALESCE(<<insert_id>>, '') = '' THEN 1 ELSE ROW_NUMBER() OVER (
      PARTITION BY <<log_name>>, <<insert_id>>, <<time>>
      ORDER BY <<method>>
    ) END AS copy
  FROM `<<table>>` AS e
  WHERE <<partitions>>
)
SELECT
  log_name,
  service,
  method,
  resource,
  code,
  email,
  subject,
  selector,
  key_name,
  delegation,
  checks,
  deltas,
  op_first,
  op_last,
  project,
  location,
  region,
  zone,
  FORMAT_TIMESTAMP('%Y-%m-%d', seen, 'UTC') AS day,
  COUNT(*) AS calls,
  FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', MIN(seen), 'UTC') AS first_seen,
  FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', MAX(seen), 'UTC') AS last_seen
FROM entries
WHERE copy = 1 AND seen >= TIMESTAMP '<<start>>' AND seen < TIMESTAMP '<<end>>'
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
