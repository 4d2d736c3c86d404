"""What a run will take before it begins: its prompts as they would be, its answers as they were."""

from app.pipelines.estimating.estimate import Estimate, PhaseEstimate, Range
from app.pipelines.estimating.estimator import Estimator

__all__ = ["Estimate", "Estimator", "PhaseEstimate", "Range"]
