-- When each entity last said something, and when that was exported.
-- Reads: narrow columns of all days from the moment since on.
-- `seconds_late` is how long its newest row has waited for its export.

SELECT
  `source`,
  `entity_id`,
  COUNT(*) AS `row_count`,
  MAX(`last_updated`) AS `newest`,
  MAX(`export_timestamp`) AS `exported`,
  TIMESTAMP_DIFF(
    MAX_BY(`export_timestamp`, `last_updated`), MAX(`last_updated`), SECOND
  ) AS `seconds_late`
FROM `${sensor_data}`
WHERE `last_changed` >= since
GROUP BY `source`, `entity_id`
