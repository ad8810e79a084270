import time

import pytest

from model.training.metrics import Meter, device_peak, peak_flops


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("NVIDIA A10G", 70e12),
        ("NVIDIA A10", 125e12),
        ("Tesla T4", 65e12),
        ("Tesla V100-SXM2-16GB", 125e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("NVIDIA Something Else", None),
        ("NVIDIA A1000", None),
    ],
)
def test_peaks_by_name(name: str, peak: float | None) -> None:
    assert peak_flops(name) == peak


def test_float32_has_no_peak() -> None:
    assert device_peak("float32") is None


def test_speed_is_over_elapsed_time_without_validation_and_checkpoints() -> None:
    meter = Meter(flops_per_token=50.0, ranks=2, peak=1000.0)
    with meter.phase("forward"):
        time.sleep(0.1)
    with meter.phase("checkpoint"):
        time.sleep(0.1)
    time.sleep(0.1)
    meter.add_tokens(20)
    record = meter.record()
    assert 80 < record["tokens_per_second"] <= 100
    assert record["mfu"] == pytest.approx(record["tokens_per_second"] * 50 / 2000)
    assert record["time"] == {"forward": pytest.approx(1 / 3, abs=0.05), "checkpoint": pytest.approx(1 / 3, abs=0.05)}
    assert 0.01 < record["memory_gb"] < 100


def test_a_record_begins_anew() -> None:
    meter = Meter(flops_per_token=1.0, ranks=1, peak=None)
    with meter.phase("forward"):
        meter.add_tokens(7)
    meter.record()
    record = meter.record()
    assert record["tokens_per_second"] == 0 and record["time"] == {} and "mfu" not in record
