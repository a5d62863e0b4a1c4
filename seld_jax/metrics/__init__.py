"""DCASE scores of the editions 2019 to 2025. NumPy and SciPy only.

    per_recording = [metrics.counts(r, p, num_frames=600) for r, p in pairs]
    metrics.scores(metrics.merge(per_recording)).seld_score
    metrics.jackknife(per_recording)['seld_score']

`counts` compares one recording with its reference, `merge` adds recordings up,
`scores` turns counts into scores, `jackknife` gives confidence intervals, and
`paired_differences` compares two systems on the same recordings.

The functions are in `counting`; `editions` lists the module of each edition:
`dcase2019`, `dcase2020`, `dcase2021` (also 2022 and 2023), `dcase2024` and
`dcase2025`; `classless` compares directions whatever their class
(`edition=metrics.CLASSLESS`).
`matching` pairs predicted directions with reference directions for all of them,
`batches` places recordings one after another, and `published` holds what the
published code of an edition does differently. `SELDMetrics2020` to
`SELDMetrics2025` take the place of its classes; `results` puts scores in the
order in which these return them.
"""

from seld_jax.metrics import matching, results
from seld_jax.metrics.counting import (
  DEFAULT_NUM_FRAMES,
  counts,
  counts_each,
  jackknife,
  jackknife_estimates,
  jackknife_interval,
  merge,
  of_class,
  scores,
)
from seld_jax.metrics.dcase2020 import Counts, Scores
from seld_jax.metrics.differences import (
  Difference,
  draw_recordings,
  paired_differences,
)
from seld_jax.metrics.editions import (
  CLASSLESS,
  EDITIONS,
  WITH_DISTANCES,
  f_score,
  main_scores,
)
from seld_jax.metrics.matching import ANGLE_TOLERANCE
from seld_jax.metrics.published import (
  published_missing,
  published_num_frames,
  published_rules,
)
from seld_jax.metrics.seld_metrics import (
  SELDMetrics2020,
  SELDMetrics2021,
  SELDMetrics2022,
  SELDMetrics2023,
  SELDMetrics2024,
  SELDMetrics2025,
  SELDMetricsSegmentLevel,
  early_stopping_metric,
)

__all__ = [
  'counts',
  'counts_each',
  'merge',
  'of_class',
  'scores',
  'f_score',
  'main_scores',
  'jackknife',
  'jackknife_estimates',
  'jackknife_interval',
  'paired_differences',
  'draw_recordings',
  'Difference',
  'published_rules',
  'published_num_frames',
  'published_missing',
  'SELDMetrics2020',
  'SELDMetrics2021',
  'SELDMetrics2022',
  'SELDMetrics2023',
  'SELDMetrics2024',
  'SELDMetrics2025',
  'SELDMetricsSegmentLevel',
  'early_stopping_metric',
  'EDITIONS',
  'CLASSLESS',
  'WITH_DISTANCES',
  'DEFAULT_NUM_FRAMES',
  'Counts',
  'Scores',
  'ANGLE_TOLERANCE',
  'matching',
  'results',
]
