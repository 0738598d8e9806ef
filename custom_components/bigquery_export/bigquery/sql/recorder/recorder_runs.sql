-- The recorder's table `recorder_runs`, without the run that has not ended.
-- Reads: the whole table, which is small.

SELECT
  `run_id`,
  `start`,
  `end`,
  `closed_incorrect`,
  `created`,
  `source` AS `installation`
FROM ${rows}
