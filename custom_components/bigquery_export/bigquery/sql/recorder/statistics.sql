-- ${description}, under the recorder's names.
-- Reads: the columns that you select, and of all months those that say what was deleted.
-- A row is the version that holds, after all corrections. `metadata_id` is a fingerprint that joins
-- as the recorder's does. NULL is what the recorder no longer fills itself.

WITH
`version` AS (
  SELECT * FROM ${rows}
)
SELECT
  latest.`id`,
  CAST(NULL AS TIMESTAMP) AS `created`,
  UNIX_MICROS(latest.`created`) / 1000000 AS `created_ts`,
  FARM_FINGERPRINT(CONCAT(latest.`source`, ' ', latest.`statistic_id`)) AS `metadata_id`,
  CAST(NULL AS TIMESTAMP) AS `start`,
  UNIX_MICROS(latest.`start`) / 1000000 AS `start_ts`,
  latest.`mean`,
  latest.`mean_weight`,
  latest.`min`,
  latest.`max`,
  CAST(NULL AS TIMESTAMP) AS `last_reset`,
  UNIX_MICROS(latest.`last_reset`) / 1000000 AS `last_reset_ts`,
  latest.`state`,
  latest.`sum`,
  latest.`source` AS `installation`
FROM ${latest_versions}
