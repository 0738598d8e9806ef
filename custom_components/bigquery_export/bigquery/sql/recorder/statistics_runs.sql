-- The recorder's table `statistics_runs`.
-- Reads: the columns that you select, of all days.

SELECT
  `run_id`,
  `start`,
  `source` AS `installation`
FROM ${rows}
