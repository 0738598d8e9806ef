-- The recorder's table `events`: what was exported of it, under the recorder's names.
-- Reads: the columns that you select, of all days, unless `partition_time` has a filter.
-- Ids of other tables are fingerprints that join as the recorder's do. NULL is what the recorder no
-- longer fills itself.

SELECT
  `event_id`,
  CAST(NULL AS STRING) AS `event_type`,
  CAST(NULL AS STRING) AS `event_data`,
  CAST(NULL AS STRING) AS `origin`,
  CASE `origin` WHEN 'LOCAL' THEN 0 WHEN 'REMOTE' THEN 1 END AS `origin_idx`,
  CAST(NULL AS TIMESTAMP) AS `time_fired`,
  UNIX_MICROS(`time_fired`) / 1000000 AS `time_fired_ts`,
  CAST(NULL AS STRING) AS `context_id`,
  CAST(NULL AS STRING) AS `context_user_id`,
  CAST(NULL AS STRING) AS `context_parent_id`,
  FARM_FINGERPRINT(TO_JSON_STRING(`event_data`)) AS `data_id`,
${recorder_contexts}
  FARM_FINGERPRINT(`event_type`) AS `event_type_id`,
  `source` AS `installation`,
  `time_fired` AS `partition_time`
FROM ${rows}
WHERE `time_fired` >= TIMESTAMP '0001-01-01 00:00:00+00'
