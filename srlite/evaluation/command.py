"""Measure models: `python -m srlite evaluate --model light_psnr --hr-dir DIR`.

Each HR picture is cut to a multiple of the scale, shrunk with each kernel, rounded to
8 bit, enlarged by each model, rounded, and compared as the literature does. The scores
come as a table and, with `--out-dir`, as `scores.csv`, `scores.json`, `scores.md` and
`report.html` next to the pictures. docs/evaluation.md has the details.
"""

import os
import sys
from functools import partial
from pathlib import Path

from srlite.data.damages import parse_damages
from srlite.errors import ConfigError, DataError, one_line
from srlite.evaluation.contenders import PLAIN, TRUE, open_contenders
from srlite.evaluation.data_sets import (
    hr_folder,
    known_set,
    paired_folders,
    rename_apart,
)
from srlite.evaluation.evaluation import Evaluation
from srlite.evaluation.gains import gains_by_damage
from srlite.evaluation.measures import NEEDS, build_measures, file_identity
from srlite.evaluation.options import NONE, SETS_VARIABLE, evaluation_parser
from srlite.evaluation.protocol import GIVEN, Protocol
from srlite.evaluation.records import PictureFolder, RecordFile, write_scores
from srlite.evaluation.statistics import aggregate
from srlite.evaluation.tables import (
    markdown,
    terminal_tables,
    write_csv,
    write_rows,
    write_text,
)
from srlite.metrics.frechet import MIN_PICTURES, check_count, inception_features
from srlite.pictures.picture import read_rgb

_EDGES = {
    "none": "the bare network sees the whole picture",
    "tiled": "models run in tiles, as inference.py does",
}
_TOLD = {
    TRUE: "the true degradation, which no user knows",
    "auto": "what its estimator sees",
}


def main(argv=None, prog="python -m srlite evaluate"):
    """Run the command; return its exit status."""
    args = evaluation_parser(prog).parse_args(argv)
    protocol = _protocol(args)
    sets = _data_sets(args)
    measures, warnings = build_measures(args)
    contenders = open_contenders(
        args.model, protocol, sets, args.threads, args.degradation or ()
    )
    if args.by is not None and args.by not in measures.names:
        raise ConfigError(
            f"--by {args.by} is not measured; there are {', '.join(measures.names)}"
        )
    _check_fid(args, sets)
    file = pictures = None
    if args.out_dir:
        folder = _out_folder(args)
        file = RecordFile(folder / "records.jsonl")
        pictures = PictureFolder(folder / "pictures")
    evaluation = Evaluation(sets, contenders, protocol, measures, file, pictures)
    for warning in warnings:
        print(one_line(warning), file=sys.stderr)
    try:
        _with_bar(evaluation.total, "picture", evaluation.run)
        fid, fid_label = _distances(args, evaluation)
    except KeyboardInterrupt:
        done = f"{len(evaluation.records)} of {evaluation.total} enlarged pictures"
        hint = "give --out-dir to be able to go on"
        if args.out_dir:
            hint = "the same command goes on from there"
        print(f"stopped after {done}; {hint}", file=sys.stderr)
        return 130
    notes = _notes(args, protocol, measures, contenders, sets)
    aggregates = aggregate(evaluation.records)
    plain = [c.name for c in contenders if c.identity == PLAIN]
    gains = gains_by_damage(aggregates, plain[0]) if plain else []
    print("\n".join(one_line(note) for note in notes), end="\n\n")
    print(terminal_tables(aggregates, fid, fid_label, gains))
    if args.out_dir:
        records = evaluation.records
        write_csv(folder / "scores.csv", records)
        write_scores(
            folder / "scores.json",
            records,
            notes=notes,
            aggregates=aggregates,
            fid=fid,
            **({"gains": gains} if gains else {}),
        )
        if gains:
            write_rows(folder / "gains.csv", list(gains[0]), gains)
        text = markdown(aggregates, notes, fid, fid_label, gains)
        write_text(folder / "scores.md", text)
        reused = evaluation.reused and f"; {evaluation.reused} scores were there before"
        print(f"\nscores and pictures are in {folder}{reused or ''}", file=sys.stderr)
        _write_report(args, argv, folder, records, pictures, notes, fid)
    for sentence in evaluation.left_out:
        print(f"left out: {one_line(sentence)}", file=sys.stderr)
    return 1 if evaluation.left_out or warnings else 0


def _protocol(args):
    if args.scale < 2:
        raise ConfigError(f"--scale must be 2 or more; received {args.scale}")
    kernels = tuple(dict.fromkeys(args.kernels))
    return Protocol(args.scale, kernels, args.edges, parse_damages(args.damage))


def _data_sets(args):
    root = args.sets_dir or os.environ.get(SETS_VARIABLE)
    sets = [known_set(name, root) for name in args.sets]
    sets += [hr_folder(folder) for folder in args.hr_dir]
    sets += [paired_folders(lr, hr) for lr, hr in args.pairs]
    if not sets:
        raise ConfigError("give pictures, with --hr-dir, --pairs or --sets")
    return rename_apart(sets)


def _write_report(args, argv, folder, records, pictures, notes, fid):
    from srlite.evaluation.report.report import report_origin, write_report

    path = write_report(
        folder,
        records,
        lambda record: read_rgb(pictures.path(record)),
        report_origin(sys.argv[1:] if argv is None else argv, notes),
        args.by,
        args.show_results,
        fid,
    )
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)


def _check_fid(args, sets):
    if args.inception_weights == NONE:
        return
    if not args.out_dir:
        raise ConfigError("FID reads the pictures that are kept; give --out-dir")
    for data_set in sets:
        try:
            check_count(len(data_set.items))
        except DataError as error:
            raise DataError(f"{data_set.name}: {error}") from None


def _distances(args, evaluation):
    """Measure FID if asked for: (list of distances, heading of the column)."""
    weights = args.inception_weights
    if weights == NONE:
        return [], "FID"
    features = inception_features(None if weights == "random" else weights)
    measure = partial(evaluation.distances, features, file_identity(weights))
    found = _with_bar(evaluation.count_distances(), "distance", measure)
    if weights != "random":
        return found, "FID"
    return [d | {"weights": "random"} for d in found], "FID of random weights"


def _with_bar(total, unit, work):
    """Run `work(progress)` under a bar, where there is a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, disable=None, smoothing=0) as bar:
        return work(bar.update)


def _notes(args, protocol, measures, contenders, sets):
    """List sentences about how it was measured."""
    scale, edges = protocol.scale, _EDGES[protocol.edges]
    notes = [
        f"x{scale}, a border of {scale} pixels is left out; PSNR and SSIM on luma "
        f"(16..235) and RGB; {edges}; LR is rounded to 8 bit."
    ]
    notes += [f"{contender.note}." for contender in contenders if contender.note]
    notes += [
        f"{contender.name} is told "
        + _TOLD.get(
            contender.degradation,
            f"{contender.degradation}, and what its estimator sees of the rest",
        )
        + "."
        for contender in contenders
        if contender.conditional
    ]
    if any(data_set.paired for data_set in sets):
        notes.append(
            f'The LR pictures of "{GIVEN}" come from files; their LR error is measured '
            "as if MATLAB's bicubic had made them."
        )
    missing = [
        f"{name} ({option})"
        for name, option in NEEDS.items()
        if name not in measures.names and not args.metrics
    ]
    if args.inception_weights == NONE and not args.metrics:
        missing.append("FID (--inception-weights)")
    if missing:
        notes.append(f"Not measured, for want of a file: {', '.join(missing)}.")
    if args.inception_weights != NONE:
        limits = f" (at least {MIN_PICTURES})."
        if args.inception_weights == "random":
            limits = ", and its random weights say nothing about quality."
        notes.append(
            "FID is of Keras's InceptionV3 on whole pictures at 299 x 299; it compares "
            f"only with itself, on as many pictures{limits}"
        )
    return notes


def _out_folder(args):
    folder = Path(args.out_dir)
    for source in (*args.hr_dir, *(folder for pair in args.pairs for folder in pair)):
        if folder.resolve().is_relative_to(Path(source).resolve()):
            raise ConfigError(
                f"{folder} lies in {source}, whose pictures are measured; give another "
                "--out-dir"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make {folder}: {error.strerror}") from None
    return folder
