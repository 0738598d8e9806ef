-- What the states of each entity were that began in an hour, kept up to date by BigQuery.
-- Reads: what it has kept, and what was exported since it was refreshed last.
-- `mean` is that of the states, not weighted by time: `statistics` has that, of sensors with a
-- state_class. `hour` is in UTC. BigQuery refreshes it once a day, and bills that as a query.

SELECT
  `source`,
  TIMESTAMP_TRUNC(`last_changed`, HOUR) AS `hour`,
  `entity_id`,
  MAX(`unit_of_measurement`) AS `unit_of_measurement`,
  COUNT(*) AS `changes`,
  COUNTIF(`is_available`) AS `available`,
  COUNT(`state_numeric`) AS `numbers`,
  AVG(`state_numeric`) AS `mean`,
  MIN(`state_numeric`) AS `min`,
  MAX(`state_numeric`) AS `max`
FROM `${sensor_data}`
WHERE `state_changed`
GROUP BY `source`, `hour`, `entity_id`
