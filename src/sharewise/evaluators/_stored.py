"""Arrays on disk that grow batch after batch."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from torch import Tensor

from sharewise.errors import RunError

DTYPE = np.float16
"""Of stored features: rounding errors of 5e-4 are far below what a student misses."""


class Stored:
    """Writes `name.npy` files of a known number of samples, as a context.

    Written in order and not through a mapping, so that a full disk is an error and not a signal
    that ends the process.
    """

    def __init__(self, folder: Path, samples: int) -> None:
        self.samples = samples
        self._folder = folder
        self._open = contextlib.ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Stored:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, name: str, rows: Tensor, *, exact: bool = False) -> None:
        """Append rows [batch, ...], rounded to float16 unless they are to be kept exactly.

        Numbers beyond float16's largest are cut to it.

        Raises:
            RunError: the disk refuses.
        """
        values: Any = rows.numpy()
        if not exact:
            most = np.finfo(DTYPE).max
            values = values.clip(-most, most).astype(DTYPE)
        try:
            if name not in self._files:
                self._files[name] = self._begin(name, values)
            self._files[name].write(values.tobytes())
            self._files[name].flush()  # a disk that refuses is to say so here, not at the end
        except OSError as error:
            raise unwritable(self._folder, error) from error

    def _begin(self, name: str, like: np.ndarray[Any, Any]) -> IO[bytes]:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{name}.npy"
        file = self._open.enter_context(path.open("wb"))
        header = {
            "descr": np.lib.format.dtype_to_descr(like.dtype),
            "fortran_order": False,
            "shape": (self.samples, *like.shape[1:]),
        }
        np.lib.format.write_array_header_1_0(file, header)
        return file


def unwritable(folder: Path, error: OSError) -> RunError:
    """The error to raise where a disk refuses features."""
    return RunError(
        rule="Features are written to a folder with room and permission.",
        found=f"{error.strerror} at {folder}",
        fix="Free some space, or give another folder.",
    )
