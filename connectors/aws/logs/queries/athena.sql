-- CloudTrail in Athena, grouped into kinds of events: everything that a row depends on, the day, and counts.
-- Columns as in the AWS documentation of CloudTrail tables (CREATE TABLE with useridentity and resources typed).
-- One representative of each kind is then read by the same code as a log file, so the rows are the same.
-- What stands in double angle brackets is filled in by connectors/aws/logs/groups.py.
WITH events AS (
  SELECT
    eventtime,
    eventsource,
    eventname,
    awsregion,
    errorcode,
    eventtype,
    eventcategory,
    readonly,
    recipientaccountid,
    useridentity.type AS identity_type,
    CASE WHEN useridentity.sessioncontext.sessionissuer.arn IS NULL THEN useridentity.arn END AS identity_arn,
    useridentity.accountid AS identity_account,
    useridentity.username AS identity_name,
    CASE
      WHEN useridentity.arn IS NULL AND useridentity.username IS NULL THEN useridentity.principalid
      WHEN useridentity.principalid LIKE 'AROA%' OR useridentity.principalid LIKE 'AIDA%'
        THEN SPLIT_PART(useridentity.principalid, ':', 1)
    END AS principal,
    useridentity.invokedby AS invoked_by,
    CASE WHEN useridentity.accesskeyid LIKE 'AKIA%' THEN useridentity.accesskeyid END AS access_key,
    useridentity.sessioncontext.sessionissuer.arn AS issuer,
    <<identity_provider>> AS identity_provider,
    <<on_behalf_of>> AS on_behalf_of,
    <<issued_to>> AS issued_to,
    <<issued_for>> AS issued_for,
    <<delegate>> AS delegate,
    -- The key of an S3 object is no part of a row: objects fold into their bucket. It may hold quotes, escaped.
    regexp_replace(
      json_format(CAST(resources AS JSON)), '(:s3:::[^/"\\]+)/([^"\\]|\\.)*', '$1/-'
    ) AS resources,
    -- Whole parameters only where a role may have been passed, or an ARN has to be looked for.
    CASE
      WHEN readonly <> 'true'
        AND (requestparameters LIKE '%:role/%' OR requestparameters LIKE '%nstanceProfile%')
        THEN requestparameters
      WHEN requestparameters LIKE '%"arn:%' AND COALESCE(json_format(CAST(resources AS JSON)), '') NOT LIKE '%arn:%'
        THEN requestparameters
    END AS parameters,
    <<parameters>>
    json_extract_scalar(additionaleventdata, '$.callWithBearerToken') AS bearer,
    json_extract_scalar(additionaleventdata, '$.bearerTokenType') AS bearer_type,
    CASE WHEN eventid IS NULL AND sharedeventid IS NULL THEN 1 ELSE row_number() OVER (
      PARTITION BY
        COALESCE(
          CASE WHEN eventtype IN ('AwsCloudTrailInsight', 'AwsVpceEvent') THEN NULL ELSE sharedeventid END
          || ' ' || COALESCE(
            useridentity.sessioncontext.sessionissuer.arn, useridentity.arn, useridentity.principalid, ''
          ),
          addendum.originaleventid,
          eventid
        )
      ORDER BY eventtime, eventid
    ) END AS copy
  FROM <<table>>
  WHERE <<partitions>>
)
SELECT
  eventsource,
  eventname,
  awsregion,
  errorcode,
  eventtype,
  eventcategory,
  readonly,
  recipientaccountid,
  identity_type,
  identity_arn,
  identity_account,
  identity_name,
  principal,
  invoked_by,
  access_key,
  issuer,
  identity_provider,
  on_behalf_of,
  issued_to,
  issued_for,
  delegate,
  resources,
  parameters,
  <<names>>
  bearer,
  bearer_type,
  substr(eventtime, 1, 10) AS day,
  COUNT(*) AS calls,
  MIN(eventtime) AS first_seen,
  MAX(eventtime) AS last_seen
FROM events
WHERE copy = 1 AND eventtime >= '<<start>>' AND eventtime < '<<end>>'
GROUP BY <<ordinals>>
