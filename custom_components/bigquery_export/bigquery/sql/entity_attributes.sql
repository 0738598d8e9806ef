-- Each attribute of each row of states from begin_time until before end_time, in a row of its own.
-- Reads: the attributes of those days, which are most of what a day has, and narrow columns.
-- `value` is text, for lists and objects as JSON; `value_numeric` is there for numbers alone.
-- `type` is string, number, boolean, null, array or object.

SELECT
  `source`,
  `entity_id`,
  `last_changed`,
  `last_updated`,
${attribute_columns}
FROM (
  SELECT
    `source`, `entity_id`, `last_changed`, `last_updated`,
${attribute_parts}
  FROM `${sensor_data}`
  CROSS JOIN UNNEST(JSON_KEYS(`attributes`, 1)) AS `key`
  WHERE `last_changed` >= begin_time AND `last_changed` < end_time AND `last_updated` < end_time
)
