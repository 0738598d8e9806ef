-- The recorder's table `event_data`: all data that an event was exported with.
-- Reads: the column `event_data` of all days.
-- NULL is what is not exported: `hash`.

SELECT DISTINCT
  FARM_FINGERPRINT(TO_JSON_STRING(`event_data`)) AS `data_id`,
  CAST(NULL AS INT64) AS `hash`,
  TO_JSON_STRING(`event_data`) AS `shared_data`
FROM ${rows}
WHERE `event_data` IS NOT NULL AND `time_fired` >= TIMESTAMP '0001-01-01 00:00:00+00'
