"""Runs the page's modules without a browser, in the Node.js that Playwright brings."""

import json
import subprocess
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable  # no public name says where its Node.js is

_STAGE = Path(__file__).with_name("stage.mjs").as_uri()
_MODULES = (Path(__file__).parents[2] / "plugins" / "boston_page" / "js").as_uri()


def answer_of(script: str) -> Any:
    """Run a script that has everything of stage.mjs, `use(module)` and `answer(value)`; return what it answers."""
    begin = (
        f"import * as stage from '{_STAGE}'; Object.assign(globalThis, stage);"
        f"const use = (name) => import(`{_MODULES}/${{name}}.js`);"
        "const answer = (value) => process.stdout.write(JSON.stringify(value));"
    )
    node, _ = compute_driver_executable()
    command = [node, "--no-warnings", "--input-type=module", "--eval", begin + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
