-- Each run of an automation: what triggered it, who was behind it, and what it did last.
-- Reads: events, and narrow columns of states, from begin_time until before end_time.
-- Effects are the states that changed in its context, until before end_time. `user_id` is the
-- person's who has caused it, of Home Assistant's users, if one has.

SELECT
  run.`source`,
  run.`entity_id`,
  run.`time_fired`,
  LAX_STRING(run.`event_data`.`source`) AS `trigger`,
  ANY_VALUE(run.`context_user_id`) AS `user_id`,
  run.`context_id`,
  COUNT(effect.`entity_id`) AS `effects`,
  MAX_BY(effect.`entity_id`, effect.`last_updated`) AS `last_effect`,
  MAX_BY(effect.`state`, effect.`last_updated`) AS `last_state`,
  TIMESTAMP_DIFF(MAX(effect.`last_updated`), run.`time_fired`, MICROSECOND) / 1000000 AS `seconds`
FROM (
  SELECT `source`, `entity_id`, `time_fired`, `event_data`, `context_id`, `context_user_id`
  FROM `${events}`
  WHERE `time_fired` >= begin_time
    AND `time_fired` < end_time
    AND `event_type` = 'automation_triggered'
) AS run
LEFT JOIN (
  SELECT `source`, `entity_id`, `state`, `last_updated`, `context_id`
  FROM `${sensor_data}`
  WHERE `last_changed` >= begin_time
    AND `last_changed` < end_time
    AND `state_changed`
    AND `domain` != 'automation'
) AS effect
ON run.`source` = effect.`source`
  AND run.`context_id` = effect.`context_id`
  AND effect.`last_updated` >= run.`time_fired`
GROUP BY
  run.`source`, run.`entity_id`, run.`time_fired`, `trigger`, run.`context_id`
