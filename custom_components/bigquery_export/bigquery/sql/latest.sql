-- ${description}: the latest version, without those that were deleted since.
-- Reads: the columns that you select, and of the whole table those that say what was deleted.
-- For each source, statistic and start it is the row that was exported last, unless a row with
-- `deleted` was exported later whose `start` and `end` are around it.

WITH
`version` AS (
  SELECT * FROM `${table}`
)
SELECT
  ${columns}
FROM ${latest_versions}
