"""A scan that is killed, or whose store is damaged or shared, ends with the scorecard of one that was left in peace."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
import tiny_scan as tiny

from ddaudit.training.upkeep import survey

pytestmark = pytest.mark.slow
KILLS = 20
#: The checks of the scans that are killed; ART makes of attacks on ten images what would be seconds of each.
KILLED = ("DD-UTL-ACCURACY", "DD-BKD-INVERT")


class Scans:
    """The scans of ``tiny_scan.serve``, one at a time."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def run(
        self, store: Path, output: Path, checks: Sequence[str] = tiny.CHECKS, kill_after: float | None = None
    ) -> tuple[int, float]:
        """How the scan ended, as ``os.waitpid`` says it, and after how many seconds."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        started = time.monotonic()
        self._server.stdin.write(json.dumps([str(store), str(output), checks, kill_after]) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline()), time.monotonic() - started


def serve() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, tiny.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def scans() -> Iterator[Scans]:
    with serve() as server:
        yield Scans(server)


@pytest.fixture(scope="module")
def in_peace(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The scorecard of a scan that nothing happened to, and its store."""
    store = tmp_path_factory.mktemp("in-peace") / "store"
    return tiny.tiny_scan(store).model_dump_json(), store


def entries(store: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of writing of every finished entry: an entry that is made again gets new ones."""
    stats = {path.relative_to(store).as_posix(): path.stat() for path in store.glob("*/*.safetensors")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


@pytest.mark.timeout(1500)  # about 100 s of one core, of which a busy machine gives little
def test_a_scan_killed_at_random_moments_goes_on_where_it_stopped_and_ends_alike(
    in_peace: tuple[str, Path], scans: Scans, tmp_path: Path
) -> None:
    card = tiny.tiny_scan(in_peace[1], KILLED).model_dump_json()
    scans.run(
        tmp_path / "begun", tmp_path / "begun.json", KILLED, kill_after=0
    )  # now the server has imported everything
    ended, length = scans.run(tmp_path / "whole", tmp_path / "card.json", KILLED)
    assert ended == 0
    whole = set(entries(tmp_path / "whole"))
    assert whole < set(entries(in_peace[1]))
    moments = random.Random(0)
    interrupted = 0
    for number in range(KILLS):
        store, output = tmp_path / f"store-{number}", tmp_path / f"card-{number}.json"
        ended, _ = scans.run(store, output, KILLED, kill_after=moments.uniform(0, length))
        interrupted += os.WIFSIGNALED(ended)
        finished = entries(store)
        assert all(entry.intact for entry in survey(store))
        output.unlink(missing_ok=True)
        assert scans.run(store, output, KILLED)[0] == 0
        assert output.read_text() == card
        after = entries(store)
        assert {name: after[name] for name in finished} == finished
        assert set(after) == whole
    assert interrupted > KILLS // 2


def test_flipped_bytes_in_the_store_are_reported_and_change_nothing(
    in_peace: tuple[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card, whole = in_peace
    store = tmp_path / "store"
    damage = random.Random(1)
    damaged = {}
    seen: Counter[str] = Counter()
    for path in sorted(whole.glob("*/*.safetensors")):
        content = bytearray(path.read_bytes())
        seen[path.parent.name] += 1
        if seen[path.parent.name] % 2:  # every other entry of each kind, whatever their names are
            content[damage.randrange(len(content))] ^= 1 << damage.randrange(8)
            damaged[path.relative_to(whole).as_posix()] = bytes(content)
        copy = store / path.relative_to(whole)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
    assert {name.split("/")[0] for name in damaged} == {"models", "attacks", "inversions", "distillations"}
    before = entries(store)
    assert tiny.tiny_scan(store).model_dump_json() == card
    again = {name for name, entry in entries(store).items() if before[name] != entry}
    assert again <= set(damaged)
    # A damaged model is missed only by whoever uses it: inversions that are there do without theirs.
    assert {name for name in damaged if not name.startswith("models/")} <= again
    said = [record.getMessage() for record in caplog.records if "computed again" in record.getMessage()]
    assert sorted(name[: name.index("/") + 13] for name in again) == sorted(line.split()[3] for line in said)


def test_two_scans_at_once_share_a_store(in_peace: tuple[str, Path], scans: Scans, tmp_path: Path) -> None:
    card, whole = in_peace
    store, outputs = tmp_path / "store", [tmp_path / "card-0.json", tmp_path / "card-1.json"]
    ends = []
    with serve() as server:
        both = [
            threading.Thread(target=lambda one, output: ends.append(one.run(store, output)[0]), args=(one, output))
            for one, output in zip((scans, Scans(server)), outputs, strict=True)
        ]
        for one in both:
            one.start()
        for one in both:
            one.join()
    assert ends == [0, 0]
    assert [output.read_text() for output in outputs] == [card, card]
    assert set(entries(store)) == set(entries(whole))


def kill_one(named: str, store: Path, killed: list[int]) -> None:
    """Kill a process with that in its command line, and none of its own, once something has landed in the store."""
    for _ in range(6000):
        if entries(store):
            for process in psutil.process_iter(["cmdline"]):
                if named in " ".join(process.info["cmdline"] or []) and is_ours(process) and not process.children():
                    process.kill()
                    killed.append(process.pid)
                    return
        time.sleep(0.01)


def is_ours(process: psutil.Process) -> bool:
    try:
        return os.getpid() in [parent.pid for parent in process.parents()]
    except psutil.NoSuchProcess:
        return False


def test_a_scan_whose_worker_process_is_killed_ends_alike(
    in_peace: tuple[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card, whole = in_peace
    killed: list[int] = []
    killer = threading.Thread(target=kill_one, args=("multiprocessing.forkserver", tmp_path / "store", killed))
    killer.start()
    result = tiny.tiny_scan(tmp_path / "store", workers=2)
    killer.join()
    assert killed
    assert result.model_dump_json() == card
    assert set(entries(tmp_path / "store")) == set(entries(whole))


def test_a_scan_on_two_ray_nodes_that_lose_a_worker_ends_alike(in_peace: tuple[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is an optional extra: pip install 'ddaudit[ray]'")
    from ray.cluster_utils import Cluster

    card, whole = in_peace
    node = {"num_cpus": 1, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=node)
    killed: list[int] = []
    try:
        nodes.add_node(**node)
        killer = threading.Thread(target=kill_one, args=("ray::_work", tmp_path / "store", killed))
        killer.start()
        result = tiny.tiny_scan(tmp_path / "store", executor="ray", ray_address=nodes.address)
        killer.join()
    finally:
        nodes.shutdown()
    assert killed
    assert result.model_dump_json() == card
    assert set(entries(tmp_path / "store")) == set(entries(whole))
