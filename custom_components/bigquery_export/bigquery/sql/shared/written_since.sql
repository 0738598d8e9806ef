-- When each entity has last written a row, of those since a moment, and how many states it had.
(
  SELECT
    `source`,
    `entity_id`,
    MAX(`last_updated`) AS `last_written`,
    COUNT(DISTINCT `state`) AS `states`
  FROM `${sensor_data}`
  WHERE `last_changed` >= since
  GROUP BY `source`, `entity_id`
)
