-- Devices that nothing in the home refers to, and that have done nothing since a moment.
-- Reads: narrow columns of states from the moment since on, and the whole tables of entities
-- and relationships, which are small.
-- Nothing refers to the device or to one of its entities, no device connects through it, and none
-- of its entities has changed but those of the category diagnostic or config, such as a battery.
-- Devices without an entity that is enabled are not in it. `last_written` is NULL where they have
-- said nothing at all.

WITH
`used` AS (
  SELECT DISTINCT `source`, `to_type`, `to_id`
  FROM `${relationships_latest}`
  WHERE `to_type` IN ('device', 'entity') AND `kind` != 'part_of'
)
SELECT
  entity.`source`,
  entity.`device_id`,
  ANY_VALUE(entity.`device_name`) AS `device_name`,
  ANY_VALUE(entity.`manufacturer`) AS `manufacturer`,
  ANY_VALUE(entity.`model`) AS `model`,
  STRING_AGG(DISTINCT entity.`area_name`, ', ' ORDER BY entity.`area_name`) AS `areas`,
  COUNT(*) AS `entities`,
  MAX(written.`last_written`) AS `last_written`
FROM `${entities_latest}` AS entity
LEFT JOIN ${written_since} AS written
ON entity.`source` = written.`source` AND entity.`entity_id` = written.`entity_id`
LEFT JOIN `used` AS of_entity
ON entity.`source` = of_entity.`source`
  AND entity.`entity_id` = of_entity.`to_id`
  AND of_entity.`to_type` = 'entity'
LEFT JOIN `used` AS of_device
ON entity.`source` = of_device.`source`
  AND entity.`device_id` = of_device.`to_id`
  AND of_device.`to_type` = 'device'
WHERE entity.`device_id` IS NOT NULL AND entity.`disabled_by` IS NULL
GROUP BY entity.`source`, entity.`device_id`
HAVING COUNT(of_entity.`to_id`) = 0
  AND COUNT(of_device.`to_id`) = 0
  AND COUNTIF(written.`states` > 1 AND entity.`entity_category` IS NULL) = 0
