-- The recorder's table `states`: what was exported of it, under the recorder's names.
-- Reads: the columns that you select, of all days, unless `partition_time` has a filter.
-- Ids of other tables are fingerprints that join as the recorder's do. NULL are `last_reported_ts`,
-- `old_state_id` and `origin_idx`, which are not exported, and what the recorder no longer fills.

SELECT
  `state_id`,
  CAST(NULL AS STRING) AS `entity_id`,
  `state`,
  CAST(NULL AS STRING) AS `attributes`,
  CAST(NULL AS INT64) AS `event_id`,
  CAST(NULL AS TIMESTAMP) AS `last_changed`,
  IF(
    `last_changed` = `last_updated`, NULL, UNIX_MICROS(`last_changed`) / 1000000
  ) AS `last_changed_ts`,
  CAST(NULL AS FLOAT64) AS `last_reported_ts`,
  CAST(NULL AS TIMESTAMP) AS `last_updated`,
  UNIX_MICROS(`last_updated`) / 1000000 AS `last_updated_ts`,
  CAST(NULL AS INT64) AS `old_state_id`,
  FARM_FINGERPRINT(TO_JSON_STRING(`attributes`)) AS `attributes_id`,
  CAST(NULL AS STRING) AS `context_id`,
  CAST(NULL AS STRING) AS `context_user_id`,
  CAST(NULL AS STRING) AS `context_parent_id`,
  CAST(NULL AS INT64) AS `origin_idx`,
${recorder_contexts}
  FARM_FINGERPRINT(CONCAT(`source`, ' ', `entity_id`)) AS `metadata_id`,
  `source` AS `installation`,
  `last_changed` AS `partition_time`
FROM ${rows}
WHERE `last_changed` >= TIMESTAMP '0001-01-01 00:00:00+00'
