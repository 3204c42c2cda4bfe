"""A package as others see it: Python's zip reader, binutils, and CycloneDX's own library.

    python package.py functions.zip [NEWEST-GLIBC]
"""
import hashlib
import json
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import zipfile

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

path = pathlib.Path(sys.argv[1])
checksum = path.with_name(path.name + ".sha256").read_text().split()[0]
assert hashlib.sha256(path.read_bytes()).hexdigest() == checksum, "the checksum is another file's"

with zipfile.ZipFile(path) as package:
    assert package.testzip() is None
    infos = package.infolist()
    host = json.loads(package.read("host.json"))
    started = host["customHandler"]["description"]["defaultExecutablePath"]
    for info in infos:
        mode = info.external_attr >> 16
        assert info.create_system == 3, f"{info.filename}: its permissions do not count"
        assert stat.S_IMODE(mode) == (0o755 if info.filename == started else 0o644), f"{info.filename}: {mode:o}"
        assert "settings" not in info.filename, info.filename
    functions = [info.filename for info in infos if info.filename.endswith("/function.json")]
    for name in functions:
        assert json.loads(package.read(name))["bindings"], name
    with tempfile.TemporaryDirectory() as folder:
        executable = pathlib.Path(package.extract(started, folder))
        said = subprocess.run(["objdump", "-T", str(executable)], capture_output=True, text=True, check=True).stdout

versions = {tuple(map(int, one.split("."))) for one in re.findall(r"GLIBC_([0-9.]+)", said)}
assert versions, "objdump names no version of glibc"
newest = tuple(map(int, (sys.argv[2] if len(sys.argv) > 2 else "2.28").split(".")))
assert max(versions) <= newest, f"needs glibc {max(versions)}"

bill = path.with_suffix(".cdx.json").read_text()
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill)
assert fault is None, fault
components = json.loads(bill)["components"]
print(f"{len(functions)} functions, glibc {'.'.join(map(str, max(versions)))}, {len(components)} components")
