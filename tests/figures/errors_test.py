"""Figures of confusions and of direction errors."""

import io

import numpy as np
import pytest
from matplotlib import image

from seld_jax import figures
from seld_jax.errors import InputError
from seld_jax.evaluate import directions


def pixels(figure) -> np.ndarray:
  return image.imread(io.BytesIO(figures.to_png(figure)), format='png')


def test_cells_are_percentages_of_their_row():
  counts = np.array([[8, 2, 0, 0, 1], [0, 0, 0, 0, 0], [0, 3, 1, 0, 0]])
  counts = np.vstack([counts, np.zeros((1, 5), int)])
  segments = np.array([10, 0, 4, 0])
  figure = figures.plot_confusion(
    counts, segments, classes=['a', '$b', 'c' * 40, 'd']
  )
  panel, _ = figure.axes
  (shown,) = panel.get_images()
  # A class that is never active alone has no row. If it is never detected
  # either, it has no column.
  expected = [[80, 20, 0, 10], [0, 75, 25, 0]]
  np.testing.assert_allclose(np.asarray(shown.get_array()), expected)
  columns = [text.get_text() for text in panel.get_xticklabels()]
  assert columns[:2] == ['a', '$b'] and columns[-1] == 'nothing'
  assert len(columns[2]) < 40
  written = {text.get_position(): text.get_text() for text in panel.texts}
  assert written == {
    (0, 0): '80',
    (1, 0): '20',
    (3, 0): '10',
    (1, 1): '75',
    (2, 1): '25',
  }


def test_higher_values_have_more_contrast_to_the_page():
  counts = np.array([[0, 0, 0], [0, 100, 0]])
  for dark in False, True:
    figure = figures.plot_confusion(
      counts, np.array([100, 100]), classes=['a', 'b'], dark=dark
    )
    (shown,) = figure.axes[0].get_images()
    # Lightness is monotonic, so that the figure can be read in grey.
    grey = shown.cmap(np.linspace(0, 1, 50))[:, :3] @ (0.3, 0.59, 0.11)
    assert (np.diff(grey) * (1 if dark else -1) > 0).all()
    corner = pixels(figure)[0, 0, :3].mean()
    assert corner < 0.2 if dark else corner > 0.9


@pytest.mark.parametrize('size', [1, 30])
def test_one_class_and_many_classes_can_be_drawn(size):
  counts = np.eye(size, size + 1, dtype=int)
  figure = figures.plot_confusion(
    counts, np.ones(size, int), classes=[f'class {i}' for i in range(size)]
  )
  assert pixels(figure).std() > 0.05


def test_profiles_are_drawn_with_their_values():
  rng = np.random.default_rng(0)
  values = rng.uniform(-180, 180, 300)
  errors = np.where(rng.random(300) < 0.2, np.nan, rng.uniform(0, 60, 300))
  one = directions.profile(values, errors, edges=range(-180, 181, 45))
  gap = directions.profile(values, errors, edges=[0, 90, 180, 270])
  figure = figures.plot_direction_errors({'azimuth (°)': one, 'other': gap})
  above, below = figure.axes[:2], figure.axes[2:]
  for profile, angles, share in zip((one, gap), above, below, strict=True):
    (median,) = [x for x in angles.get_lines() if x.get_gid() == 'median']
    np.testing.assert_array_equal(median.get_xdata(), profile.value)
    np.testing.assert_array_equal(median.get_ydata(), profile.quartiles[1])
    (found,) = [x for x in share.get_lines() if x.get_gid() == 'found']
    known = profile.rows > 0
    np.testing.assert_allclose(
      np.asarray(found.get_ydata())[known],
      100 * profile.found[known] / profile.rows[known],
    )
    assert np.isnan(np.asarray(found.get_ydata())[~known]).all()
  # Panels that are compared have the same scale.
  assert above[0].get_ylim() == above[1].get_ylim()
  assert pixels(figure).std() > 0.05


def test_figures_without_data_are_refused():
  with pytest.raises(InputError, match='at least one profile'):
    figures.plot_direction_errors({})
  with pytest.raises(InputError, match='a class that is active alone'):
    figures.plot_confusion(np.zeros((1, 2), int), np.zeros(1), classes=['a'])
  with pytest.raises(InputError, match='a name for each class'):
    figures.plot_confusion(
      np.zeros((1, 2), int), np.ones(1), classes=['a', 'b']
    )


def test_azimuths_in_front_fill_the_panel():
  azimuth = np.linspace(-80, 80, 9)
  profile = directions.profile(azimuth, np.abs(azimuth), edges=[-90, 0, 90])
  figure = figures.plot_direction_errors({'azimuth (°)': profile}, frontal=True)
  panel = figure.axes[1]
  assert panel.get_xlim() == (-95, 95)
  names = [text.get_text() for text in panel.get_xticklabels()]
  assert names[0] == '−90\nright' and names[-1] == '90\nleft'
