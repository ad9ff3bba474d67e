"""Shrink, enlarge, compare: every model on every picture after every kernel.

One HR picture is in memory at a time. What was measured before, by the same model on
the same picture under the same settings, is taken from the records.
"""

import time

from srlite.errors import DataError, ImageError, ModelError
from srlite.evaluation.protocol import GIVEN, picture_hash
from srlite.metrics.frechet import check_count, fit_gaussian, frechet_distance
from srlite.pictures.picture import read_rgb
from srlite.metrics.psnr_ssim import smallest_side
from srlite.evaluation.records import record_key

_REVISION = 1  # of what is measured; another one measures everything anew


class Evaluation:
    """All measurements of one call of the command.

    Attributes:
        records: those that are done.
        left_out: sentences about pictures that could not be measured.
        total: measurements in all.
        reused: how many of the records were there before.
    """

    def __init__(self, sets, contenders, protocol, measures, file=None, pictures=None):
        """Plan the work.

        Args:
            sets: list of `DataSet`, of different names.
            contenders: list of `Contender`, of different names.
            protocol: `Protocol`.
            measures: `Measures`.
            file: `RecordFile` that takes the records, or None.
            pictures: `PictureFolder` that takes the pictures, or None.
        """
        self._sets, self._contenders = sets, contenders
        self._protocol, self._measures = protocol, measures
        self._file, self._pictures = file, pictures
        self._items = {}  # data set -> those that were measured
        self._hashes = {}  # data set, kernel -> the SHA-256 of each HR and LR
        self.records, self.left_out, self.reused = [], [], 0
        self.total = sum(
            len(s.items) * len(self._kernels(s)) * len(contenders) for s in sets
        )

    def run(self, progress=lambda done: None):
        """Measure everything.

        Args:
            progress: function (measurements more that are done).

        Raises:
            DataError: a set has no picture that can be measured, or pairs of other
                sizes.
            ModelError: a contender fails.
            ImageError: a picture cannot be written.
        """
        for data_set in self._sets:
            measured = self._items[data_set.name] = []
            for item in data_set.items:
                try:
                    hr, given = self._read(item)
                except ImageError as error:
                    self.left_out.append(str(error))
                    progress(len(self._kernels(data_set)) * len(self._contenders))
                    continue
                measured.append(item)
                for kernel in self._kernels(data_set):
                    lr = given
                    if given is None:
                        lr = self._protocol.make_lr(hr, kernel)
                    self._measure(data_set, item, hr, lr, kernel, progress)
            if not measured:
                raise DataError(
                    f"no picture of {data_set.name} can be measured: "
                    f"{self.left_out[-1]}"
                )

    def distances(self, features, identity, progress=lambda done: None):
        """Measure FID of each set, kernel and model, from the pictures kept by `run`.

        Args:
            features: as from `frechet.inception_features`.
            identity: stands for its weights in keys.
            progress: function, called with 1 after each distance.

        Returns:
            List of dicts with `data_set`, `kernel`, `model`, `fid` and `count`.

        Raises:
            DataError: too few pictures of a set could be measured.
        """
        found = []
        for data_set in self._sets:
            items = self._items[data_set.name]
            check_count(len(items))
            hr = None  # fitted when the first distance is not known yet
            for kernel in self._kernels(data_set):
                hashes = self._hashes[data_set.name, kernel]
                for contender in self._contenders:
                    of = {"data_set": data_set.name, "kernel": kernel}
                    of["model"] = contender.name
                    key = self._key(contender, kernel, hashes, fid=identity)
                    entry = self._file.get(key)
                    if entry is None:
                        hr = hr or self._fit_hr(features, items)
                        names = [of | {"image": item.name} for item in items]
                        paths = map(self._pictures.path, names)
                        sr = fit_gaussian(features, map(read_rgb, paths))
                        entry = {"fid": frechet_distance(hr, sr)}
                        self._file.append(key, entry)
                    found.append(of | {"fid": entry["fid"], "count": len(items)})
                    progress(1)
        return found

    def count_distances(self):
        """Return how many distances there are for `distances` to measure."""
        return sum(len(self._kernels(s)) for s in self._sets) * len(self._contenders)

    def _fit_hr(self, features, items):
        scale = self._protocol.scale
        return fit_gaussian(features, (item.read_hr(scale) for item in items))

    def _kernels(self, data_set):
        return (GIVEN,) if data_set.paired else self._protocol.kernels

    def _read(self, item):
        """Return HR, and LR if it comes from a file, else None."""
        hr = item.read_hr(self._protocol.scale)
        least = smallest_side(self._protocol.scale)
        if min(hr.shape[:2]) < least:
            raise ImageError(
                f"{item.hr_path} is smaller than {least} pixels, of which nothing is "
                "left inside the border"
            )
        paired = item.lr_path is not None
        return hr, item.read_lr(hr, self._protocol.scale) if paired else None

    def _measure(self, data_set, item, hr, lr, kernel, progress):
        """Measure all contenders on one picture after one kernel."""
        scale = self._protocol.scale
        of = {"data_set": data_set.name, "image": item.name, "kernel": kernel}
        hashes = {"hr": picture_hash(hr), "lr": picture_hash(lr)}
        self._hashes.setdefault((data_set.name, kernel), []).append(hashes)
        for name, picture in (("lr", lr), ("hr", hr)):
            self._keep(of | {"model": name}, hashes[name], picture)
        for contender in self._contenders:
            record = of | {"model": contender.name}
            key = self._key(contender, kernel, hashes)
            known = self._file.get(key) if self._file else None
            if known is not None and self._pictures.holds(record, key):
                # A set or a model may have had another name.
                self.records.append(known | record)
                self.reused += 1
            else:
                sr, seconds = _enlarge(contender, lr, hr, item)
                record |= self._measures.of(sr, hr, lr, kernel, scale, seconds)
                self._keep(record, key, sr)
                if self._file:
                    self._file.append(key, record)
                self.records.append(record)
            progress(1)

    def _keep(self, record, key, picture):
        if self._pictures and not self._pictures.holds(record, key):
            self._pictures.write(record, key, picture)

    def _key(self, contender, kernel, hashes, **more):
        return record_key(
            revision=_REVISION,
            model=contender.identity,
            images=hashes,
            kernel=kernel,
            scale=self._protocol.scale,
            jpeg=self._protocol.jpeg,
            noise=self._protocol.noise,
            edges=self._protocol.edges,
            metrics=list(self._measures.names),
            files=self._measures.identities,
            **more,
        )


def _enlarge(contender, lr, hr, item):
    """Return SR and the seconds that it took."""
    start = time.perf_counter()
    try:
        sr = contender.upscale(lr)
    except ModelError as error:
        raise ModelError(f"{item.hr_path}: {error}") from error
    seconds = time.perf_counter() - start
    if sr.shape != hr.shape:
        raise ModelError(
            f"{contender.name} made {sr.shape[1]} x {sr.shape[0]} pixels for "
            f"{item.hr_path}; expected {hr.shape[1]} x {hr.shape[0]}"
        )
    return sr, seconds
