-- Where something happened: what changed in each room and hour, kept up to date by BigQuery.
-- Reads: what it has kept, and what was exported since it was refreshed last.
-- Active is what is active in `room_occupancy`. `active_devices` is an estimate, and exact where
-- there are few. `hour` is in UTC. BigQuery refreshes it once a day, and bills that as a query.

SELECT
  `source`,
  TIMESTAMP_TRUNC(`last_changed`, HOUR) AS `hour`,
  `area_name`,
  APPROX_COUNT_DISTINCT(IFNULL(`device_id`, `entity_id`)) AS `active_devices`,
  COUNT(*) AS `changes`,
  MAX(`last_updated`) AS `last_activity`
FROM `${sensor_data}`
WHERE ${activity}
GROUP BY `source`, `hour`, `area_name`
