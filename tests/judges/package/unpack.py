"""Unpacks a package with the permissions that it names, and leaves nothing in it that can be written.

    python unpack.py functions.zip FOLDER
"""
import pathlib
import stat
import sys
import zipfile

folder = pathlib.Path(sys.argv[2])
with zipfile.ZipFile(sys.argv[1]) as package:
    for info in package.infolist():
        unpacked = pathlib.Path(package.extract(info, folder))
        # Python leaves the permissions to whoever unpacks.
        unpacked.chmod(stat.S_IMODE(info.external_attr >> 16) & ~0o222)
for inner in [*folder.rglob("*"), folder]:
    if inner.is_dir():
        inner.chmod(0o555)
