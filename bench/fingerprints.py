"""What finding copies costs among ten million hashes, and which copies are found.

    python bench/fingerprints.py speed          # our index, and comparing one with all
    python bench/fingerprints.py read           # a list of ten million from a file; `read-ids` too
    PYTHONPATH=$PYTHONPATH:FOLDER python bench/fingerprints.py faiss
    python bench/fingerprints.py recall         # goes on where it stopped
    python bench/fingerprints.py render         # writes bench/fingerprints.md

Each part is a process of its own, so that its memory is its own. FOLDER is where
`pip install --target FOLDER --no-deps faiss-cpu` put faiss, which the project does not need. Hashes
are random: of a real picture's too every bit is as often set as not.
"""

import argparse
import gc
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy
from fingerprints_pictures import look_up
from fingerprints_table import render

from safety.fingerprint import MATCH_DISTANCE, Fingerprint, HashIndex
from safety.listing.reading import read_listed

TABLE = Path(__file__).with_suffix(".md")
WAYS_ROUND, OF_AN_UPLOAD = 8, 8 * 26
PICTURES, UPLOADS, SCANS = 300, 30, 3
# More than any cache of a processor: writing so much leaves nothing of the index in it.
COLD_BYTES = 512 * 1024 * 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("speed", "read", "read-ids", "faiss", "recall", "render"))
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/impasto-fingerprints"))
    parser.add_argument("--hashes", type=int, default=10_000_000)
    parser.add_argument("--each", type=int, default=40, help="pictures of each of three kinds")
    parser.add_argument(
        "--pictures", type=Path, default=Path("~/.cache/impasto-watermark"), help="of watermark.py"
    )
    arguments = parser.parse_args()
    cache = arguments.cache.expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    match arguments.part:
        case "speed":
            keep(cache, "speed", take_times(arguments.hashes))
        case "read":
            keep(cache, "read", take_reading(arguments.hashes, has_ids=False))
        case "read-ids":
            keep(cache, "read-ids", take_reading(arguments.hashes, has_ids=True))
        case "faiss":
            keep(cache, "faiss", take_faiss(arguments.hashes))
        case "recall":
            look_up(cache, arguments.pictures.expanduser(), arguments.each)
        case "render":
            TABLE.write_text(render(cache), encoding="utf-8")
    return 0


def keep(cache: Path, name: str, facts: dict) -> None:
    print(json.dumps(facts, indent=1))
    (cache / f"{name}.json").write_text(json.dumps(facts))


