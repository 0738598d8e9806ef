-- The areas of the home as they are now, with how many devices and entities each has.
-- Reads: the whole table of entities, which is small.
-- Areas without an entity are not in it.

SELECT
  `source`,
  `area_id`,
  ANY_VALUE(`area_name`) AS `area_name`,
  ANY_VALUE(`floor_name`) AS `floor_name`,
  COUNT(DISTINCT `device_id`) AS `devices`,
  COUNT(*) AS `entities`,
  COUNTIF(`disabled_by` IS NOT NULL) AS `disabled`
FROM `${entities_latest}`
WHERE `area_id` IS NOT NULL
GROUP BY `source`, `area_id`
