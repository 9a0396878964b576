"""Families in small, one a file."""

from enum import StrEnum
from pathlib import Path
from typing import assert_never

from gpu_worker.starter.student import Student


class FamilyName(StrEnum):
    """The families that have a starter model."""

    SDXL = "sdxl"
    SD3 = "sd3"
    FLUX = "flux"


def open_student(family: FamilyName, *, folder: Path) -> Student:
    """Open a family's untrained parts; the folder is where their vocabulary is written."""
    match family:
        case FamilyName.SDXL:
            from gpu_worker.starter.students.sdxl import SdxlStudent

            return SdxlStudent(folder=folder)
        case FamilyName.SD3:
            from gpu_worker.starter.students.sd3 import Sd3Student

            return Sd3Student(folder=folder)
        case FamilyName.FLUX:
            from gpu_worker.starter.students.flux import FluxStudent

            return FluxStudent(folder=folder)
        case _:
            assert_never(family)