def take_times(count: int) -> dict:
    random = numpy.random.default_rng(7)
    hashes = hashes_of(random, count)
    before = peak_bytes()
    began, began_cpu = time.perf_counter(), time.process_time()
    index = HashIndex(hashes)
    facts = {
        "hashes": count,
        "build_s": time.perf_counter() - began,
        "build_cpu_s": time.process_time() - began_cpu,
        "size_bytes": index.size_bytes,
        "peak_bytes": peak_bytes(),
        "peak_over_hashes_bytes": peak_bytes() - before,
    }
    facts["first_ms"] = timed(index.near_each, prints_of(hashes, random, WAYS_ROUND))
    for name, each, times in (
        ("picture", WAYS_ROUND, PICTURES),
        ("upload", OF_AN_UPLOAD, UPLOADS),
    ):
        sought = [prints_of(hashes, random, each) for _ in range(times)]
        facts[f"{name}_warm_ms"] = spread([timed(index.near_each, one) for one in sought])
        few = sought[: times // 3]
        facts[f"{name}_cold_ms"] = spread([timed_cold(index.near_each, one) for one in few])
    facts["scan_ms"] = spread([take_scan(hashes, random) for _ in range(SCANS)])
    facts["found"] = is_exact(index, hashes, random)
    return facts


def take_scan(hashes, random) -> float:
    """Compare the eight ways round of one picture with all hashes, as plainly as numpy can."""
    words = hashes.view(numpy.uint64)
    sought = prints_of(hashes, random, WAYS_ROUND)

    def scan() -> None:
        for one in sought:
            bits = numpy.frombuffer(one.bits, dtype=numpy.uint64)
            away = numpy.bitwise_count(words ^ bits).sum(axis=1, dtype=numpy.uint16)
            numpy.flatnonzero(away <= MATCH_DISTANCE)

    return timed(scan)


def is_exact(index: HashIndex, hashes, random) -> list[int]:
    """Seek a thousand hashes with up to 31 bits changed; return how many of them are found."""
    rows = random.integers(0, len(hashes), 1000).tolist()
    sought = [changed(hashes[row], random, int(random.integers(0, 32))) for row in rows]
    found = zip(rows, index.near_each(sought), strict=True)
    return [sum(row in {match.row for match in matches} for row, matches in found), len(rows)]


def take_reading(count: int, *, has_ids: bool) -> dict:
    random = numpy.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        with path.open("w") as file:
            if has_ids:
                file.write("hash,id\n")
            for number in range(count):
                name = f",entry-{number:010}" if has_ids else ""
                file.write(f"{random.bytes(32).hex()}{name}\n")
        size = path.stat().st_size
        before = peak_bytes()
        with path.open("rb") as file:
            began = time.perf_counter()
            listed = read_listed(file)
            read_s = time.perf_counter() - began
    names = 0 if listed.entries is None else listed.entries.nbytes
    return {
        "hashes": len(listed),
        "file_bytes": size,
        "read_s": read_s,
        "held_bytes": listed.index.size_bytes + names,
        "peak_over_start_bytes": peak_bytes() - before,
    }


def take_faiss(count: int) -> dict:
    """Measure the same with faiss: comparing with all, and hashing sixteen pieces with one flip."""
    import faiss

    faiss.omp_set_num_threads(1)
    random = numpy.random.default_rng(7)
    hashes = hashes_of(random, count)
    facts = {"version": faiss.__version__, "hashes": count}
    makers = {
        "flat": lambda: faiss.IndexBinaryFlat(256),
        "multi-hash, 16 times 16 bits, 1 flip": lambda: multi_hash(faiss),
    }
    for name, make in makers.items():
        gc.collect()
        before, began = resident_bytes(), time.perf_counter()
        index = make()
        index.add(hashes)
        build_s, size = time.perf_counter() - began, resident_bytes() - before
        times = 10 if name == "flat" else 100
        sought = [asked(hashes, random) for _ in range(times)]
        # What it finds is less than this away.
        taken = [timed(index.range_search, one, MATCH_DISTANCE + 1) for one in sought]
        facts[name] = {"build_s": build_s, "size_bytes": size, "picture_ms": spread(taken)}
    return facts


def multi_hash(faiss):
    index = faiss.IndexBinaryMultiHash(256, 16, 16)
    index.nflip = 1
    return index


def asked(hashes, random):
    prints = prints_of(hashes, random, WAYS_ROUND)
    return numpy.frombuffer(b"".join(one.bits for one in prints), dtype=numpy.uint8).reshape(-1, 32)


def hashes_of(random, count: int):
    return numpy.frombuffer(random.bytes(32 * count), dtype=numpy.uint8).reshape(-1, 32)


def prints_of(hashes, random, count: int) -> list[Fingerprint]:
    """Return hashes that are asked for: one is a copy of a listed one, the others of nothing."""
    listed = changed(hashes[random.integers(0, len(hashes))], random, 20)
    return [listed, *(Fingerprint(random.bytes(32), 100) for _ in range(count - 1))]


def changed(bits, random, count: int) -> Fingerprint:
    flips = numpy.zeros(256, dtype=numpy.uint8)
    flips[random.choice(256, count, replace=False)] = 1
    return Fingerprint((bits ^ numpy.packbits(flips)).tobytes(), 100)


def timed(work, *arguments) -> float:
    began = time.perf_counter()
    work(*arguments)
    return 1000 * (time.perf_counter() - began)


def timed_cold(work, *arguments) -> float:
    numpy.ones(COLD_BYTES, dtype=numpy.uint8).sum()
    return timed(work, *arguments)


def spread(times_ms: list[float]) -> dict:
    return {
        "count": len(times_ms),
        "p50": float(numpy.quantile(times_ms, 0.5)),
        "p99": float(numpy.quantile(times_ms, 0.99)),
    }


def peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    raise SystemExit(main())
