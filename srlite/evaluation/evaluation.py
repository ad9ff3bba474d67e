"""Shrink, enlarge, compare: every model on every picture under every condition.

One HR picture is in memory at a time. What was measured before, by the same model on
the same picture under the same settings, is taken from the records.

    from srlite import evaluate

    results = evaluate(["light", "bicubic"], "Set14/HR", kernels=["bicubic"])
    for row in results.summaries:
        print(row.model, row.metric, row.mean)
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from srlite.data.damages import parse_damages
from srlite.data.sources import listed
from srlite.errors import ConfigError, DataError, ImageError, ModelError
from srlite.evaluation.contenders import EDGES, open_contenders
from srlite.evaluation.data_sets import hr_folder, rename_apart
from srlite.evaluation.measures import build_measures
from srlite.evaluation.protocol import (
    GIVEN,
    KERNEL_ORDER,
    Condition,
    Protocol,
    picture_hash,
)
from srlite.evaluation.records import FIELDS, Score, record_key
from srlite.evaluation.statistics import Summary, aggregate
from srlite.files import StrPath
from srlite.metrics.frechet import check_count, fit_gaussian, frechet_distance
from srlite.metrics.psnr_ssim import smallest_side
from srlite.pictures.picture import read_rgb

_REVISION = 1  # of the measures; with another one, everything is measured anew


@dataclass(frozen=True)
class Results:
    """What `evaluate` found."""

    scores: list[Score]  # one for each model, picture and kernel
    summaries: list[Summary]  # one for each model, kernel and metric
    left_out: list[str]  # a sentence for each picture that could not be measured


def evaluate(
    models: StrPath | Sequence[StrPath],
    hr_dir: StrPath | Sequence[StrPath],
    *,
    kernels: str | Sequence[str] = KERNEL_ORDER,
    damages: str | Sequence[str] = "none",
    degradation: str = "auto",
    metrics: str | Sequence[str] | None = None,
    edges: str = "none",
    scale: int = 4,
    num_threads: int | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Results:
    """Measure models on folders of HR pictures, as the command does; write nothing.

    Args:
        models: what is compared, as `--model` of the command; the differences are from
            the first.
        hr_dir: folder or folders of HR pictures, each a data set.
        kernels: that make LR, of `protocol.KERNEL_ORDER`.
        damages: what LR goes through, each with each kernel, as `--damage`; any but
            "none" adds bicubic to the models.
        degradation: what conditional models are told: "auto", what their estimator
            sees; "clean", or parts such as "jpeg=60,noise=5"; "true", what LR went
            through.
        metrics: names of `records.METRICS` that need no file; all of them when None.
        edges: "none" for the bare network on the whole picture, "tiled" for what
            enlarging a file does.
        scale: HR pixels per LR pixel; also the border in HR pixels that is left out.
        num_threads: CPU threads of a `.tflite`; all cores when None.
        progress: function (measurements more that are done).

    Raises:
        SrliteError: something given cannot be used; its kind says what.
    """
    texts, folders = listed(models), listed(hr_dir)
    if not texts or not folders:
        raise ConfigError("give at least one model and one folder of HR pictures")
    wanted = None if metrics is None else listed(metrics)
    measures, _ = build_measures(wanted, {}, scale)
    if edges not in EDGES:
        raise ConfigError(f"edges must be one of {', '.join(EDGES)}; received {edges}")
    damaged = parse_damages(listed(damages))
    protocol = Protocol(scale, tuple(listed(kernels)), edges, damaged)
    asked = () if degradation == "auto" else (degradation,)
    sets = rename_apart([hr_folder(folder) for folder in folders])
    contenders = open_contenders(texts, protocol, sets, num_threads, asked)
    evaluation = Evaluation(sets, contenders, protocol, measures)
    evaluation.run(progress)
    scores = [
        Score(
            **{field: record[field] for field in FIELDS},
            values={name: record[name] for name in measures.names if name in record},
        )
        for record in evaluation.records
    ]
    summaries = [Summary(**entry) for entry in aggregate(evaluation.records)]
    return Results(scores, summaries, evaluation.left_out)


class Evaluation:
    """All measurements of one call of the command.

    `records` are those done, `reused` of which existed before, of `total` in all;
    `left_out` are sentences about what could not be measured.
    """

    def __init__(self, sets, contenders, protocol, measures, file=None, pictures=None):
        """Plan the work; a `RecordFile` and a `PictureFolder` keep what is done."""
        self._sets, self._contenders = sets, contenders
        self._protocol, self._measures = protocol, measures
        self._file, self.pictures = file, pictures
        self._items = {}  # data set -> those that were measured
        self._hashes = {}  # data set, condition -> the SHA-256 of each HR and LR
        self.records, self.left_out, self.reused = [], [], 0
        self.total = sum(
            len(s.items) * len(self._conditions(s)) * len(contenders) for s in sets
        )

    def run(self, progress=lambda done: None):
        """Measure everything; call `progress` with how many measurements more are done.

        DataError if no picture of a set can be measured, or a pair has other sizes;
        ModelError if a contender fails.
        """
        for data_set in self._sets:
            measured = self._items[data_set.name] = []
            for item in data_set.items:
                try:
                    hr, given = self._read(item)
                except ImageError as error:
                    self.left_out.append(str(error))
                    progress(len(self._conditions(data_set)) * len(self._contenders))
                    continue
                measured.append(item)
                for condition in self._conditions(data_set):
                    lr = given
                    if given is None:
                        lr = self._protocol.make_lr(hr, condition)
                    self._measure(data_set, item, hr, lr, condition, progress)
            if not measured:
                raise DataError(
                    f"no picture of {data_set.name} can be measured: "
                    f"{self.left_out[-1]}"
                )

    def distances(self, features, identity, progress):
        """Measure FID of each set, condition and model, on the pictures that are kept.

        `features` are as returned by `frechet.inception_features`, `identity` stands
        for their weights in keys, `progress` is called with 1 after each distance.
        Returns dicts with `data_set`, `kernel`, `model`, `fid` and `count`; a set with
        too few measured pictures is left out.
        """
        found, scale = [], self._protocol.scale
        for data_set in self._sets:
            items = self._items[data_set.name]
            try:
                check_count(data_set.name, len(items))
            except DataError as error:
                self.left_out.append(str(error))
                continue
            hr = None  # fitted when the first distance is not known yet
            for condition in self._conditions(data_set):
                hashes = self._hashes[data_set.name, condition]
                for contender in self._contenders:
                    of = {"data_set": data_set.name, "kernel": condition.name}
                    of["model"] = contender.name
                    key = self._key(contender, condition, hashes, fid=identity)
                    entry = self._file.get(key)
                    if entry is None:
                        originals = (item.read(scale)[0] for item in items)
                        hr = hr or fit_gaussian(features, originals)
                        names = [of | {"image": item.name} for item in items]
                        paths = map(self.pictures.path, names)
                        sr = fit_gaussian(features, map(read_rgb, paths))
                        entry = {"fid": frechet_distance(hr, sr)}
                        self._file.append(key, entry)
                    found.append(of | {"fid": entry["fid"], "count": len(items)})
                    progress(1)
        return found

    def count_distances(self):
        """Return how many distances there are for `distances` to measure."""
        conditions = sum(len(self._conditions(s)) for s in self._sets)
        return conditions * len(self._contenders)

    def _conditions(self, data_set):
        return (Condition(GIVEN),) if data_set.paired else self._protocol.conditions

    def _read(self, item):
        """Return HR, and LR if it comes from a file, else None."""
        hr, lr = item.read(self._protocol.scale)
        least = smallest_side(self._protocol.scale)
        if min(hr.shape[:2]) < least:
            raise ImageError(
                f"{item.hr_path} is smaller than {least} pixels, so nothing is left "
                "inside the border"
            )
        return hr, lr

    def _measure(self, data_set, item, hr, lr, condition, progress):
        """Measure all contenders on one picture under one condition."""
        scale, truth = self._protocol.scale, condition.truth
        of = {"data_set": data_set.name, "image": item.name, "kernel": condition.name}
        hashes = {"hr": picture_hash(hr), "lr": picture_hash(lr)}
        self._hashes.setdefault((data_set.name, condition), []).append(hashes)
        for name, picture in (("lr", lr), ("hr", hr)):
            self._keep(of | {"model": name}, hashes[name], picture)
        for contender in self._contenders:
            record = of | {"model": contender.name}
            key = self._key(contender, condition, hashes)
            known = self._file.get(key) if self._file else None
            if known is not None and self.pictures.holds(record, key):
                # A set or a model may have had another name.
                self.records.append(known | record)
                self.reused += 1
            else:
                sr, seconds = _enlarge(contender, lr, hr, item, truth)
                kernel = condition.kernel
                record |= self._measures.of(sr, hr, lr, kernel, scale, seconds)
                self._keep(record, key, sr)
                if self._file:
                    self._file.append(key, record)
                self.records.append(record)
            progress(1)

    def _keep(self, record, key, picture):
        if self.pictures and not self.pictures.holds(record, key):
            self.pictures.write(record, key, picture)

    def _key(self, contender, condition, hashes, **more):
        if contender.conditional:
            more["degradation"] = contender.degradation
        return record_key(
            revision=_REVISION,
            model=contender.identity,
            images=hashes,
            kernel=condition.name,
            scale=self._protocol.scale,
            edges=self._protocol.edges,
            metrics=list(self._measures.names),
            files=self._measures.identities,
            **more,
        )


def _enlarge(contender, lr, hr, item, truth):
    """Return SR and the seconds that it took."""
    start = time.perf_counter()
    try:
        sr = contender.enlarge(lr, truth, item.hr_path)
    except ModelError as error:
        raise ModelError(f"{item.hr_path}: {error}") from error
    seconds = time.perf_counter() - start
    if sr.shape != hr.shape:
        raise ModelError(
            f"{contender.name} made {sr.shape[1]} x {sr.shape[0]} pixels for "
            f"{item.hr_path}; expected {hr.shape[1]} x {hr.shape[0]}"
        )
    return sr, seconds
