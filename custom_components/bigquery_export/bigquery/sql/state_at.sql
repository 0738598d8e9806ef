-- The state that each entity had at a moment.
-- Reads: the columns that you select, of the days from the moment since until the moment.
-- Entities whose state began before since are not in it, nor those that were removed: a day is
-- enough for what changes daily, a month for most of the others.

SELECT * EXCEPT (`age`)
FROM (
  SELECT
    *,
    ROW_NUMBER() OVER (
      PARTITION BY `source`, `entity_id` ORDER BY `last_updated` DESC, `state_id` DESC
    ) AS `age`
  FROM `${sensor_data}`
  WHERE `last_changed` >= since AND `last_changed` <= moment AND `last_updated` <= moment
)
WHERE `age` = 1 AND `state` IS NOT NULL
