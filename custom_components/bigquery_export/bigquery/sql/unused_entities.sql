-- Entities that nothing in the home refers to, and whose state has not changed since a moment.
-- Reads: narrow columns of states from the moment since on, and the whole tables of entities
-- and relationships, which are small.
-- Automations, scripts, scenes, groups, helpers and persons are what may refer to an entity.
-- Disabled entities are not in it. `last_written` is NULL where it has said nothing at all.

SELECT
  entity.`source`,
  entity.`entity_id`,
  entity.`name`,
  entity.`device_name`,
  entity.`area_name`,
  entity.`integration`,
  written.`last_written`
FROM `${entities_latest}` AS entity
LEFT JOIN ${written_since} AS written
ON entity.`source` = written.`source` AND entity.`entity_id` = written.`entity_id`
LEFT JOIN (
  SELECT DISTINCT `source`, `to_id`
  FROM `${relationships_latest}`
  WHERE `to_type` = 'entity'
) AS used
ON entity.`source` = used.`source` AND entity.`entity_id` = used.`to_id`
WHERE used.`to_id` IS NULL
  AND entity.`disabled_by` IS NULL
  AND IFNULL(written.`states`, 0) < 2
