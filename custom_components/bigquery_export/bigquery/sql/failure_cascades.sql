-- What became unavailable together, and what depends on it.
-- Reads: narrow columns of the days from begin_time until before end_time, and the whole table of
-- relationships, which is small.
-- Several entities of which each became unavailable within a minute after the one before. With one
-- in `devices` it was the device, with one in `integrations` the integration or its hub; after a
-- start of Home Assistant there are many of both. `seconds` is from the first to the last.
-- `dependents` are automations, groups, helpers and other entities that refer to these entities or
-- to their devices directly, and have not become unavailable with them.

WITH
`failure` AS (
  SELECT
    `source`, `entity_id`, `last_updated` AS `time`, `device_id`, `device_name`, `integration`,
    IFNULL(
      TIMESTAMP_DIFF(
        `last_updated`,
        LAG(`last_updated`) OVER (PARTITION BY `source` ORDER BY `last_updated`, `entity_id`),
        MICROSECOND
      ) > 60000000,
      TRUE
    ) AS `is_first`
  FROM `${sensor_data}`
  WHERE `last_changed` >= begin_time
    AND `last_changed` < end_time
    AND `state_changed`
    AND `state` = 'unavailable'
),
`numbered` AS (
  SELECT
    *,
    SUM(IF(`is_first`, 1, 0)) OVER (
      PARTITION BY `source` ORDER BY `time`, `entity_id`
    ) AS `cascade`
  FROM `failure`
),
`thing` AS (
  SELECT DISTINCT `source`, `cascade`, 'entity' AS `type`, `entity_id` AS `id`
  FROM `numbered`
  UNION ALL
  SELECT DISTINCT `source`, `cascade`, 'device', `device_id`
  FROM `numbered`
  WHERE `device_id` IS NOT NULL
),
`dependent` AS (
  SELECT
    thing.`source`,
    thing.`cascade`,
    COUNT(DISTINCT edge.`from_id`) AS `dependents`,
    STRING_AGG(DISTINCT edge.`from_id`, ', ' ORDER BY edge.`from_id`) AS `dependent_ids`
  FROM `thing` AS thing
  JOIN `${relationships_latest}` AS edge
  ON thing.`source` = edge.`source` AND thing.`type` = edge.`to_type` AND thing.`id` = edge.`to_id`
  LEFT JOIN `thing` AS other
  ON thing.`source` = other.`source`
    AND thing.`cascade` = other.`cascade`
    AND other.`type` = 'entity'
    AND other.`id` = edge.`from_id`
  WHERE edge.`from_type` = 'entity' AND edge.`kind` != 'part_of' AND other.`id` IS NULL
  GROUP BY thing.`source`, thing.`cascade`
)
SELECT
  together.`source`,
  together.`began`,
  together.`seconds`,
  together.`first_entity`,
  together.`first_device`,
  together.`entities`,
  together.`entity_ids`,
  together.`devices`,
  together.`integrations`,
  IFNULL(dependent.`dependents`, 0) AS `dependents`,
  dependent.`dependent_ids`
FROM (
  SELECT
    `source`,
    `cascade`,
    MIN(`time`) AS `began`,
    TIMESTAMP_DIFF(MAX(`time`), MIN(`time`), MICROSECOND) / 1000000 AS `seconds`,
    MAX(IF(`is_first`, `entity_id`, NULL)) AS `first_entity`,
    MAX(IF(`is_first`, `device_name`, NULL)) AS `first_device`,
    COUNT(DISTINCT `entity_id`) AS `entities`,
    STRING_AGG(DISTINCT `entity_id`, ', ' ORDER BY `entity_id`) AS `entity_ids`,
    COUNT(DISTINCT `device_id`) AS `devices`,
    COUNT(DISTINCT `integration`) AS `integrations`
  FROM `numbered`
  GROUP BY `source`, `cascade`
  HAVING COUNT(DISTINCT `entity_id`) > 1
) AS together
LEFT JOIN `dependent` AS dependent
ON together.`source` = dependent.`source` AND together.`cascade` = dependent.`cascade`
