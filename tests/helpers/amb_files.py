"""Files of Ambisonics in FuMa order and level, as their headers say."""

import soundfile

# The ends of the GUIDs of a usual WAV file and of an AMB file.
_USUAL = bytes.fromhex('00001000800000aa00389b71')
_B_FORMAT = bytes.fromhex('2107d3118644c8c1ca000000')


def write_amb(path, samples, rate=24000, subtype='FLOAT'):
  """Writes samples with shape [channels, samples], which are W, X, Y, Z, ..."""
  with open(path, 'wb') as file:
    soundfile.write(file, samples.T, rate, format='WAVEX', subtype=subtype)
  raw = path.read_bytes()
  assert raw.count(_USUAL) == 1
  path.write_bytes(raw.replace(_USUAL, _B_FORMAT))
