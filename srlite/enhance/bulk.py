"""The command `srlite bulk`, which runs on an engine of Apache Beam.

The command first pairs inputs and results, and refuses to replace files unasked. The
engine hands the pairs to its workers; each process loads the model once and enlarges
files as `srlite enhance` does, to the same bytes. Files with `://` in their names, on a
file system of Beam's, are copied to the worker's disk, and the result is renamed into
place when it is whole. A folder inside the results gets a line of JSON for each file.

Everything after `--` is an option of Beam, such as `--runner FlinkRunner`.
"""

import csv
import glob
import io
import json
import os
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from srlite.enhance.batch import enhance_files, load_options
from srlite.enhance.file_plan import Pair, identity, plan_files, result_ending
from srlite.enhance.options import parse_options
from srlite.errors import (
    BackendError,
    ConfigError,
    ImageError,
    SrliteError,
    error_reason,
    one_line,
)
from srlite.pictures.decoding import is_picture_name
from srlite.pictures.writing import can_write

try:
    import apache_beam as beam
    from apache_beam.io.filesystems import FileSystems
except ImportError:
    beam = None

_PLANNING = ("recursive", "ending", "skip_existing", "overwrite", "shard")
STATUSES = ("enlarged", "skipped", "failed")
_LISTS = (".txt", ".csv", ".parquet")
# Options of the command for one machine.
_REFUSED = ("visualize", "size", "compare", "compare_models", "hr_path", "json")


