-- What people do by hand after something else, again and again, as automations to copy.
-- Reads: narrow columns of the days from begin_time until before end_time, and the whole table of
-- relationships, which is small.
-- A user of Home Assistant has turned `entity_id` on or off within five minutes after
-- `trigger_entity` became `trigger_state`: `support` times, which is `confidence` percent of all
-- times that it did, and after `seconds` on average. At least three times, and half of all. What an
-- automation does already is not in it: one that it triggers, and that acts on the entity.

WITH
`change` AS (
  SELECT *
  FROM (
    SELECT
      `source`, `entity_id`, `domain`, `state`, `state_changed`, `is_available`,
      `last_updated` AS `time`,
      `context_id`,
      `context_user_id` IS NOT NULL AND `context_parent_id` IS NULL AS `by_hand`,
      LAG(`is_available`) OVER (
        PARTITION BY `source`, `entity_id` ORDER BY `last_updated`, `state_id`
      ) AS `was_available`
    FROM `${sensor_data}`
    WHERE `last_changed` >= begin_time
      AND `last_changed` < end_time
      AND `domain` IN (
        'alarm_control_panel', 'binary_sensor', 'cover', 'device_tracker', 'fan', 'humidifier',
        'input_boolean', 'light', 'lock', 'media_player', 'person', 'sun', 'switch', 'vacuum'
      )
  )
  WHERE `state_changed` AND `is_available` AND IFNULL(`was_available`, TRUE)
),
`pair` AS (
  SELECT
    cause.`source`,
    cause.`entity_id` AS `trigger_entity`,
    cause.`state` AS `trigger_state`,
    action.`entity_id`,
    action.`domain`,
    action.`state`,
    COUNT(DISTINCT cause.`time`) AS `support`,
    AVG(TIMESTAMP_DIFF(action.`time`, cause.`time`, SECOND)) AS `seconds`
  FROM (
    -- What comes within five minutes is in the same or in the next of such spans.
    SELECT *, DIV(UNIX_SECONDS(`time`), 300) + `later` AS `span`
    FROM `change`
    CROSS JOIN UNNEST([0, 1]) AS `later`
  ) AS cause
  JOIN (
    SELECT *, DIV(UNIX_SECONDS(`time`), 300) AS `span`
    FROM `change`
    WHERE `by_hand`
      AND `domain` IN ('fan', 'humidifier', 'input_boolean', 'light', 'switch')
      AND `state` IN ('on', 'off')
  ) AS action
  ON cause.`source` = action.`source` AND cause.`span` = action.`span`
  WHERE cause.`entity_id` != action.`entity_id`
    AND IFNULL(cause.`context_id`, '') != action.`context_id`
    AND cause.`time` < action.`time`
    AND TIMESTAMP_DIFF(action.`time`, cause.`time`, MICROSECOND) <= 300000000
  GROUP BY
    cause.`source`, `trigger_entity`, `trigger_state`, action.`entity_id`, action.`domain`,
    action.`state`
),
`edge` AS (
  SELECT `source`, `kind`, `from_id`, `to_id`
  FROM `${relationships_latest}`
  WHERE `kind` IN ('triggered_by', 'acts_on') AND `to_type` = 'entity'
),
`automated` AS (
  SELECT DISTINCT begun.`source`, begun.`to_id` AS `trigger_entity`, done.`to_id` AS `entity_id`
  FROM `edge` AS begun
  JOIN `edge` AS done
  ON begun.`source` = done.`source` AND begun.`from_id` = done.`from_id`
  WHERE begun.`kind` = 'triggered_by' AND done.`kind` = 'acts_on'
)
SELECT
  pair.`source`,
  pair.`trigger_entity`,
  pair.`trigger_state`,
  pair.`entity_id`,
  pair.`state`,
  pair.`support`,
  ROUND(100 * pair.`support` / happened.`times`, 1) AS `confidence`,
  pair.`seconds`,
  CONCAT(
    'alias: ', pair.`entity_id`, ' ', pair.`state`, ' after ', pair.`trigger_entity`, '\n',
    'triggers:\n',
    '  - trigger: state\n',
    '    entity_id: ', pair.`trigger_entity`, '\n',
    '    to: ', TO_JSON_STRING(pair.`trigger_state`), '\n',
    'actions:\n',
    '  - action: ', pair.`domain`, '.turn_', pair.`state`, '\n',
    '    target:\n',
    '      entity_id: ', pair.`entity_id`, '\n'
  ) AS `automation`
FROM `pair` AS pair
JOIN (
  SELECT `source`, `entity_id`, `state`, COUNT(*) AS `times`
  FROM `change`
  GROUP BY `source`, `entity_id`, `state`
) AS happened
ON pair.`source` = happened.`source`
  AND pair.`trigger_entity` = happened.`entity_id`
  AND pair.`trigger_state` = happened.`state`
LEFT JOIN `automated` AS automated
ON pair.`source` = automated.`source`
  AND pair.`trigger_entity` = automated.`trigger_entity`
  AND pair.`entity_id` = automated.`entity_id`
WHERE automated.`source` IS NULL
  AND pair.`support` >= 3
  AND pair.`support` * 2 >= happened.`times`
