-- All that changed from begin_time until before end_time, in order.
-- Reads: the columns that you select, of those days.
-- `position` is the order in the home: sort by it. `version` counts the rows of each entity, and
-- `previous_state` is what the one before had. What was written of a state that began before
-- begin_time, such as a new attribute, is not in it.

SELECT
  *,
  ROW_NUMBER() OVER (
    PARTITION BY `source` ORDER BY `last_updated`, `state_id`, `entity_id`
  ) AS `position`,
  ROW_NUMBER() OVER (
    PARTITION BY `source`, `entity_id` ORDER BY `last_updated`, `state_id`
  ) AS `version`,
  LAG(`state`) OVER (
    PARTITION BY `source`, `entity_id` ORDER BY `last_updated`, `state_id`
  ) AS `previous_state`
FROM `${sensor_data}`
WHERE `last_changed` >= begin_time AND `last_changed` < end_time AND `last_updated` < end_time
