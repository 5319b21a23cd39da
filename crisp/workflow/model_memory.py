"""Memory of jobs that run models, computed from the model, its clips and the batch.

The Snakefile needs it at every start, so weights are counted by formula, without importing torch. Requests
include some headroom over the measured peaks (docs/cluster.md), and grow with each
attempt.
"""

from __future__ import annotations

import math
from itertools import pairwise

from crisp.core.skeleton import pose_channels
from crisp.study.networks import NETWORKS
from crisp.study.variants import Training, Variant

MB = 2**20
PROGRAM = 800  # MB of Python and its libraries; measured: 430 to 540
ON_GPU = 3000  # MB including CUDA's libraries
LOADER = 300  # MB per clip-loading process
REGION = 8 * 1.6**2  # bytes per pixel of a clip's region; each side is 1.6 times as large
# As in crisp.models; the tests compare the counts.
CHANNELS = {"rgb": 3, "flow": 2}
# Memory per clip, in multiples of the largest feature maps (first convolution). Training keeps the maps of
# all streams, with those of attention; inference keeps those of one stream.
KEPT, KEPT_BY_ATTENTION, PASSING = 2.5, 5, 2
PASSING_SHARE = 5  # of what training keeps; for the networks of others


def parameters(variant: Variant, classes: int) -> int:
    """Return the number of weights of a variant's model, as `crisp.models.model_table` counts them."""
    if variant.model == "trees":
        return 0  # before they are grown
    if variant.model in NETWORKS:
        facts = NETWORKS[variant.model]
        channels = [CHANNELS[stream] for stream in variant.streams]
        of_streams = sum(facts.weights + (count - 3) * facts.per_channel for count in channels)
        return of_streams + sum((facts.width(count) + 1) * classes for count in channels)
    count = sum(_trunk(stream, variant) for stream in variant.streams)
    width = variant.features if variant.head == "flatten" else variant.filters[-1]
    streams = len(variant.streams)
    pairs = streams * (streams - 1) // 2
    return count + ((width**2 + 1) * classes * pairs if pairs else (width + 1) * classes)


def _trunk(stream: str, variant: Variant) -> int:
    video, filters = stream in CHANNELS, variant.filters
    kernel, dimensions = (27, 3) if video else (3, 1)
    channels = (CHANNELS.get(stream) or pose_channels(variant.pose_norm), *filters)
    count = sum(kernel * before * after + after for before, after in pairwise(channels))
    if variant.attention if video else variant.pose_attention:
        count += sum(_attention(one, kernel) for one in filters[-variant.attention_blocks :])
    if variant.head == "flatten":
        places = list(variant.size[:dimensions])
        for pool in variant.pools:
            places = [length // by for length, by in zip(places, pool, strict=False)]
        count += (filters[-1] * math.prod(places) + 1) * variant.features
    return count


def _attention(channels: int, kernel: int) -> int:
    inner = -(-channels // 4)
    residual = 2 * channels * inner + kernel * inner**2 + 2 * channels + 4 * inner
    return 12 * residual + 2 * (channels**2 + 2 * channels)


def _maps(variant: Variant) -> float:
    """Return MB of the largest feature maps per clip and stream; negligible for poses."""
    frames, height, width = variant.size
    video = set(variant.streams) != {"pose"}
    return 4 * variant.filters[0] * frames * height * width / MB if video else 0.0


def _kept(variant: Variant) -> float:
    """Return MB of the feature maps that training keeps per clip and stream."""
    if variant.model in NETWORKS:
        return NETWORKS[variant.model].kept * math.prod(variant.network_size or variant.size) / MB
    return (KEPT + (KEPT_BY_ATTENTION if variant.attention else 0)) * _maps(variant)


def _passing(variant: Variant) -> float:
    """Return MB of the feature maps that inference holds at a time per clip."""
    return _kept(variant) / PASSING_SHARE if variant.model in NETWORKS else PASSING * _maps(variant)


def training_memory(variant: Variant, classes: int, training: Training, gpu: bool) -> int:
    """Return the memory of a training: its processes, and the batches prefetched by each loader.

    Parameters
    ----------
    variant : Variant
    classes : int
        Number of classes.
    training : Training
        Of the variant: `batch_size`, `gpus`, `workers` and `accumulate` are used.
    gpu : bool
        Whether it runs on GPUs, whose own memory then holds the feature maps.

    Returns
    -------
    int
        MB, over all processes.
    """
    frames, height, width = variant.size
    share = -(-training.batch_size // training.gpus)
    weights = 4 * parameters(variant, classes) / MB
    if gpu:
        process = ON_GPU + 3 * weights
    else:
        streams = sum(stream in CHANNELS for stream in variant.streams)
        # Weights, gradients, momentum, and the best weights so far.
        process = PROGRAM + 4 * weights + -(-share // training.accumulate) * streams * _kept(variant)
    clip = REGION * frames * height * width / MB
    loaders = 2 * training.workers * (LOADER + share * clip)  # for training and validation
    return int(training.gpus * (process + loaders + 2 * share * clip))


def inference_memory(variant: Variant, classes: int, batch_size: int, gpu: bool) -> int:
    """Return the memory of an evaluation or detection.

    Parameters
    ----------
    variant : Variant
    classes : int
        Number of classes.
    batch_size : int
        Windows per forward pass.
    gpu : bool
        Whether it runs on a GPU, whose own memory then holds the feature maps.

    Returns
    -------
    int
        MB.
    """
    frames, height, width = variant.size
    weights = 4 * parameters(variant, classes) / MB
    clip = REGION * frames * height * width / MB
    maps = 0.0 if gpu else batch_size * _passing(variant)
    return int((ON_GPU if gpu else PROGRAM) + 2 * weights + maps + batch_size * clip)
