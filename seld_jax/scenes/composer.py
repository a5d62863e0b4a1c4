"""Draws scenes: which sound starts when, where it is and how it moves."""

import dataclasses

import numpy as np

from seld_jax import geometry, labels
from seld_jax.errors import InputError
from seld_jax.scenes import library as library_lib
from seld_jax.scenes import measured, rooms, sounds

SAMPLE_RATE = sounds.SAMPLE_RATE
# Speeds of moving sources, in degrees of azimuth per second.
SPEEDS = (10.0, 20.0, 40.0)
# Step of azimuth between two responses of a moving source, in degrees.
ARC_STEP = 3.0
_MIN_SECONDS = 0.5
_MAX_DISTANCE = 5.0
MAX_OVERLAP = 3
# Probability that an event which begins during others takes the class of one of
# them, in sets with overlap of the same class.
SAME_CLASS_SHARE = 0.4
# Mean pause between two unlabelled other sounds, in seconds.
_PAUSE_OF_OTHERS = 6.0
# Clips that are drawn for an event at most, until none of the others plays it.
_MOST_DRAWS = 5


@dataclasses.dataclass(frozen=True)
class Event:
  """A sound that stands still, or moves along an arc around the array.

  Attributes:
    class_name: The class; `library.OTHER` for a sound without a label.
    sound: The dry sound.
    onset: Seconds from the start of the recording.
    track: 0, 1 or 2; simultaneous events have different tracks.
    azimuth: Azimuth at the onset, in degrees.
    elevation: Constant elevation, in degrees.
    distance: Constant distance, in metres.
    speed: Degrees of azimuth per second, positive to the left; 0 when static.
    level_db: Level of the direct sound at the array in dB, relative to the
      other events.
    response: The measured response that it is heard through; None in a
      simulated room.
  """

  class_name: str
  sound: sounds.Sound
  onset: float
  track: int
  azimuth: float
  elevation: float
  distance: float
  speed: float
  level_db: float
  response: measured.Response | None = None

  @property
  def duration(self) -> float:
    """Length of the sound in seconds."""
    return self.sound.samples.size / SAMPLE_RATE

  def position(self, time: np.ndarray) -> np.ndarray:
    """Position relative to the array, `time` seconds after the onset."""
    azimuth = self.azimuth + self.speed * np.asarray(time)
    return self.distance * geometry.to_cartesian(azimuth, self.elevation)


@dataclasses.dataclass(frozen=True)
class Scene:
  """A complete description of a recording, from which it is rendered.

  Attributes:
    room: The room, simulated or measured.
    receiver: Position of the array in metres, with shape `[3]`; 0 in a measured
      room.
    events: The events, sorted by onset.
    seconds: Length of the recording.
    snr_db: Ratio in dB of the power of the events, in frames with any event, to
      the power of the ambience.
    seed: Determines reverberation and ambience.
    class_names: The names of all classes, by index.
    others: Sounds without a label, sorted by onset.
    peak_dbfs: Peak level of the recording in dB of full scale; None for the
      usual level.
  """

  room: rooms.Room | measured.MeasuredRoom
  receiver: np.ndarray
  events: tuple[Event, ...]
  seconds: float
  snr_db: float
  seed: int
  class_names: tuple[str, ...] = labels.TAU2020_CLASSES
  others: tuple[Event, ...] = ()
  peak_dbfs: float | None = None


