"""Mending the sums of statistics that contradict the readings of their meters.

What Home Assistant writes for a meter (`compile_statistics` of its sensor component; run with a
recorder on disk, in tests/bigquery_export/mend/test_outages.py):

* A sum goes on from the newest five-minute row of its statistic, which has the sum and the last
  reading. The recorder purges five-minute rows, after ten days by default; hourly rows stay, but no
  sum ever goes on from them.
* While an entity has a number as its state, also one that does not change, there is a row every
  five minutes. While it is unavailable, unknown or gone there is none, and no hour either.
* Silent, and back before the purge: the first hour has all that the meter counted meanwhile.
* Silent, a purge between: the sum begins again at 0, from the first reading that comes, whether the
  state class is `total_increasing` or `total`, and whether there is a `last_reset` or not, the same
  or another. So the first hour has as its sum what the meter counted since that first reading. The
  graph falls by the whole sum, and what was counted in the outage is in no hour.
* `recorder.purge` with `keep_days: 0` does the same to all meters at once, with no hour missing.
* `total_increasing`: a reading below nine tenths of the one before counts as a reset, and what the
  meter shows from then on is added. A reading of 0 that comes for a moment adds the whole meter
  once more, and so does one that is far too high, when it is gone again.
* `total`: another `last_reset` is a reset. Without one the sum follows the readings, up and down.

    contradiction ──► meter_history ──► mender ──► the repair        which hours, whether it is sure
"""
