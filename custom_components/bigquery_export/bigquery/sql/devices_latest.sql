-- The devices of the home as they are now, with how many entities each has.
-- Reads: the whole tables of entities and devices, which are small.
-- What only the table of devices has is NULL where that is not exported: versions, model_id,
-- serial_number, connections, parent_device_id, entry_id, disabled_by and created. Then devices
-- without an entity are not in it.

WITH
`of_entities` AS (
  SELECT
    `source`,
    `device_id`,
    ANY_VALUE(`device_name`) AS `device_name`,
    ANY_VALUE(`manufacturer`) AS `manufacturer`,
    ANY_VALUE(`model`) AS `model`,
    ANY_VALUE(`via_device_id`) AS `via_device_id`,
    STRING_AGG(DISTINCT `area_name`, ', ' ORDER BY `area_name`) AS `areas`,
    STRING_AGG(DISTINCT `integration`, ', ' ORDER BY `integration`) AS `integrations`,
    COUNT(*) AS `entities`,
    COUNTIF(`disabled_by` IS NOT NULL) AS `disabled`,
    MIN(`created`) AS `first_seen`
  FROM `${entities_latest}`
  WHERE `device_id` IS NOT NULL
  GROUP BY `source`, `device_id`
),
`registered` AS (
  SELECT * EXCEPT (`newest`)
  FROM (
    SELECT
      *,
      ROW_NUMBER() OVER (
        PARTITION BY `source`, `device_id` ORDER BY `generation` DESC, `valid_from` DESC
      ) AS `newest`
    FROM ${devices_rows}
  )
  WHERE `newest` = 1 AND NOT `removed`
)
SELECT
  COALESCE(device.`source`, entity.`source`) AS `source`,
  COALESCE(device.`device_id`, entity.`device_id`) AS `device_id`,
  COALESCE(device.`name`, entity.`device_name`) AS `device_name`,
  COALESCE(device.`manufacturer`, entity.`manufacturer`) AS `manufacturer`,
  COALESCE(device.`model`, entity.`model`) AS `model`,
  COALESCE(device.`via_device_id`, entity.`via_device_id`) AS `via_device_id`,
  COALESCE(entity.`areas`, device.`area_name`) AS `areas`,
  COALESCE(entity.`integrations`, ARRAY_TO_STRING(device.`integrations`, ', ')) AS `integrations`,
  IFNULL(entity.`entities`, 0) AS `entities`,
  IFNULL(entity.`disabled`, 0) AS `disabled`,
  COALESCE(entity.`first_seen`, device.`created`) AS `first_seen`,
  device.`model_id`,
  device.`sw_version`,
  device.`hw_version`,
  device.`serial_number`,
  ARRAY_TO_STRING(device.`connections`, ', ') AS `connections`,
  device.`parent_device_id`,
  device.`entry_id`,
  device.`disabled_by`,
  device.`created`
FROM `of_entities` AS entity
FULL JOIN `registered` AS device
ON entity.`source` = device.`source` AND entity.`device_id` = device.`device_id`