@dataclasses.dataclass(frozen=True)
class Style:
  """Properties of drawn scenes; the defaults follow TAU-NIGENS 2020.

  Ranges are (lowest, highest).

  Attributes:
    moving: Fraction of the events that move, 0 to 1.
    pause: Range of the mean pause between two events of a track, in seconds.
    snr_db: Range of the ratio of events to ambience, in dB.
    rt60: Range of the reverberation times of the rooms, in seconds.
    max_overlap: Largest number of simultaneous events in a recording, 1 to 3.
      A set has as many recordings with each number up to this one.
    same_class_overlap: Whether some simultaneous events have the same class:
      about a third of the events that overlap others. If False, none do.
    variation: How much every event is varied.
    measured_rooms: Fraction of the rooms that are measured ones, 0 to 1, if
      there are measured rooms.
    others: Fraction of the recordings with unlabelled other sounds, 0 to 1, if
      there are such sounds.
    silent: Fraction of the recordings without any labelled event, 0 to 1.
    peak_dbfs: Range of the peak levels of the recordings, in dB of full scale.
      None for the usual level: a root mean square of 0.05, or less if the
      peak would exceed 0.89.

  Example:
    >>> from seld_jax import scenes
    >>> style = scenes.Style(moving=0.0, rt60=(0.2, 0.5))
    >>> style.snr_db
    (6.0, 30.0)
  """

  moving: float = 0.5
  pause: tuple[float, float] = (0.2, 0.9)
  snr_db: tuple[float, float] = (6.0, 30.0)
  rt60: tuple[float, float] = (0.2, 1.2)
  max_overlap: int = 2
  same_class_overlap: bool = False
  variation: sounds.Variation = sounds.Variation()
  measured_rooms: float = 1.0
  others: float = 0.5
  silent: float = 0.0
  peak_dbfs: tuple[float, float] | None = None

  def __post_init__(self) -> None:
    """Raises InputError if a value is out of its range."""
    for name, value, whole in (
      ('moving', self.moving, 'events'),
      ('measured_rooms', self.measured_rooms, 'rooms'),
      ('others_share', self.others, 'recordings'),
      ('silent', self.silent, 'recordings'),
    ):
      if not 0 <= value <= 1:
        raise InputError(
          f'--{name} is a fraction of the {whole} from 0 to 1, got {value:g}.'
        )
    if self.max_overlap not in range(1, MAX_OVERLAP + 1):
      raise InputError(
        '--max_overlap is a number of simultaneous events from 1 to '
        f'{MAX_OVERLAP}, got {self.max_overlap}.'
      )
    if self.same_class_overlap and self.max_overlap == 1:
      raise InputError(
        '--same_class_overlap needs simultaneous events, but --max_overlap is '
        '1: give --max_overlap=2 or 3.'
      )
    for name, (low, high), least, most in (
      ('rt60', self.rt60, 0.1, 5.0),
      ('snr_db', self.snr_db, -50.0, 100.0),
      ('pause', self.pause, 0.0, 60.0),
      ('peak_dbfs', self.peak_dbfs or (0.0, 0.0), -80.0, 0.0),
    ):
      if not least <= low <= high <= most:
        raise InputError(
          f'{name} is a range from low to high within {least:g} and {most:g}, '
          f'got {low:g} to {high:g}.'
        )


def draw_room(
  rng: np.random.Generator, *, style: Style, available: measured.Rooms | None
) -> rooms.Room | measured.MeasuredRoom:
  """Draws a simulated room, or one of the measured ones.

  Args:
    rng: Determines the room.
    style: Reverberation times, and the fraction of measured rooms.
    available: The measured rooms; None if there are none.

  Returns:
    The room.
  """
  if available is not None and rng.random() < style.measured_rooms:
    return available.rooms[rng.integers(len(available.rooms))]
  return rooms.draw_room(rng, rt60=style.rt60)


def draw_scene(
  rng: np.random.Generator,
  library: library_lib.Library,
  fold: int,
  room: rooms.Room | measured.MeasuredRoom,
  *,
  overlap: int,
  seconds: float = 60.0,
  style: Style | None = None,
  others: library_lib.Library | None = None,
) -> Scene:
  """Draws the events of a recording.

  Args:
    rng: Determines the scene.
    library: The library of dry sounds.
    fold: The fold of the sounds.
    room: The room.
    overlap: Largest number of simultaneous events, 1 to 3.
    seconds: Length of the recording.
    style: Properties of the scene.
    others: Sounds that some scenes have besides, without labels.

  Returns:
    The scene.

  Raises:
    InputError: A clip cannot be read.
  """
  style = style or Style()
  receiver = np.zeros(3)
  if isinstance(room, rooms.Room):
    receiver = rooms.place_array(rng, room)
  if style.silent and rng.random() < style.silent:
    overlap = 0
  # With several tracks, the pauses of each are longer.
  pause = rng.uniform(*style.pause) * min(overlap, 2)
  placed: list[Event] = []
  for track in range(overlap):
    time = rng.uniform(0.0, min(2 * pause, 0.3 * seconds))
    while time < seconds - _MIN_SECONDS:
      nearby = _sounding(placed, time)
      name = _draw_class(rng, library, fold, nearby, time, style)
      if name is None:
        time += 0.5
        continue
      sound = _draw_sound(rng, library, fold, name, nearby, style)
      sound = sounds.shorten(sound, min(seconds - time, sounds.MAX_SECONDS))
      placed.append(
        _place(rng, room, receiver, sound, name, time, track, style)
      )
      time += placed[-1].duration + rng.gamma(2.0, pause / 2.0)
  extra = []
  if others is not None and rng.random() < style.others:
    extra = _draw_others(rng, others, fold, room, receiver, seconds, style)
  peak = style.peak_dbfs and float(rng.uniform(*style.peak_dbfs))
  return Scene(
    room=room,
    receiver=receiver,
    events=tuple(sorted(placed, key=lambda event: (event.onset, event.track))),
    seconds=seconds,
    snr_db=float(rng.uniform(*style.snr_db)),
    seed=int(rng.integers(2**63)),
    class_names=library.class_names,
    others=tuple(extra),
    peak_dbfs=peak,
  )


