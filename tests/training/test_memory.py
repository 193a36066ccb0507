"""Memory of this process alone."""

import subprocess
import sys

from cman_tf.training import memory

SMALL = "from cman_tf.training.memory import peak_bytes; print(peak_bytes())"


def test_a_large_process_does_not_count_for_the_one_it_starts():
    size = 300_000_000
    block = bytearray(size)
    block[::4096] = b"1" * len(block[::4096])
    assert memory.peak_bytes() > size
    child = subprocess.run([sys.executable, "-c", SMALL], capture_output=True, text=True, check=True)
    assert 1_000_000 < int(child.stdout) < size


def test_the_peak_is_in_bytes_without_proc_too(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert 20_000_000 < memory.peak_bytes() < 2**40
