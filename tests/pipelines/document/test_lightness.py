import json
import subprocess
import sys

CODE = """
import json, sys
from agent.model.work import PipelineSettings
from agent.pipelines.registry import Pipelines
Pipelines(PipelineSettings()).prepare()
print(json.dumps([name for name in sys.argv[1:] if name in sys.modules]))
"""
LIBRARIES = ("kreuzberg", "lxml", "pdfminer", "pdfplumber", "pypdfium2", "trafilatura", "numpy")


def test_no_library_that_sees_strangers_files_is_loaded_outside_the_box() -> None:
    command = [sys.executable, "-c", CODE, *LIBRARIES]

    loaded = subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert json.loads(loaded) == []