def main(argv: Sequence[str] | None = None, prog: str = "srlite bulk") -> int:
    """Run the command; return 0, or 1 when some files failed."""
    argv = list(sys.argv[1:] if argv is None else argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    options = parse_options(argv[:cut], prog)
    for name in _REFUSED:
        if options.pop(name):
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{flag} is for srlite enhance; leave it out")
    if options.pop("workers") not in (None, 1):
        raise ConfigError(
            "--workers is for srlite enhance; use an option of Beam after --, such as "
            "-- --direct_num_workers 2 --direct_running_mode multi_processing"
        )
    quiet, _ = options.pop("quiet"), options.pop("verbose")
    if options["sr_path"] is None:
        raise ConfigError("srlite bulk needs a folder for its results; pass --sr-path")
    if beam is None:
        raise BackendError("srlite bulk needs Apache Beam: pip install 'srlite[bulk]'")
    out = str(options["sr_path"])
    plan = _plan(options)
    # The workers are the parallelism.
    options["num_threads"] = options.pop("threads") or 1
    load_options(options)  # Refuse an unusable model before the start.
    # The shares of a work may begin in the same second.
    name = f"manifest-{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:6]}"
    folder = _join(out, name)
    start = time.perf_counter()
    _run(plan, options, folder, argv[cut + 1 :])
    counts = {status: _count_lines(folder, status) for status in STATUSES}
    if not quiet:
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        print(f"{told} in {time.perf_counter() - start:.1f} s; see {one_line(folder)}")
    return 1 if counts["failed"] else 0


def _run(plan, options, folder, arguments):
    """Enlarge the files of a plan and list the outcomes."""
    from apache_beam.options.pipeline_options import PipelineOptions

    kept, skipped, failures = plan
    known = [{"input": lr, "output": sr, "status": "skipped"} for lr, sr in skipped]
    known += [{"status": "failed", "error": error} for error in failures]
    _make_folder(folder)
    try:
        with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
            new = (
                pipeline
                | "pairs" >> beam.Create(kept)
                # One element is one picture: each may go to another worker.
                | beam.Reshuffle()
                | beam.ParDo(Enlarge(options))
            )
            rows = (new, pipeline | "known" >> beam.Create(known)) | beam.Flatten()
            for status in STATUSES:
                _ = (
                    rows
                    | f"only {status}"
                    >> beam.Filter(lambda r, s: r["status"] == s, status)
                    | f"{status} as JSON" >> beam.Map(json.dumps)
                    | f"write {status}"
                    >> beam.io.WriteToText(_join(folder, status), ".jsonl")
                )
    except SrliteError:
        raise
    except Exception as error:  # Engines have errors of their own.
        raise SrliteError(
            f"the engine stopped ({error_reason(error).rstrip('.')}); every file under "
            "its name is whole, and the same command with --skip-existing does the rest"
        ) from error


class Enlarge(beam.DoFn if beam else object):  # type: ignore[misc]
    """Enlarge pictures one by one, with one model in each worker process."""

    def __init__(self, options: dict[str, Any]):
        """Keep what `srlite.enhance.inference.enhance_image` takes."""
        self._options = options

    def setup(self) -> None:
        """Load the model."""
        load_options(self._options)

    def process(self, element: tuple[str, str]) -> Iterator[dict[str, Any]]:
        """Enlarge a file, given its name and its result's; yield a line of `--json`."""
        lr, sr = element
        with tempfile.TemporaryDirectory(prefix="srlite.") as folder:
            near = Pair(_near(lr, folder, "lr"), _near(sr, folder, "sr"))
            try:
                if _is_far(lr):
                    _copy(FileSystems.open(lr), open(near.lr, "wb"))
                (outcome,) = enhance_files((near,), self._options, verbose=True)
                row = outcome.record()
                if _is_far(sr) and outcome.error is None:
                    _store(near.sr, sr)
            except (SrliteError, OSError) as error:
                row = {"status": "failed", "error": f"{lr}: {error_reason(error)}"}

        def named(sentence):
            return sentence.replace(str(near.lr), lr).replace(str(near.sr), sr)

        if "error" in row:
            row["error"] = named(row["error"])
        if "notes" in row:
            row["notes"] = list(map(named, row["notes"]))
        yield row | {"input": lr, "output": sr}


def _plan(options):
    """Decide which files are enlarged, and where to; take these options out.

    Returns (kept, skipped, failures): pairs of names, of input and result; sentences
    about inputs with nothing in them.
    """
    lr_paths = [str(path) for path in options.pop("lr_path")]
    how = {name: options.pop(name) for name in _PLANNING}
    out, ending, shard = str(options.pop("sr_path")), how["ending"], how["shard"]
    lists = [path for path in lr_paths if Path(path).suffix.lower() in _LISTS]
    if lists and len(lists) < len(lr_paths):
        raise ConfigError(f"{lists[0]} is a list of pictures; pass lists alone")
    if not lists and not any(map(_is_far, (*lr_paths, out))):
        # With a slash: a folder, whatever its name.
        plan = plan_files(lr_paths, os.path.join(out, ""), **how)
        both = ([(str(p.lr), str(p.sr)) for p in q] for q in (plan.pairs, plan.skipped))
        return *both, plan.failures
    pairs = {}
    for lr, name in _rows(lists) if lists else _matches(lr_paths, how["recursive"]):
        sr = name if _is_far(name) or os.path.isabs(name) else _join(out, name)
        stem, own = os.path.splitext(sr)
        same = own.lower() == os.path.splitext(lr)[1].lower()
        fit = result_ending(Path(lr)) if same else own if can_write(own) else ".png"
        sr = stem + (ending or fit)
        _, other = pairs.setdefault(_place(sr), (sr, lr))
        if other != lr:
            raise ConfigError(f"{other} and {lr} would both be written to {sr}")
    if clash := pairs.keys() & {_place(lr) for _, lr in pairs.values()}:
        names = sorted(pairs[place][0] for place in clash)
        raise ImageError(f"{names[0]} is both input and output; write elsewhere")
    share = sorted(pairs.values())[shard[0] - 1 :: shard[1]]
    there = _existing([sr for sr, _ in share]) if not how["overwrite"] else set()
    if there and not how["skip_existing"]:
        raise ConfigError(
            f"{min(there)} exists already; pass --overwrite to replace, or "
            "--skip-existing to keep"
        )
    kept = [(lr, sr) for sr, lr in share if sr not in there]
    return kept, [(lr, sr) for sr, lr in share if sr in there], ()


def _rows(lists):
    """Yield (input, output) of each row; the output is the input's name by default."""
    for path in lists:
        try:
            rows = _read_list(path)
        except (OSError, ValueError, UnicodeError, csv.Error) as error:
            raise ConfigError(f"cannot read {path}: {error_reason(error)}") from None
        for number, row in enumerate(rows, 1):
            if not row.get("input"):
                raise ConfigError(f"row {number} of {path} has no value for `input`")
            yield row["input"], row.get("output") or row["input"].rpartition("/")[2]


def _read_list(path):
    kind = Path(path).suffix.lower()
    with FileSystems.open(path) as file:
        content = file.read()
    if kind == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(pyarrow.BufferReader(content)).to_pylist()
    text = content.decode("utf-8-sig")  # Excel writes a mark.
    if kind == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    return [{"input": line} for line in text.splitlines() if line.strip()]


def _matches(sources, recursive):
    """Yield (file, its name under the folder or pattern) of what Beam finds."""
    for source in sources:
        fixed = re.split(r"[*?\[]", source)[0]
        root, pattern = fixed.rpartition("/")[0], source
        if source == fixed and not is_picture_name(source):
            root = source.rstrip("/")
            pattern = _join(root, "**" if recursive else "*")
        names = [found.path for found in FileSystems.match([pattern])[0].metadata_list]
        names = [name for name in names if is_picture_name(name)]
        if not names:
            raise ImageError(f"there are no pictures in {source}; check its path")
        for name in names:
            yield name, name.removeprefix(root).lstrip("/")


def _existing(names):
    """Return the names that exist as files."""
    far = {name for name in names if _is_far(name)}
    there = {name for name in names if name not in far and os.path.exists(name)}
    for folder in {name.rpartition("/")[0] for name in far}:
        (found,) = FileSystems.match([f"{glob.escape(folder)}/*"])
        there |= far & {entry.path for entry in found.metadata_list}
    return there


def _is_far(name):
    """Whether a name is of a file system of Beam's, not of this machine."""
    return "://" in name


def _place(name):
    """Return a key that all names of one file share."""
    return name if _is_far(name) else identity(Path(name))


def _join(folder, name):
    return (
        f"{folder.rstrip('/')}/{name}" if _is_far(folder) else f"{Path(folder, name)}"
    )


def _near(name, folder, kind):
    """Return the path a worker uses: the file itself, or a copy on its own disk."""
    return Path(folder, f"{kind}{Path(name).suffix}") if _is_far(name) else Path(name)


def _copy(source, target):
    with source, target:
        shutil.copyfileobj(source, target)


def _store(path, name):
    """Copy a file to a far place, and rename it there once it is whole."""
    folder, _, last = name.rpartition("/")
    _make_folder(folder)
    draft = f"{folder}/.{uuid.uuid4().hex}.unfinished-{last}"
    _copy(open(path, "rb"), FileSystems.create(draft))
    if FileSystems.exists(name):
        FileSystems.delete([name])
    FileSystems.rename([draft], [name])


def _make_folder(folder):
    """Make a folder unless it is there; another worker may make it now."""
    try:
        FileSystems.mkdirs(folder)
    except OSError:
        if not FileSystems.exists(folder):
            raise


def _count_lines(folder, status):
    """Count the lines of one kind that the engine has written."""
    (found,) = FileSystems.match([_join(folder, f"{status}-*.jsonl")])
    count = 0
    for entry in found.metadata_list:
        with FileSystems.open(entry.path) as file:
            blocks = iter(lambda: file.read(2**20), b"")
            count += sum(block.count(b"\n") for block in blocks)
    return count
