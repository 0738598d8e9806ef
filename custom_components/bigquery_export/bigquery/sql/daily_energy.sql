-- What each meter of the Energy dashboard has counted, a row for each day by the home's clock.
-- Reads: eleven narrow columns of statistics of the months from 31 days before begin_time until
-- before end_time, and the whole table of relationships, which is small.
-- `flow` is what the dashboard counts it as now: grid_import, grid_export, solar, battery_charge,
-- battery_discharge, gas, water, device or water_device. Energy is in kWh, and all else in its own
-- unit. `mean_power` and `peak_power` are those of an hour, in kW. `cost` is of the statistic that
-- the dashboard has for it, for grid_export what it has earned; for what see energy_cost.
-- `co2_grams` is of grid_import, if there are statistics of a carbon intensity in g of CO2 for each
-- kWh. The first hour of a meter counts nothing, nor that of one that was silent for all of the
-- months.

WITH
${energy_hours}
SELECT
  `source`,
  DATE(`local_time`) AS `day`,
  `flow`,
  `statistic_id`,
  SUM(`amount`) AS `amount`,
  MAX(`unit`) AS `unit`,
  IF(MAX(`unit`) = 'kWh', SUM(`amount`) / SUM(`hours`), NULL) AS `mean_power`,
  IF(MAX(`unit`) = 'kWh', MAX(`amount` / `hours`), NULL) AS `peak_power`,
  SUM(`cost`) AS `cost`,
  MAX(`currency`) AS `currency`,
  SUM(`co2_grams`) AS `co2_grams`
FROM `meter_hour`
GROUP BY `source`, `day`, `flow`, `statistic_id`
