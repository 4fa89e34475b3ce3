"""Backbones: sequences of stages that tasks share or split."""

from __future__ import annotations

from sharewise.backbones._backbone import Backbone, Stage
from sharewise.backbones._convnet import convnet
from sharewise.backbones._dry_run import (
    check_module,
    dry_run,
    explained,
    make_on_meta,
    output_shape,
)
from sharewise.backbones._from_module import from_module
from sharewise.backbones._groups import check_partition
from sharewise.backbones._hidden import HiddenLayer, LayerSize, Layout, stage_layout
from sharewise.backbones._libraries import timm, torchvision
from sharewise.backbones._mlp import mlp
from sharewise.backbones._resnet import resnet18, resnet26, resnet34
from sharewise.backbones._trace import Trace, trace_stage
from sharewise.backbones._vgg import vgg16_bn

__all__ = [
    "Backbone",
    "HiddenLayer",
    "LayerSize",
    "Layout",
    "Stage",
    "Trace",
    "check_module",
    "check_partition",
    "convnet",
    "dry_run",
    "explained",
    "from_module",
    "make_on_meta",
    "mlp",
    "output_shape",
    "resnet18",
    "resnet26",
    "resnet34",
    "stage_layout",
    "timm",
    "torchvision",
    "trace_stage",
    "vgg16_bn",
]
