-- Entities on which several automations or scripts act, which may contradict each other.
-- Reads: the whole table of relationships, which is small.

SELECT
  `source`,
  `to_id` AS `entity_id`,
  ANY_VALUE(`to_name`) AS `name`,
  COUNT(DISTINCT `from_id`) AS `automations`,
  STRING_AGG(DISTINCT `from_id`, ', ' ORDER BY `from_id`) AS `automation_ids`
FROM `${relationships_latest}`
WHERE `kind` = 'acts_on'
  AND `from_type` = 'entity'
  AND `to_type` = 'entity'
  AND NOT STARTS_WITH(`from_id`, 'scene.')
GROUP BY `source`, `to_id`
HAVING COUNT(DISTINCT `from_id`) > 1
