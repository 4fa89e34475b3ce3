"""Multiply-adds of one module, counted on the meta device.

Counted are convolutions and matrix products (attention is made of these), with the formulas of
`torch.utils.flop_counter`, which count two operations a multiply-add: we halve. The ops in
`FREE_OPS` count as zero, written down by name. Any other op is an error, never a silent zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sharewise.errors import UnknownLayerError

_VIEWS = """
    alias as_strided detach diagonal expand narrow permute reshape select slice split
    split_with_sizes squeeze swapaxes t transpose unbind unfold unsafe_split unsafe_split_with_sizes
    unsqueeze view view_as_real view_as_complex _reshape_alias _unsafe_view
"""
_COPIES = """
    cat clone contiguous copy flip roll repeat stack fill zero masked_fill where tril triu
    constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d
    pixel_shuffle pixel_unshuffle native_channel_shuffle channel_shuffle im2col col2im
    lift_fresh lift_fresh_copy _to_copy
"""
_CREATION = """
    arange empty empty_like empty_strided eye full full_like linspace new_empty new_empty_strided
    new_full new_ones new_zeros ones ones_like rand rand_like randn randn_like scalar_tensor zeros
    zeros_like
"""
_ELEMENTWISE = """
    abs add addcdiv addcmul bitwise_and bitwise_not bitwise_or bitwise_xor celu clamp clamp_max
    clamp_min cos div elu eq erf exp expm1 floor ge gelu glu gt hardsigmoid hardswish hardtanh
    isfinite isinf isnan le leaky_relu lerp log log1p log2 logical_and logical_not logical_or lt
    maximum minimum mish mul ne neg _prelu_kernel prelu pow reciprocal relu remainder round
    rrelu_with_noise rsqrt rsub selu sgn sigmoid sign silu sin softplus softshrink sqrt sub tan tanh
    threshold trunc log_sigmoid_forward bernoulli native_dropout
"""
_NORMS = """
    native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    _native_batch_norm_legit_functional cudnn_batch_norm _batch_norm_with_update
    _batch_norm_no_update native_layer_norm native_group_norm _fused_rms_norm linalg_vector_norm
    _weight_norm_interface _softmax _safe_softmax _log_softmax
"""
_POOLS = """
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d avg_pool2d
    avg_pool3d max_pool2d_with_indices max_pool3d_with_indices upsample_nearest1d upsample_nearest2d
    upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d upsample_linear1d
    upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa
    grid_sampler_2d grid_sampler_3d
"""
_REDUCTIONS = """
    all amax amin any argmax argmin cumsum logsumexp max mean min prod sort std sum topk var
    var_mean norm
"""
_LOOKUPS = "embedding gather index index_select masked_select scatter index_put index_add one_hot"

_VECTOR_PRODUCTS = {"aten::mv": 0, "aten::dot": 0, "aten::vdot": 0, "aten::addmv": 1}
"""Products that torch has no formula for, and which argument has one number a multiply-add."""

FREE_OPS = frozenset(
    " ".join(
        (_VIEWS, _COPIES, _CREATION, _ELEMENTWISE, _NORMS, _POOLS, _REDUCTIONS, _LOOKUPS)
    ).split()
)
"""Names of torch's own ops (aten) that count as zero; their in-place forms, too."""


class MacCounter(TorchDispatchMode):
    """Counts the multiply-adds of what runs inside it, in `macs`.

    Raises UnknownLayerError, which names `subject`, at an op without a formula that is not free.
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self.macs = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        packet = func._overloadpacket
        if packet in flop_registry:
            result = func(*args, **named)
            self.macs += flop_registry[packet](*args, **named, out_val=result) // 2
            return result
        if (matrix := _VECTOR_PRODUCTS.get(func._schema.name)) is not None:
            self.macs += args[matrix].numel()
            return func(*args, **named)
        if _is_free(func):
            return func(*args, **named)
        with self:  # an op made of others is counted by its parts
            result = func.decompose(*args, **named)
        if result is NotImplemented:
            raise _unknown(func, self.subject)
        return result


def _is_free(func: Any) -> bool:
    if torch.Tag.inplace_view in func.tags:
        return True
    namespace, _, name = func._schema.name.partition("::")
    if namespace == "prim":  # questions such as a tensor's device
        return True
    return namespace == "aten" and (name in FREE_OPS or name.removesuffix("_") in FREE_OPS)


def _unknown(func: Any, subject: str) -> UnknownLayerError:
    name = str(func._overloadpacket)
    return UnknownLayerError(
        rule="Every op of a stage or head is counted or known to be free.",
        found=f"op '{name}' in {subject}",
        fix="Register its formula (two operations a multiply-add) with"
        f" torch.utils.flop_counter.register_flop_formula(torch.ops.{name}), or use another layer.",
    )
