-- The days of statistics that began from begin_time until before end_time, as they are now.
-- Reads: the columns that you select, and seven narrow ones, of the months that the time touches.
-- For each source, statistic and start it is the row that was exported last, unless it was deleted
-- since.

WITH
`version` AS (
  SELECT * FROM `${daily_statistics}`
  WHERE `start` >= TIMESTAMP_TRUNC(begin_time, MONTH) AND `start` < end_time
)
SELECT
  ${columns}
FROM ${latest_versions}
  AND latest.`start` >= begin_time
