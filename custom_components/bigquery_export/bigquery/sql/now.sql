-- ${description}: what holds now.
-- Reads: the whole table, which is small.

SELECT
  ${columns}
FROM `${table}_valid`
WHERE `valid_to` IS NULL AND NOT `removed`
