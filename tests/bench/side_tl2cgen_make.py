"""side_tl2cgen_make: C code of a model by tl2cgen, compiled: DATA/SHAPE/tl2cgen.so and tl2cgen-quantized.so.

    side_tl2cgen_make.py SHAPE ...

Both have the branch hints that tl2cgen takes from the model. The quantized one compares ranks of the numbers among the
model's thresholds, which is usually faster. The code is cut into 8 files, or gcc needs minutes for one.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import joblib
import shapes
import tl2cgen
import treelite

VARIANTS = {"tl2cgen": {"parallel_comp": 8}, "tl2cgen-quantized": {"parallel_comp": 8, "quantize": 1}}
FLAGS = ["-O3", "-march=native", "-fPIC"]


def compiled(source: pathlib.Path) -> pathlib.Path:
    output = source.with_suffix(".o")
    subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-c", "-o", output, source], check=True)
    return output


def make(shape: str, variant: str) -> None:
    library = shapes.DATA / shape / f"{variant}.so"
    if library.exists():
        return
    print(f"  {library.name} of {shape}", flush=True)
    _, forest = shapes.parts(joblib.load(shapes.DATA / shape / "model.joblib"))
    sources = shapes.DATA / shape / variant
    shutil.rmtree(sources, ignore_errors=True)
    tl2cgen.generate_c_code(treelite.sklearn.import_model(forest), str(sources), params=VARIANTS[variant])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, sorted(sources.glob("*.c"))))
    part = library.with_suffix(".part")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-o", part, *objects, "-lm"], check=True)
    part.rename(library)
    shutil.rmtree(sources)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for variant in VARIANTS:
            make(name, variant)
