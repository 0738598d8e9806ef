-- Each name that an entity has ever had, with the one that it has now.
-- Reads: the whole table of entities, which is small.
-- A name that only one entity has ever had is that entity's at all times. Where several had it, it
-- belongs to each from the time at which the entity got it until another one does.

SELECT
  `source`,
  `registry_id`,
  `entity_id`,
  `current_entity_id`,
  IF(`had_by` IS NULL, NULL, `valid_from`) AS `valid_from`,
  LEAD(`valid_from`) OVER (
    PARTITION BY `source`, `entity_id` ORDER BY `generation`, `valid_from`
  ) AS `valid_to`
FROM (
  SELECT
    *,
    LAG(`registry_id`) OVER (
      PARTITION BY `source`, `entity_id` ORDER BY `generation`, `valid_from`
    ) AS `had_by`
  FROM (
    SELECT
      `source`, `registry_id`, `entity_id`, `generation`, `removed`,
      MIN(`valid_from`) OVER (
        PARTITION BY `source`, `entity_id`
        ORDER BY `generation`, `valid_from`
        ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
      ) AS `valid_from`,
      FIRST_VALUE(`entity_id`) OVER (
        PARTITION BY `source`, `registry_id` ORDER BY `generation` DESC, `valid_from` DESC
      ) AS `current_entity_id`
    FROM `${entities}`
  )
  WHERE NOT `removed`
)
WHERE `had_by` IS NULL OR `had_by` != `registry_id`
