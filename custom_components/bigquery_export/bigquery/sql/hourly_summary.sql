-- What the numbers of each entity were in each hour, and how many rows there are.
-- Reads: narrow columns of the days from begin_time until before end_time.
-- `mean` is that of the rows, not weighted by time: `statistics` has that, of sensors with a
-- state_class. `hour` is in UTC.

SELECT
  `source`,
  TIMESTAMP_TRUNC(`last_updated`, HOUR) AS `hour`,
  `entity_id`,
  MAX(`unit_of_measurement`) AS `unit_of_measurement`,
  COUNT(*) AS `row_count`,
  COUNT(`state_numeric`) AS `numbers`,
  AVG(`state_numeric`) AS `mean`,
  MIN(`state_numeric`) AS `min`,
  MAX(`state_numeric`) AS `max`,
  COUNTIF(`state_changed`) AS `changes`
FROM `${sensor_data}`
WHERE `last_changed` >= begin_time AND `last_changed` < end_time AND `last_updated` < end_time
GROUP BY `source`, `hour`, `entity_id`
