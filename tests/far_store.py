# ruff: noqa: D102
"""A far place for Apache Beam, which finds it by its scheme once this is imported."""

import os

from apache_beam.io.localfilesystem import LocalFileSystem


class Store(LocalFileSystem):
    """Files of the current folder by names of another scheme."""

    @classmethod
    def scheme(cls):
        return "store"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        return path.rpartition("/")[::2]

    def _there(self, path):
        return path.removeprefix("store://")

    def mkdirs(self, path):
        super().mkdirs(self._there(path))

    def _list(self, dir_or_prefix):
        for entry in super()._list(self._there(dir_or_prefix)):
            entry.path = "store://" + os.path.relpath(entry.path)
            yield entry

    def _path_open(self, path, mode, mime, compression):
        return super()._path_open(self._there(path), mode, mime, compression)

    def rename(self, sources, destinations):
        names = [list(map(self._there, some)) for some in (sources, destinations)]
        super().rename(*names)

    def exists(self, path):
        return super().exists(self._there(path))

    def delete(self, paths):
        super().delete(list(map(self._there, paths)))
