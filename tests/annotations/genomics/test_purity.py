"""Genome code stands alone: no Django, no AWS, nothing of GAS outside itself."""

import json
import subprocess
import sys
from pathlib import Path

import annotations

ROOT = Path(annotations.__file__).parent.parent
PROBE = """
import json, pkgutil, sys, importlib
import annotations.genomics as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""


def test_importing_all_of_it_imports_no_django_and_no_aws() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=ROOT, env={}, capture_output=True, check=True
    )
    loaded = json.loads(done.stdout)
    tops = {name.partition(".")[0] for name in loaded}
    assert tops.isdisjoint({"django", "boto3", "botocore", "accounts", "archival", "gas_project"})
    ours = {name for name in loaded if name.startswith("annotations.")}
    assert all(name.startswith("annotations.genomics") for name in ours)