def active_frames(event: Event) -> np.ndarray:
  """Returns the label frames in which an event is active, int64 `[n]`.

  The ends of an active interval are rounded to the nearest frame borders. An
  interval that gets no frame this way gets the frame in its middle.
  """
  spans = []
  intervals = event.sound.intervals + event.onset
  for start, stop in intervals * labels.FRAMES_PER_SECOND:
    first, last = round(start), round(stop)
    if last <= first:
      first = int((start + stop) / 2)
      last = first + 1
    spans.append(np.arange(first, last))
  return np.unique(np.concatenate(spans)).astype(np.int64)


def label_events(scene: Scene) -> labels.Events:
  """Returns the labels of a scene.

  Directions and distances are those at the middle of every frame, in integer
  degrees and whole centimetres.

  Args:
    scene: The scene.

  Returns:
    Events sorted by frame and track, with distances in metres.
  """
  return label_rows(scene)[0]


def label_rows(scene: Scene) -> tuple[labels.Events, np.ndarray]:
  """Returns the labels of a scene, and to which of its events they belong.

  Args:
    scene: The scene.

  Returns:
    The events as of `label_events`, with shape `[n]`; and the index of each row
    in the events of the scene, int64 with shape `[n]`.
  """
  num_frames = int(np.ceil(scene.seconds * labels.FRAMES_PER_SECOND - 1e-6))
  rows = []
  for place, event in enumerate(scene.events):
    frames = active_frames(event)
    frames = frames[frames < num_frames]
    azimuth, elevation = frame_directions(event, frames)
    distance = frame_distances(event, frames)
    index = scene.class_names.index(event.class_name)
    constant = np.tile([index, event.track], (frames.size, 1))
    owner = np.full(frames.size, place)
    rows.append(
      np.column_stack([frames, constant, azimuth, elevation, distance, owner])
    )
  table = np.concatenate(rows) if rows else np.zeros((0, 7))
  table = table[np.lexsort((table[:, 2], table[:, 0]))]
  # A track has one event per frame. When a short event ends and another one
  # starts in the same frame, the later event gets it.
  is_last = np.any(np.diff(table[:, [0, 2]], axis=0), axis=1)
  table = table[np.append(is_last, True)[: len(table)]]
  events = labels.Events(
    frame=table[:, 0].astype(np.int64),
    class_index=table[:, 1].astype(np.int64),
    track=table[:, 2].astype(np.int64),
    xyz=geometry.to_cartesian(table[:, 3], table[:, 4]),
    distance=table[:, 5],
  )
  return events, table[:, 6].astype(np.int64)


