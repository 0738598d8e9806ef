-- The attributes that each entity has now, each in a row of its own.
-- Reads: the attributes of all days from the moment since on, which are most of what there is.
-- Entities whose state began before since are not in it, nor those that were removed. For the
-- columns see entity_attributes.

SELECT
  `source`,
  `entity_id`,
  `last_updated`,
${attribute_columns}
FROM (
  SELECT
    `source`, `entity_id`, `last_updated`,
${attribute_parts}
  FROM (
    SELECT
      `source`, `entity_id`, `last_updated`, `attributes`,
      ROW_NUMBER() OVER (
        PARTITION BY `source`, `entity_id` ORDER BY `last_updated` DESC, `state_id` DESC
      ) AS `age`
    FROM `${sensor_data}`
    WHERE `last_changed` >= since
  )
  CROSS JOIN UNNEST(JSON_KEYS(`attributes`, 1)) AS `key`
  WHERE `age` = 1
)
