"""A lab that has pyarrow publishes and asks with its tables."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.live import CHECKOUT, running_api
from tests.support.need import outside


def test_tables_of_pyarrow_are_read(tmp_path: Path) -> None:
    # pandas imports pyarrow wherever it is installed, so the tests' own environment has none.
    packages = next((Path(outside("pyarrow", "python")).parents[1] / "lib").glob("*/site-packages"))
    script = CHECKOUT / "tests" / "outside" / "ask_pyarrow.py"
    with running_api(tmp_path) as api:
        paths = os.pathsep.join([str(CHECKOUT), str(packages)])
        done = subprocess.run(
            [sys.executable, str(script)],
            env=os.environ | api.environment | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "number,number,category,boolean,datetime\n"
