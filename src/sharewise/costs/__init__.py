"""Costs: parameters and multiply-adds of an architecture, counted; latency, measured."""

from __future__ import annotations

from sharewise.costs._cost import CostTable, cost, head_costs, stage_costs
from sharewise.costs._count import FREE_OPS
from sharewise.costs._latency import measure_latencies, measure_latency

__all__ = [
    "FREE_OPS",
    "CostTable",
    "cost",
    "head_costs",
    "measure_latencies",
    "measure_latency",
    "stage_costs",
]
