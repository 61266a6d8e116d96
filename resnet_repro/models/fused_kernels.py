"""The four Triton kernels behind `fused_batch_norm`: two of the forward pass, two of the backward pass.

A kernel treats maps in channels_last order as a matrix of `rows` = N·H·W by `channels`. A program works on a strip of
`BLOCK` channels. The rows are split into `parts` of `part_tiles` tiles of `TILE` rows; the last tiles may be short or
empty. The first kernel of a pair computes sums over each part. The second adds these up and computes the result, with
one program for each tile. All arithmetic is in float32.

Importing this needs Triton. With TRITON_INTERPRET=1 in the environment the kernels run on the CPU.
"""

import triton
import triton.language as tl

TILE = 256  # rows that a program reads at a time
BLOCK = 16  # channels of a program: 32 bytes of each row in 16-bit precision, which one memory transaction reads
PROGRAMS = 128  # of a summing kernel, if there are enough rows: about one for each multiprocessor of the GPU


@triton.jit
def _clamped(count, most: tl.constexpr):
    """`count`, limited to 0 to `most`, as float32: how many rows of a tile or part exist."""
    return tl.minimum(tl.maximum(count, 0), most).to(tl.float32)


@triton.jit
def moments(
    x, sums, rows, channels,
    parts: tl.constexpr, part_tiles: tl.constexpr, tile: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """Write the mean of each part of x, and the sum of squared deviations from it, to sums (2, parts, channels).

    Tiles are merged by Chan et al. 1979, which stays accurate where the mean is much larger than the deviation.
    """
    part = tl.program_id(0)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    mean = tl.zeros((block,), tl.float32)
    squares = tl.zeros((block,), tl.float32)
    count = 0.0
    for number in range(part_tiles):
        first = (part * part_tiles + number) * tile
        row = first + tl.arange(0, tile)
        there = (row < rows)[:, None] & (channel < channels)[None, :]
        values = tl.load(x + row[:, None] * channels + channel[None, :], mask=there, other=0.0).to(tl.float32)
        new = _clamped(rows - first, tile)
        new_mean = tl.sum(values, 0) / tl.maximum(new, 1.0)
        deviations = tl.where(there, values - new_mean[None, :], 0.0)
        ahead = new_mean - mean
        total = tl.maximum(count + new, 1.0)
        squares += tl.sum(deviations * deviations, 0) + ahead * ahead * (count * new / total)
        mean += ahead * (new / total)
        count += new
    place = part * channels + channel
    tl.store(sums + place, mean, mask=channel < channels)
    tl.store(sums + parts * channels + place, squares, mask=channel < channels)


@triton.jit
def _merged_moments(sums, channel, rows, channels, parts: tl.constexpr, part_rows: tl.constexpr):
    """Mean and biased variance over all parts, computed from differences to the first part's mean."""
    part = tl.arange(0, parts)
    there = (channel < channels)[None, :]
    place = part[:, None] * channels + channel[None, :]
    count = _clamped(rows - part * part_rows, part_rows)[:, None]
    first = tl.load(sums + channel, mask=channel < channels, other=0.0)
    ahead = tl.load(sums + place, mask=there, other=0.0) - first[None, :]
    squares = tl.load(sums + parts * channels + place, mask=there, other=0.0)
    shift = tl.sum(ahead * count, 0) / rows
    deviation = ahead - shift[None, :]
    return first + shift, tl.sum(squares + deviation * deviation * count, 0) / rows


@triton.jit
def normalize(
    x, addend, y, sums, weight, bias, saved,
    running_mean, running_var, momentum, epsilon,
    rows, channels,
    parts: tl.constexpr, part_tiles: tl.constexpr, tile: tl.constexpr, block: tl.constexpr,
    adds: tl.constexpr, rectifies: tl.constexpr,
):  # fmt: skip
    """Write y = ReLU(BN(x) + addend), update the running statistics, and save mean and 1/sqrt(variance + epsilon).

    These go to saved (2, channels). BN(x) is rounded before the addition, as in separate operations. NaN stays NaN.
    """
    channel = tl.program_id(1) * block + tl.arange(0, block)
    known = channel < channels
    mean, variance = _merged_moments(sums, channel, rows, channels, parts, part_tiles * tile)
    inverse = 1.0 / tl.sqrt(variance + epsilon)
    scale = tl.load(weight + channel, mask=known, other=0.0) * inverse
    shift = tl.load(bias + channel, mask=known, other=0.0)

    row = tl.program_id(0) * tile + tl.arange(0, tile)
    there = (row < rows)[:, None] & known[None, :]
    place = row[:, None] * channels + channel[None, :]
    values = tl.load(x + place, mask=there, other=0.0).to(tl.float32)
    values = (values - mean[None, :]) * scale[None, :] + shift[None, :]
    if adds:
        values = values.to(y.dtype.element_ty).to(tl.float32)
        values += tl.load(addend + place, mask=there, other=0.0).to(tl.float32)
    if rectifies:
        values = tl.where(values < 0, 0.0, values)
    tl.store(y + place, values.to(y.dtype.element_ty), mask=there)

    first = known & (tl.program_id(0) == 0)
    tl.store(saved + channel, mean, mask=first)
    tl.store(saved + channels + channel, inverse, mask=first)
    old_mean = tl.load(running_mean + channel, mask=first, other=0.0)
    old_variance = tl.load(running_var + channel, mask=first, other=0.0)
    unbiased = variance * (rows / (rows - 1.0))
    tl.store(running_mean + channel, old_mean + momentum * (mean - old_mean), mask=first)
    tl.store(running_var + channel, old_variance + momentum * (unbiased - old_variance), mask=first)


@triton.jit
def _gradient_and_normalized(dy, y, x, saved, place, there, channel, channels, rectifies: tl.constexpr):
    """The gradient before the ReLU, and (x - mean) / sqrt(variance + epsilon)."""
    gradient = tl.load(dy + place, mask=there, other=0.0).to(tl.float32)
    if rectifies:
        gradient = tl.where(tl.load(y + place, mask=there, other=0.0).to(tl.float32) <= 0, 0.0, gradient)
    mean = tl.load(saved + channel, mask=channel < channels, other=0.0)
    inverse = tl.load(saved + channels + channel, mask=channel < channels, other=0.0)
    values = tl.load(x + place, mask=there, other=0.0).to(tl.float32)
    return gradient, tl.where(there, (values - mean[None, :]) * inverse[None, :], 0.0)


@triton.jit
def gradient_sums(
    dy, y, x, saved, sums, rows, channels,
    parts: tl.constexpr, part_tiles: tl.constexpr, tile: tl.constexpr, block: tl.constexpr, rectifies: tl.constexpr,
):  # fmt: skip
    """Write sums over each part to sums (2, parts, channels): of the gradient, and of gradient times normalised x."""
    part = tl.program_id(0)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    of_gradient = tl.zeros((block,), tl.float32)
    of_product = tl.zeros((block,), tl.float32)
    for number in range(part_tiles):
        first = (part * part_tiles + number) * tile
        row = first + tl.arange(0, tile)
        there = (row < rows)[:, None] & (channel < channels)[None, :]
        place = row[:, None] * channels + channel[None, :]
        gradient, normalized = _gradient_and_normalized(dy, y, x, saved, place, there, channel, channels, rectifies)
        of_gradient += tl.sum(gradient, 0)
        of_product += tl.sum(gradient * normalized, 0)
    place = part * channels + channel
    tl.store(sums + place, of_gradient, mask=channel < channels)
    tl.store(sums + parts * channels + place, of_product, mask=channel < channels)


@triton.jit
def gradients(
    dy, y, x, saved, sums, weight,
    dx, d_addend, d_weight, d_bias, rows, channels,
    parts: tl.constexpr, tile: tl.constexpr, block: tl.constexpr, adds: tl.constexpr, rectifies: tl.constexpr,
):  # fmt: skip
    """The gradients of all inputs, [B] section 3. Without a ReLU, the addend's gradient is dy and is not written."""
    channel = tl.program_id(1) * block + tl.arange(0, block)
    known = channel < channels
    part_place = tl.arange(0, parts)[:, None] * channels + channel[None, :]
    of_gradient = tl.sum(tl.load(sums + part_place, mask=known[None, :], other=0.0), 0)
    of_product = tl.sum(tl.load(sums + parts * channels + part_place, mask=known[None, :], other=0.0), 0)
    inverse = tl.load(saved + channels + channel, mask=known, other=0.0)
    scale = tl.load(weight + channel, mask=known, other=0.0) * inverse

    row = tl.program_id(0) * tile + tl.arange(0, tile)
    there = (row < rows)[:, None] & known[None, :]
    place = row[:, None] * channels + channel[None, :]
    gradient, normalized = _gradient_and_normalized(dy, y, x, saved, place, there, channel, channels, rectifies)
    centred = gradient - (of_gradient / rows)[None, :] - normalized * (of_product / rows)[None, :]
    tl.store(dx + place, (scale[None, :] * centred).to(dx.dtype.element_ty), mask=there)
    if adds and rectifies:
        tl.store(d_addend + place, gradient.to(d_addend.dtype.element_ty), mask=there)
    first = known & (tl.program_id(0) == 0)
    tl.store(d_weight + channel, of_product, mask=first)
    tl.store(d_bias + channel, of_gradient, mask=first)
