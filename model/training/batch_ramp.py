"""A global batch that grows: early in training small batches learn as much per step (McCandlish et al. 2018).

The size is a pure function of the cursor, the number of samples taken so far, so it is the same after any resume.
"""

from pydantic import Field

from model.section import Section


class BatchRamp(Section):
    """Begin with fewer samples a step and grow to `global_batch` in equal parts. Source: Brown et al. 2020, appendix B."""

    start: int = Field(gt=0)
    """Size of the first step. Unit: samples."""
    increment: int = Field(gt=0)
    """So much each rise adds to a step. Unit: samples."""
    samples: int = Field(gt=0)
    """After so many the step has grown to `global_batch`; the rises are spread evenly over them. Unit: samples."""

    def check(self, global_batch: int, unit: int) -> None:
        """Raise ValueError unless the rises end at `global_batch` and every batch is a multiple of `unit` samples."""
        if self.start >= global_batch:
            raise ValueError(f"batch_ramp.start ({self.start}) must be smaller than global_batch ({global_batch})")
        if (global_batch - self.start) % self.increment:
            raise ValueError(
                f"batch_ramp.increment ({self.increment}) must divide global_batch - start ({global_batch - self.start})"
            )
        for name, value in (("start", self.start), ("increment", self.increment)):
            if value % unit:
                raise ValueError(f"batch_ramp.{name} ({value}) must be a multiple of ranks * micro_batch ({unit})")

    def size_at(self, cursor: int, global_batch: int) -> int:
        """Samples of the step that begins at `cursor`."""
        rises = (global_batch - self.start) // self.increment
        return min(global_batch, self.start + self.increment * (cursor * rises // self.samples))
