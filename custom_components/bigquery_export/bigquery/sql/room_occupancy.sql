-- Where something happened: for each room and hour how many devices were active, and when last.
-- Reads: narrow columns of the days from begin_time until before end_time.
-- Active is what people move or switch: lights, switches, media players, covers, locks, fans and
-- vacuums that changed, and sensors of motion, presence, doors, windows, sound or vibration that
-- became on. `hour` is by the home's clock. Rooms and hours without activity are not in it.

SELECT
  `source`,
  `area_name`,
  DATETIME_TRUNC(`local_time`, HOUR) AS `hour`,
  COUNT(DISTINCT IFNULL(`device_id`, `entity_id`)) AS `active_devices`,
  COUNT(*) AS `changes`,
  MAX(`last_updated`) AS `last_activity`
FROM `${sensor_data}`
WHERE `last_changed` >= begin_time
  AND `last_changed` < end_time
  AND ${activity}
GROUP BY `source`, `area_name`, `hour`
