"""Small disks, and what fills them."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def tiny_disk(folder: Path, size: str) -> Iterator[bool]:
    """Put a disk of that size, with what the folder holds, at the folder. False where we may not mount.

    In the end the folder has again what was on the disk.
    """
    folder.mkdir(exist_ok=True)
    beside = folder.with_name(f"{folder.name}-beside")
    shutil.copytree(folder, beside)
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs"]
    is_root = os.geteuid() == 0
    made = is_root and not subprocess.run(["mount", *options, folder], capture_output=True).returncode
    if not made:
        shutil.rmtree(beside)
        yield False
        return
    try:
        shutil.copytree(beside, folder, dirs_exist_ok=True)
        shutil.rmtree(beside)
        yield True
    finally:
        shutil.copytree(folder, beside)
        subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.copytree(beside, folder, dirs_exist_ok=True)
        shutil.rmtree(beside)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """The disk of this folder is full meanwhile."""
    ballast = folder / "ballast"
    fill(ballast)
    try:
        yield
    finally:
        ballast.unlink(missing_ok=True)


def fill(ballast: Path) -> None:
    """Take all the room that is left on the disk of this file."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4_096)