def frame_directions(
  event: Event, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns azimuth in (-180, 180] and elevation of frames, as integers."""
  azimuth = np.rint(event.azimuth + event.speed * _times(event, frames))
  azimuth = geometry.wrap_degrees(azimuth).astype(np.int64)
  return azimuth, np.full(frames.shape, round(event.elevation), np.int64)


def frame_distances(event: Event, frames: np.ndarray) -> np.ndarray:
  """Returns the distances of frames in metres, as whole centimetres."""
  position = event.position(_times(event, frames))
  return np.rint(100 * np.linalg.norm(position, axis=-1)) / 100


def _times(event: Event, frames: np.ndarray) -> np.ndarray:
  """The middle of frames within the event, in seconds after its onset."""
  time = (frames + 0.5) / labels.FRAMES_PER_SECOND - event.onset
  return np.clip(time, 0.0, event.duration)


def _sounding(placed: list[Event], time: float) -> list[Event]:
  """The events that may overlap one that begins at a time."""
  end = time + sounds.MAX_SECONDS
  return [
    event
    for event in placed
    if event.onset < end and event.onset + event.duration > time
  ]


def _draw_class(
  rng: np.random.Generator,
  library: library_lib.Library,
  fold: int,
  others: list[Event],
  time: float,
  style: Style,
) -> str | None:
  """Draws a class that is not active while the next event can be.

  If overlap of the same class is requested, an event that begins during others
  may take the class of one of them; and so does any event if the library has
  too few classes.
  """
  sounding = {event.class_name for event in others}
  classes = library.classes(fold)
  names = [name for name in classes if name not in sounding]
  if style.same_class_overlap:
    begun = [event.class_name for event in others if event.onset <= time]
    if begun and rng.random() < SAME_CLASS_SHARE:
      return begun[rng.integers(len(begun))]
    names = names or list(classes)
  return names[rng.integers(len(names))] if names else None


def _draw_sound(
  rng: np.random.Generator,
  library: library_lib.Library,
  fold: int,
  name: str,
  others: list[Event],
  style: Style,
) -> sounds.Sound:
  """Draws a sound of a class, another clip than those that sound already."""
  used = set()
  if style.same_class_overlap:
    used = {other.sound.origin for other in others}
  # A class may have few clips.
  for _ in range(_MOST_DRAWS - 1):
    sound = sounds.draw(rng, library, fold, name, variation=style.variation)
    if sound.origin not in used:
      return sound
  return sounds.draw(rng, library, fold, name, variation=style.variation)


def _draw_others(
  rng: np.random.Generator,
  others: library_lib.Library,
  fold: int,
  room: rooms.Room | measured.MeasuredRoom,
  receiver: np.ndarray,
  seconds: float,
  style: Style,
) -> list[Event]:
  """Draws sounds without labels, one after the other."""
  placed: list[Event] = []
  if not others.classes(fold):
    return placed
  time = rng.gamma(2.0, _PAUSE_OF_OTHERS / 2.0)
  while time < seconds - _MIN_SECONDS:
    sound = sounds.draw(
      rng, others, fold, library_lib.OTHER, variation=style.variation
    )
    sound = sounds.shorten(sound, min(seconds - time, sounds.MAX_SECONDS))
    placed.append(
      _place(rng, room, receiver, sound, library_lib.OTHER, time, 0, style)
    )
    time += placed[-1].duration + rng.gamma(2.0, _PAUSE_OF_OTHERS / 2.0)
  return placed


def _place(
  rng: np.random.Generator,
  room: rooms.Room | measured.MeasuredRoom,
  receiver: np.ndarray,
  sound: sounds.Sound,
  name: str,
  onset: float,
  track: int,
  style: Style,
) -> Event:
  """Places a sound in the room, either static or on an arc."""
  azimuth = rng.uniform(-180, 180)
  elevation = rng.uniform(-45, 45)
  speed = 0.0
  if rng.random() < style.moving:
    speed = float(rng.choice(SPEEDS) * rng.choice([-1, 1]))
  response = None
  if isinstance(room, rooms.Room):
    duration = sound.samples.size / SAMPLE_RATE
    # A little beyond the end, because responses are computed at fixed steps.
    path = azimuth + np.sign(speed) * np.linspace(
      0, abs(speed) * duration + ARC_STEP, 64
    )
    free = rooms.free_distance(
      room, receiver, geometry.to_cartesian(path, elevation)
    )
    reach = float(np.clip(free.min(), 1.0, _MAX_DISTANCE))
    distance = rng.uniform(1.0, reach)
  else:
    response = room.responses[rng.integers(len(room.responses))]
    elevation, distance = response.elevation, response.distance
  gain = style.variation.gain_db
  return Event(
    class_name=name,
    sound=sound,
    onset=float(onset),
    track=track,
    azimuth=float(azimuth),
    elevation=float(elevation),
    distance=float(distance),
    speed=speed,
    level_db=float(rng.uniform(-gain, gain)),
    response=response,
  )
