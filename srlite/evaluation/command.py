"""Measure models: `python -m srlite evaluate --model light_psnr --hr-dir DIR`.

Each HR picture is cut to a multiple of the scale, shrunk with each kernel, rounded to
8 bit, enlarged by each model, rounded, and compared as the literature does. The scores
come as a table and, with `--out-dir`, as `scores.csv`, `scores.json`, `scores.md` and
`report.html` next to the pictures. docs/evaluation.md has the details.
"""

import contextlib
import itertools
import os
import sys
from functools import partial
from pathlib import Path

from srlite.data.damages import parse_damages
from srlite.errors import ConfigError, DataError, arguments_of, one_line
from srlite.evaluation.contenders import EDGES, FILTERS, TRUE, open_contenders
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
from srlite.evaluation.records import (
    FIELDS,
    PictureFolder,
    RecordFile,
    distinct,
    measured_metrics,
    write_scores,
)
from srlite.evaluation.statistics import aggregate
from srlite.evaluation.tables import markdown, terminal_tables, write_rows, write_text
from srlite.files import is_same_file, locked, writing
from srlite.metrics.frechet import MIN_PICTURES, check_count, inception_features
from srlite.pictures.picture import read_rgb

_PICTURES = "pictures"  # the folder of the results
_TOLD = {
    TRUE: "the true degradation, which no user knows",
    "auto": "what its estimator sees",
}


def main(argv=None, prog="python -m srlite evaluate"):
    """Run the command; return its exit status."""
    argv = arguments_of(argv)
    args = evaluation_parser(prog).parse_args(argv)
    damages = parse_damages(args.damage)
    protocol = Protocol(args.scale, tuple(args.kernels), args.edges, damages)
    sets = _data_sets(args)
    if protocol.damaged and all(data_set.paired for data_set in sets):
        raise ConfigError("--damage needs HR to shrink; pairs are measured as they are")
    needed = {
        "content": args.vgg19_weights,
        "style": args.efficientnet_weights,
        "niqe": args.niqe_parameters,
    }
    files = {name: file for name, file in needed.items() if file != NONE}
    measures, warnings = build_measures(args.metrics, files, args.scale)
    contenders = open_contenders(
        args.model, protocol, sets, args.threads, args.degradation or ()
    )
    if args.by is not None and args.by not in measures.names:
        raise ConfigError(
            f"--by {args.by} is not measured; there are {', '.join(measures.names)}"
        )
    features = _fid_features(args.inception_weights, args.out_dir, sets)
    folder = _out_folder(args) if args.out_dir else None
    says = "another evaluation is writing to"
    with locked(folder, says) if folder else contextlib.nullcontext():
        file = RecordFile(folder / "records.jsonl") if folder else None
        pictures = PictureFolder(folder / _PICTURES) if folder else None
        evaluation = Evaluation(sets, contenders, protocol, measures, file, pictures)
        for warning in warnings:
            print(one_line(warning), file=sys.stderr)
        try:
            _with_bar(evaluation.total, "picture", evaluation.run)
            fid = _distances(args.inception_weights, features, evaluation)
        except KeyboardInterrupt:
            done = f"{len(evaluation.records)} of {evaluation.total} enlarged pictures"
            hint = "give --out-dir to be able to go on"
            if folder:
                hint = "the same command goes on from there"
            print(f"stopped after {done}; {hint}", file=sys.stderr)
            return 130
        aggregates = aggregate(evaluation.records)
        lacking = f"no picture has a value for {', '.join(measures.names)}"
        if not aggregates:
            raise DataError(lacking)
        there = distinct(aggregates, "data_set")
        bare = [one.name for one in sets if one.name not in there]
        evaluation.left_out += [f"{name}: {lacking}" for name in bare]
        reference = _reference(contenders)
        gains = gains_by_damage(aggregates, reference)
        notes = _notes(args, protocol, measures, contenders, sets)
        label = "FID of random weights" if args.inception_weights == "random" else "FID"
        print("\n".join(one_line(note) for note in notes), end="\n\n")
        print(terminal_tables(aggregates, fid, label, gains))
        if folder:
            scores = {"notes": notes, "aggregates": aggregates, "fid": fid}
            scores |= {"gains": gains} if gains else {}
            _write(folder, evaluation, scores, label)
            _write_report(folder, evaluation, scores, reference, args, argv)
    for sentence in evaluation.left_out:
        print(f"left out: {one_line(sentence)}", file=sys.stderr)
    return 1 if evaluation.left_out or warnings else 0


