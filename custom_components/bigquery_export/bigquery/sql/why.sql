-- Who or what led to the state that an entity had at a moment, as a path and as a sentence.
-- Reads: events and narrow columns of states of the day before the moment.
-- A person, a state that triggered, an automation, scripts, and the state itself: what Home
-- Assistant's contexts link. `user_id` is the person's, of Home Assistant's users. A path of one
-- step says that no context leads further: a device has changed by itself, or its integration does
-- not tell. There is no row where the state began more than a day before.

-- A context has a parent, the context of what triggered it; four are followed, one by one, because
-- recursion is not allowed in functions (BigQuery's page "Query syntax", "WITH clause"). Of the
-- states of a parent all count that were before the automation, such as the member of a group that
-- triggered it; but where the parent is an automation or script itself, only the one that the text
-- of the trigger names.
WITH
`happened` AS (
  SELECT
    `source`, `context_id`, `context_parent_id`, `context_user_id`, `entity_id`,
    `last_updated` AS `time`, `state`, 'state' AS `kind`, CAST(NULL AS STRING) AS `trigger`
  FROM `${sensor_data}`
  WHERE `last_changed` >= TIMESTAMP_SUB(moment, INTERVAL 1 DAY)
    AND `last_changed` <= moment
    AND `last_updated` <= moment
    AND `state_changed`
    AND `state` IS NOT NULL
  UNION ALL
  SELECT
    `source`, `context_id`, `context_parent_id`, `context_user_id`, `entity_id`,
    `time_fired`, CAST(NULL AS STRING),
    IF(`event_type` = 'script_started', 'script', 'automation'),
    LAX_STRING(`event_data`.`source`)
  FROM `${events}`
  WHERE `time_fired` >= TIMESTAMP_SUB(moment, INTERVAL 1 DAY)
    AND `time_fired` <= moment
    AND `event_type` IN ('automation_triggered', 'script_started')
),
`effect` AS (
  SELECT *
  FROM (
    SELECT
      *, ROW_NUMBER() OVER (PARTITION BY `source` ORDER BY `time` DESC) AS `age`
    FROM `happened`
    WHERE `kind` = 'state' AND `entity_id` = entity
  )
  WHERE `age` = 1
),
`context` AS (
  SELECT
    `source`,
    `context_id`,
    MAX(`context_parent_id`) AS `parent_id`,
    MAX(`context_user_id`) AS `user_id`,
    MAX(`trigger`) AS `trigger`,
    MIN(IF(`kind` = 'automation', `time`, NULL)) AS `triggered`,
    COUNTIF(`kind` != 'state') AS `events`
  FROM `happened`
  WHERE `context_id` IS NOT NULL
  GROUP BY `source`, `context_id`
),
`chain` AS (
  SELECT
    `source`, level.`distance`, level.`context_id`, level.`parent_id`, level.`user_id`,
    level.`events`, level.`led_to`, level.`led_at`
  FROM (
    SELECT
      effect.`source`,
      [
        STRUCT(
          0 AS `distance`, c0.`context_id` AS `context_id`, c0.`parent_id` AS `parent_id`,
          c0.`user_id` AS `user_id`, c0.`events` AS `events`, CAST(NULL AS STRING) AS `led_to`,
          CAST(NULL AS TIMESTAMP) AS `led_at`
        ),
        STRUCT(
          1 AS `distance`, c1.`context_id` AS `context_id`, c1.`parent_id` AS `parent_id`,
          c1.`user_id` AS `user_id`, c1.`events` AS `events`, c0.`trigger` AS `led_to`,
          c0.`triggered` AS `led_at`
        ),
        STRUCT(
          2 AS `distance`, c2.`context_id` AS `context_id`, c2.`parent_id` AS `parent_id`,
          c2.`user_id` AS `user_id`, c2.`events` AS `events`, c1.`trigger` AS `led_to`,
          c1.`triggered` AS `led_at`
        ),
        STRUCT(
          3 AS `distance`, c3.`context_id` AS `context_id`, c3.`parent_id` AS `parent_id`,
          c3.`user_id` AS `user_id`, c3.`events` AS `events`, c2.`trigger` AS `led_to`,
          c2.`triggered` AS `led_at`
        ),
        STRUCT(
          4 AS `distance`, c4.`context_id` AS `context_id`, c4.`parent_id` AS `parent_id`,
          c4.`user_id` AS `user_id`, c4.`events` AS `events`, c3.`trigger` AS `led_to`,
          c3.`triggered` AS `led_at`
        )
      ] AS `levels`
    FROM `effect` AS effect
    LEFT JOIN `context` AS c0
    ON effect.`source` = c0.`source` AND effect.`context_id` = c0.`context_id`
    LEFT JOIN `context` AS c1
    ON effect.`source` = c1.`source` AND c0.`parent_id` = c1.`context_id`
    LEFT JOIN `context` AS c2
    ON effect.`source` = c2.`source` AND c1.`parent_id` = c2.`context_id`
    LEFT JOIN `context` AS c3
    ON effect.`source` = c3.`source` AND c2.`parent_id` = c3.`context_id`
    LEFT JOIN `context` AS c4
    ON effect.`source` = c4.`source` AND c3.`parent_id` = c4.`context_id`
  )
  CROSS JOIN UNNEST(`levels`) AS level
  WHERE level.`context_id` IS NOT NULL
),
`step` AS (
  SELECT `source`, `entity_id`, `kind`, `time`, `state`, 0 AS `distance`
  FROM `effect`
  UNION ALL
  SELECT
    happened.`source`, happened.`entity_id`, happened.`kind`, happened.`time`, happened.`state`,
    chain.`distance`
  FROM `chain` AS chain
  JOIN `effect` AS effect
  ON chain.`source` = effect.`source`
  JOIN `happened` AS happened
  ON chain.`source` = happened.`source`
    AND chain.`context_id` = happened.`context_id`
    AND happened.`time` <= effect.`time`
  WHERE happened.`kind` != 'state'
    OR (
      happened.`time` <= chain.`led_at`
      AND (
        chain.`events` = 0 OR ENDS_WITH(chain.`led_to`, CONCAT(' ', happened.`entity_id`))
      )
    )
  UNION ALL
  SELECT
    `source`, `user_id`, 'person', TIMESTAMP '0001-01-01 00:00:00+00', CAST(NULL AS STRING),
    `distance`
  FROM `chain`
  WHERE `user_id` IS NOT NULL AND `parent_id` IS NULL
)
SELECT
  step.`source`,
  effect.`entity_id`,
  effect.`state`,
  effect.`time` AS `since`,
  MAX(IF(step.`kind` = 'person', step.`entity_id`, NULL)) AS `user_id`,
  STRING_AGG(
    IF(step.`kind` = 'person', 'person', step.`entity_id`), ' > '
    ORDER BY step.`distance` DESC, step.`time`, IF(step.`kind` = 'state', 1, 0)
  ) AS `path`,
  CONCAT(
    effect.`entity_id`, ' became ', effect.`state`,
    IFNULL(
      CONCAT(
        ': ',
        STRING_AGG(
          CASE
            WHEN step.`kind` = 'person' THEN 'a person'
            WHEN step.`kind` != 'state' THEN CONCAT(step.`entity_id`, ' ran')
            WHEN step.`distance` > 0 THEN CONCAT(step.`entity_id`, ' became ', step.`state`)
          END,
          ', then ' ORDER BY step.`distance` DESC, step.`time`
        )
      ),
      ' by itself'
    )
  ) AS `sentence`
FROM `step` AS step
JOIN `effect` AS effect
ON step.`source` = effect.`source`
GROUP BY step.`source`, effect.`entity_id`, effect.`state`, effect.`time`
