"""The configuration: all fields with their defaults."""

from typing import Any

import ml_collections

from seld_jax import labels
from seld_jax.config.types import Config


def default() -> Config:
  """The configuration of the paper's proposed system on FOA audio.

  The files in `configs/` change single fields of it, and so does the command
  line, e.g. `--config.train.batch_size=32`.

  Returns:
    A locked ConfigDict: setting a field that it does not have is an error.

  Example:
    >>> from seld_jax import config
    >>> settings = config.default()
    >>> settings.train.batch_size = 32
    >>> settings.loss.sed, settings.loss.doa
    ('mse', 'masked_mse')
  """
  config: Config = ml_collections.ConfigDict()
  # Seed of all random numbers: parameters, crops, masks and dropout. 0 to
  # 2**32 - 1.
  config.seed = 0

  config.data = data = ml_collections.ConfigDict()
  # Folder of the dataset, with foa_dev (or mic_dev) and metadata_dev.
  data.root = 'data/tau2020'
  # Edition of the challenge whose dataset this is, '2019' to '2025': sets those
  # of class_map (or classes), csv_edition, distance_unit and eval.edition that
  # have their defaults. '': they stay as they are.
  data.edition = ''
  # Classes: '2019', '2020', '2021', 'starss', 'l3das22', or a text file with a
  # name or index,name in each line. '': as in data.classes.
  data.class_map = ''
  # Names of the classes, in the order of their index in the CSV files.
  data.classes = labels.TAU2020_CLASSES
  # DCASE edition of the CSV files, e.g. '2023'; '': recognised from each file,
  # with an error if the columns of a file are ambiguous.
  data.csv_edition = ''
  # Seconds from one frame of the CSV files to the next; frames of another
  # length become frames of 0.1 s.
  data.label_hop = 0.1
  # Unit of the distances in the CSV files: 'm' or 'cm'; '': the usual unit of
  # this form of CSV file (centimetres for label files of 2023 and later).
  data.distance_unit = ''
  # Folds to train on: recordings named foldN_*.wav.
  data.train_folds = (3, 4, 5, 6)
  # Folds that select the checkpoint to test; (): validation_rooms or
  # validation_share do, or else the last checkpoint is tested.
  data.validation_folds = (2,)
  # Rooms of the training folds that select the checkpoint instead of whole
  # folds: 'fold3_room2', or 'room2' if only one training fold has it.
  data.validation_rooms = ()
  # Share of the training recordings that select the checkpoint instead of whole
  # folds, in [0, 1): whole rooms, which the seed draws. 0: none.
  data.validation_share = 0.0
  # Folds of the final test; (): no test.
  data.test_folds = (1,)
  # Whether the final test also predicts the evaluation recordings (foa_eval or
  # mic_eval); they are scored if metadata_eval has their labels.
  data.evaluation = False
  # Folder of the extracted features; '': the folder features in data.root.
  # Several datasets can share it, so that old features are not deleted there.
  data.cache = ''
  # Memory for features on each device, in GB; the rest is read from main memory
  # or disk during training. -1: what is free; 0: no limit.
  data.device_budget = -1.0
  # Memory for features in main memory, in GB; the rest is read from disk during
  # training. -1: 40 % of what is free at the start; 0: no limit.
  data.host_budget = -1.0
  # Number of one-minute recordings to render into data.root if that folder does
  # not exist, divided over six folds; 0: nothing is rendered.
  data.synthesize = 0
  # Sounds of the rendered recordings: a folder CLASS/*.wav or a manifest; '':
  # synthetic sounds.
  data.synthesize_events = ''
  # Sounds without labels that half of the rendered recordings have besides: a
  # folder KIND/*.wav or a manifest; '': none.
  data.synthesize_others = ''
  # Folder of measured room responses with a directions.csv, which all rendered
  # recordings are in; '': simulated rooms.
  data.synthesize_rirs = ''
  # Seed of the rendered recordings. 0 to 2**63 - 1.
  data.synthesize_seed = 0
  # Number of scenes that worker processes render beside the training, new ones
  # for every epoch, instead of the recordings of train_folds; 0: none. The
  # scenes in data.root, which seld_jax.synthesize rendered, give the sounds of
  # these folds and all settings; seed draws the scenes.
  data.synthesize_every_epoch = 0
  # Number of epochs that such scenes are used for before there are new ones, 1
  # or more: rendering usually takes much longer than an epoch.
  data.synthesize_reuse = 1
  # Length of such a scene in seconds, at least that of a crop; 0: that of the
  # scenes in data.root.
  data.synthesize_seconds = 0.0
  # Number of worker processes; 0: one per core.
  data.synthesize_workers = 0

  config.features = features = ml_collections.ConfigDict()
  # Audio format: 'foa' (first-order Ambisonics), 'mic' (microphone array) or
  # 'stereo'. The recordings lie in the folder FORMAT_dev.
  features.format = 'foa'
  # Number of microphones of an array ('mic'), 2 or more; 0: four.
  features.num_channels = 0
  # CSV file with the positions of the microphones ('mic'), x,y,z in metres, for
  # augment.rotate and the step symmetries; '': the tetrahedral array of
  # TAU-NIGENS.
  features.microphones = ''
  # Kind of features: 'log_mel' (log-mel and the spatial features of the
  # format), 'salsa' ('foa' and 'mic') or 'salsa_lite' ('mic').
  features.kind = 'log_mel'
  # Sample rate of the audio, in Hz.
  features.sample_rate = 24000
  # Length of the Fourier transform, in samples.
  features.n_fft = 1024
  # Distance between two frames, in samples.
  features.hop_length = 480
  # Length of the Hann window, in samples; hop_length / 4 to n_fft.
  features.win_length = 960
  # Number of mel bands, at most n_fft // 2 + 1 ('log_mel').
  features.n_mels = 64
  # Dynamic range of a channel of log-mel features, in dB below its maximum in a
  # recording, 1 or more; 0: not limited ('log_mel').
  features.top_db = 80.0
  # Constant that is added to the audio samples, in [0, 1).
  features.offset = 1e-8
  # Padding at both ends of a recording: 'constant' (zeros) or 'reflect'.
  features.pad_mode = 'constant'
  # Layout of the spatial features: 'aligned', or 'published' (the order of
  # DCASE 2020, in which bands and frames are mixed up; 'log_mel').
  features.layout = 'aligned'
  # What the intensity vectors of 'foa' are divided by: 'norm' (DCASE 2020) or
  # 'energy' (DCASE 2021 and later; 'log_mel').
  features.intensity = 'norm'
  # Whether features of 'foa' have one more channel, the correlation of X and Y;
  # the step rotation() of augment.steps needs it ('log_mel').
  features.xy_correlation = False
  # Further channels of stereo features: any of 'mid', 'side', 'level', 'phase'
  # and 'coherence'; (): the log-mel channels of left and right only.
  features.stereo = ()
  # Frequency in Hz from which on the spatial channels of 'salsa' and
  # 'salsa_lite' are 0, because half a wavelength is shorter than the distance
  # of the microphones; 0: as published, 2000 for 'salsa_lite', and for 'salsa'
  # 4000 ('mic') or 9000 ('foa').
  features.alias_frequency = 0.0

  config.model = model = ml_collections.ConfigDict()
  # Network: 'seld_crnn' (of the paper), 'seld_net' (the DCASE 2020 baseline),
  # 'dcase_net' (the baselines of DCASE 2022 to 2025) or 'composed' (of the
  # parts trunk and sequence).
  model.name = 'seld_crnn'
  # Part with the convolutions: 'cnn' or 'resnet' (composed only).
  model.trunk = 'cnn'
  # Part over time: 'gru', 'gru_attention' (multi-head self-attention after the
  # GRUs) or 'conformer' (composed only).
  model.sequence = 'gru'
  # Number of filters of each convolution, or of each stage of the trunk
  # 'resnet'.
  model.filters = (64, 64, 128, 128, 256, 256)
  # (frames, bands) of the max pooling after each convolution or stage, at most
  # 256 elements each; the product of all frames (of composed, times
  # sequence_pool), times hop_length, must be one label frame of 100 ms.
  model.pools = ((1, 1), (5, 2), (1, 2), (1, 2), (1, 2), (1, 2))
  # Number of basic blocks of each stage, 1 or more (trunk 'resnet').
  model.stage_blocks = (2, 2, 2, 2)
  # Width of the vectors that the trunk gives to the sequence (composed only).
  model.sequence_features = 256
  # Max pooling in time after the sequence, in frames, at most 256 (composed
  # only).
  model.sequence_pool = 1
  # Number of conformer blocks (sequence 'conformer'), 1 or more.
  model.sequence_layers = 8
  # Largest distance in frames with a position of its own in the attention
  # (sequence 'conformer'); 0: no positions.
  model.attention_distance = 100
  # Number of frames of the sequence that attention looks back if causal, 1 or
  # more. A stream keeps so many.
  model.attention_history = 250
  # Units of the dense steps of a conformer block, as a multiple of
  # sequence_features (sequence 'conformer').
  model.feed_forward = 2
  # Length of the convolutions of conformer blocks in frames, an odd number
  # (sequence 'conformer').
  model.kernel = 7
  # Whether label frames depend on no later ones than the look_ahead next ones:
  # convolutions and attention see earlier frames only, GRUs run forwards
  # (composed only).
  model.causal = False
  # Number of later label frames that a causal network sees, in all its layers
  # together. Live predictions are so much later.
  model.look_ahead = 0
  # Number of units of the GRU in each direction.
  model.gru_features = 256
  # Whether the GRU applies its reset gate before the matrix product, as in the
  # published system (3 737 464 parameters instead of 3 737 976).
  model.gru_reset_first = False
  # Number of GRUs (seld_net, dcase_net and composed), 1 or more.
  model.gru_layers = 2
  # Size of the self-attention (seld_crnn only); 0: no attention.
  model.attention_features = 64
  # Number of layers of multi-head self-attention (dcase_net, and the sequence
  # 'gru_attention'); 0: none, as in 2022.
  model.attention_layers = 2
  # Number of heads of each of them, a divisor of gru_features, and of each
  # conformer block, a divisor of sequence_features.
  model.attention_heads = 8
  # Number of units of each hidden layer of the SED head and of the DOA head.
  model.head_features = (512, 512)
  # Dropout rate after each max pooling, in [0, 1); dcase_net drops whole maps.
  model.conv_dropout = 0.5
  # Dropout rate after the GRU, in [0, 1); dcase_net: between its GRUs.
  model.gru_dropout = 0.1
  # Dropout rate of the weights of the self-attention (dcase_net), or of its
  # output (sequence 'gru_attention'), in [0, 1).
  model.attention_dropout = 0.05
  # Dropout rate in conformer blocks, in [0, 1) (sequence 'conformer').
  model.sequence_dropout = 0.1
  # Dropout rate after each hidden layer of the heads, in [0, 1) (not in
  # dcase_net).
  model.head_dropout = 0.25
  # Momentum of the running statistics of batch normalisation, in [0, 1).
  model.bn_momentum = 0.999
  # Whether batch normalisation has its own statistics for each band, as in the
  # published baseline (seld_net only); otherwise for each channel.
  model.normalise_bands = False
  # Whether activity and directions each have their own trunk (convolutions, GRU
  # and attention). The two trunks exchange features through learned weights
  # (seld_crnn only).
  model.soft_sharing = False
  # Type of the numbers in the network: 'float32' or 'bfloat16'.
  model.dtype = 'float32'

  config.output = output = ml_collections.ConfigDict()
  # What the network predicts: 'class_wise' (activity and one direction of each
  # class), 'accdoa' (one vector for each class, whose length is the activity),
  # 'multi_accdoa' (three such vectors for each class), or 'tracks' (tracks for
  # all classes together, each with one event at most).
  output.format = 'class_wise'
  # Number of tracks: 3 for 'multi_accdoa', 2 or 3 for 'tracks'.
  output.num_tracks = 3
  # Components of a direction: 3 (x, y, z), or 2 for the horizon (x, y).
  output.axes = 3
  # Whether the distance of each event is predicted, in metres.
  output.distance = False
  # Activation of directions and distances: 'tanh' (ReLU for distances) or
  # 'linear'.
  output.activation = 'tanh'
  # Angle in degrees below which two tracks of a class are one event
  # ('multi_accdoa').
  output.unify = 15.0

  config.loss = loss = ml_collections.ConfigDict()
  # Loss of activity (SED) of the format 'class_wise': 'mse', 'cross_entropy',
  # 'focal', 'asymmetric_focal' or 'soft_f1'.
  loss.sed = 'mse'
  # Loss of directions (DOA) of the format 'class_wise': 'masked_mse' (active
  # classes only), 'mse', 'masked_norm' (the one of the baseline), 'cosine' or
  # 'angular' (both use active classes only, and ignore the length of vectors).
  loss.doa = 'masked_mse'
  # Loss of distances of the format 'class_wise': 'mse', 'mspe' (squared
  # relative error) or 'mape' (absolute relative error).
  loss.distance = 'mse'
  # Loss of the format 'multi_accdoa' with distances: 'mse' (directions and
  # distances together place the sources on tracks, and have one mean; as in
  # DCASE 2024) or 'mse_by_doa' (directions place them, and the means of
  # directions and distances are added; as in DCASE 2025).
  loss.adpit = 'mse'
  # Weight of the SED loss ('class_wise' and 'tracks'). 0 or more; the weights
  # of SED and DOA must not both be 0.
  loss.sed_weight = 1.0
  # Weight of the DOA loss ('class_wise' and 'tracks'). 0 or more.
  loss.doa_weight = 1.0
  # Weight of the loss of distances ('class_wise' and 'tracks'). 0 or more.
  loss.distance_weight = 1.0
  # Whether the losses have further factors besides these weights: 'fixed'
  # (none), 'uncertainty' (learned factors) or 'dynamic' (factors that depend on
  # how fast each loss decreases). The format 'tracks' always chooses the order
  # of its tracks with the weights above alone.
  loss.weighting = 'fixed'
  # Temperature of the dynamic weights, above 0; the larger it is, the more
  # equal they are.
  loss.temperature = 2.0

  config.augment = augment = ml_collections.ConfigDict()
  # Steps of augmentation in their order, each a call with named parameters:
  # ('symmetries(count=48)', 'gain(max_db=10)', 'mixup()', 'masks()'). They are
  # the functions of seld_jax.augment: symmetries, rotation, gain, equaliser,
  # mixup, frequency_shift, cutout and masks (docs/augmentation.md). They
  # replace all other fields of this section; rotate must be False then. (): as
  # these say.
  augment.steps = ()
  # Whether training examples are rotated at random: 16 rotations and
  # reflections for FOA, 8 for the tetrahedral array, for another array those
  # that map it to itself, and for stereo an exchange of left and right.
  augment.rotate = False
  # Number of time masks of SpecAugment in an example, at most crop_frames; 0:
  # none.
  augment.num_time_masks = 2
  # Largest width of a time mask, in frames.
  augment.max_time_width = 9
  # Number of frequency masks of SpecAugment in an example, at most n_mels; 0:
  # none.
  augment.num_band_masks = 2
  # Largest width of a frequency mask, in mel bands.
  augment.max_band_width = 9
  # Whether all channels have the same masks; otherwise each has its own.
  augment.share_channels = False

  config.train = train = ml_collections.ConfigDict()
  # Number of crops in a batch, over all devices.
  train.batch_size = 64
  # Length of a training crop, in feature frames.
  train.crop_frames = 600
  # Crops of an epoch: 'crops' (one of each recording, at a random place) or
  # 'segments' (all segments of each recording, side by side; the last one
  # overlaps the one before).
  train.sampler = 'crops'
  # Number of epochs; used if num_steps is 0.
  train.num_epochs = 10000
  # Number of training steps, at most 2**31 - 1; 0: determined by num_epochs.
  train.num_steps = 0
  # Learning rate of Adam after the warm-up.
  train.learning_rate = 2e-4
  # Weight decay of AdamW: each step multiplies the kernels (matrices and
  # filters, no biases) by 1 - weight_decay * learning rate. 0: Adam, no decay.
  train.weight_decay = 0.0
  # Learning rate over time: 'paper' (constant warm-up at a lower rate, then a
  # decay at each of decay_epochs), 'cosine' (linear warm-up, then a cosine
  # decay to 0) or 'tri_stage' (linear warm-up, then constant, then an
  # exponential decay to final_factor).
  train.schedule = 'paper'
  # Number of epochs of the warm-up; 0: none.
  train.warmup_epochs = 11
  # Learning rate at the start of the warm-up, as a factor of learning_rate.
  train.warmup_factor = 0.1
  # Epochs at which the learning rate is multiplied by decay_factor ('paper'),
  # in ascending order.
  train.decay_epochs = (200, 600, 1000)
  # Factor of each decay of the learning rate ('paper').
  train.decay_factor = 0.8
  # Share of the steps at the full learning rate, between warm-up and decay, in
  # [0, 1] ('tri_stage').
  train.hold_share = 0.4
  # Learning rate at the end, as a factor of learning_rate, above 0 and at most
  # 1 ('tri_stage').
  train.final_factor = 0.05
  # Decay of the exponential moving average of the parameters and of the batch
  # statistics, e.g. 0.999, in [0, 1): with it, the averages are evaluated and
  # exported. 0: no average.
  train.ema_decay = 0.0
  # Largest global norm of the gradient; 0: no clipping.
  train.clip_gradient = 0.0
  # Whether metrics.jsonl also has the gradient norms of the SED loss and of the
  # DOA loss (with that of distances), at the last layer that the tasks share.
  train.log_gradient_norms = False
  # Number of steps in one program, for accelerators that would wait for Python
  # otherwise; needs the recordings in device memory. On a CPU, 1 is fastest.
  train.steps_per_dispatch = 1
  # Number of steps between two records of losses in metrics.jsonl; a multiple
  # of steps_per_dispatch.
  train.log_every = 100
  # Number of steps between two evaluations, each with a checkpoint; a multiple
  # of log_every.
  train.evaluate_every = 100
  # Memory that a run may need on a device, or on the machine if it trains on a
  # CPU, in GB. A run that needs more by estimate is refused before anything is
  # read. -1: the memory of the device, or 90 % of that of the machine; 0: no
  # limit.
  train.memory_limit = -1.0

  config.eval = evaluation = ml_collections.ConfigDict()
  # Length of a segment in validation, in feature frames.
  evaluation.window = 600
  # Lengths of a segment in the final test, in feature frames; one result for
  # each. The paper tests with 100 (2 s), the published code with 600 (12 s).
  evaluation.test_windows = (600, 100)
  # Further folds to score at every evaluation, for the learning curves only:
  # any of 'train' and 'test'; (): none.
  evaluation.watch = ()
  # Number of training recordings that are scored if watch contains 'train'.
  evaluation.watch_recordings = 60
  # Number of segments in a batch of an evaluation, over all devices.
  evaluation.batch_size = 32
  # DCASE edition of the scores that select the checkpoint and are reported:
  # '2019' to '2025'. '2024' and '2025' need output.distance = True, and '2025'
  # folds azimuths to the front.
  evaluation.edition = '2020'
  # Whether the test folds select the checkpoint, as in the published baselines
  # since 2022, to compare with them. Their scores are then too good, and the
  # results say so.
  evaluation.select_on_test = False
  # A class is active if its activity is above this threshold, in [0.01, 0.999].
  evaluation.threshold = 0.5
  # Thresholds of each class instead, in the order of data.classes; (): the same
  # for all. `python -m seld_jax.calibrate RUN` finds those of a run.
  evaluation.class_thresholds = ()

  config.log = log = ml_collections.ConfigDict()
  # Where losses and scores go during the training: 'jsonl' (metrics.jsonl in
  # the run directory, always), 'tensorboard' (event files there), 'trackio'
  # and 'wandb'. The others need the extra of their name.
  log.to = ('jsonl',)
  # Name of the project in trackio and wandb.
  log.project = 'seld_jax'
  return config.lock()


def label_pool(config: Config) -> int:
  """Number of feature frames in a label frame.

  Args:
    config: The configuration.

  Returns:
    The product of the time pooling in `model.pools`; for the network
    `composed`, times `model.sequence_pool`.

  Example:
    >>> from seld_jax import config
    >>> config.label_pool(config.default())
    5
  """
  model = config.model
  product = model.sequence_pool if model.name == 'composed' else 1
  for frames, _ in model.pools:
    product *= frames
  return product


def feature_options(config: Config) -> dict[str, Any]:
  """Options of the feature extraction.

  Args:
    config: The configuration.

  Returns:
    The keyword arguments of `features.compute`, of `features.shape`, and but
    for `pad_mode` of `features.window_features`.

  Example:
    >>> from seld_jax import config
    >>> options = config.feature_options(config.default())
    >>> options.pop('format'), options['n_mels']
    ('foa', 64)
  """
  options = dict(config.features)
  options['top_db'] = options['top_db'] or None
  options['stereo'] = tuple(options['stereo'])
  del options['microphones']  # the features do not depend on it
  return options