def _data_sets(args):
    root = args.sets_dir or os.environ.get(SETS_VARIABLE)
    sets = [known_set(name, root) for name in args.sets]
    sets += [hr_folder(folder) for folder in args.hr_dir]
    sets += [paired_folders(lr, hr) for lr, hr in args.pairs]
    if not sets:
        raise ConfigError("give pictures, with --hr-dir, --pairs or --sets")
    return rename_apart(sets)


def _fid_features(weights, out_dir, sets):
    """Build what FID compares, if it is asked for, before anything is measured."""
    if weights == NONE:
        return None
    if not out_dir:
        raise ConfigError("FID reads the pictures that are kept; give --out-dir")
    for data_set in sets:
        check_count(data_set.name, len(data_set.items))
    return inception_features(None if weights == "random" else weights)


def _distances(weights, features, evaluation):
    """Measure FID, if it is asked for: list of dicts."""
    if features is None:
        return []
    measure = partial(evaluation.distances, features, file_identity(weights))
    found = _with_bar(evaluation.count_distances(), "distance", measure)
    return [d | {"weights": "random"} for d in found] if weights == "random" else found


def _with_bar(total, unit, work):
    """Run `work(progress)` under a bar, where there is a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, disable=None, smoothing=0) as bar:
        return work(bar.update)


def _reference(contenders):
    """Choose the base of gains: bicubic, another plain filter or the last model."""
    plain = {c.identity: c.name for c in contenders if c.identity in FILTERS}
    return next((plain[name] for name in FILTERS if name in plain), contenders[-1].name)


def _write(folder, evaluation, scores, label):
    records, gains = evaluation.records, scores.get("gains", ())
    names = [*FIELDS, *measured_metrics(records)]
    write_rows(folder / "scores.csv", names, records)
    write_scores(folder / "scores.json", **scores, records=records)
    if gains:
        write_rows(folder / "gains.csv", list(gains[0]), gains)
    text = markdown(scores["aggregates"], scores["notes"], scores["fid"], label, gains)
    write_text(folder / "scores.md", text)
    reused = evaluation.reused and f"; {evaluation.reused} scores were there before"
    print(f"\nscores and pictures are in {folder}{reused or ''}", file=sys.stderr)


def _write_report(folder, evaluation, scores, reference, args, argv):
    from srlite.evaluation.report.report import report_origin, write_report

    path = write_report(
        folder,
        evaluation.records,
        lambda record: read_rgb(evaluation.pictures.path(record)),
        report_origin(argv, scores["notes"]),
        reference,
        gains=scores.get("gains", ()),
        metric=args.by,
        count=args.show_results,
        fid=scores["fid"],
    )
    print(f"report: {path} ({path.stat().st_size / 1e6:.1f} MB)", file=sys.stderr)


def _notes(args, protocol, measures, contenders, sets):
    """List sentences about how it was measured."""
    scale, edges = protocol.scale, EDGES[protocol.edges]
    notes = [
        f"x{scale}, a border of {scale} pixels is left out; PSNR and SSIM on luma "
        f"(16..235) and RGB; {edges}; LR is rounded to 8 bit."
    ]
    notes += [f"{one.name} {one.note}." for one in contenders if one.note]
    for one in contenders:
        if one.conditional:
            rest = f"{one.degradation}, and what its estimator sees of the rest"
            notes.append(f"{one.name} is told {_TOLD.get(one.degradation, rest)}.")
    if any(data_set.paired for data_set in sets):
        notes.append(
            f'The LR pictures of "{GIVEN}" come from files; their LR error is measured '
            "as if MATLAB's bicubic had made them."
        )
    if not args.metrics:
        missing = [f"{n} ({NEEDS[n]})" for n in NEEDS if n not in measures.names]
        if args.inception_weights == NONE:
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
    """Make the folder of the results, or raise ConfigError inside a measured folder."""
    folder = Path(args.out_dir)
    pictures = (folder / _PICTURES).resolve()
    for source in [*args.hr_dir, *itertools.chain(*args.pairs)]:
        if any(is_same_file(place, source) for place in (pictures, *pictures.parents)):
            raise ConfigError(
                f"the results would lie in {source}, whose pictures are measured; give "
                "another --out-dir"
            )
    with writing(folder, ConfigError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder
