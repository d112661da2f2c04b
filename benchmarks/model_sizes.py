"""A model-size axis on public data: is the multiplicative law better than the additive one, as published?

    python -m benchmarks.model_sizes [--data ../shared/data/scaling/rectified_flan.csv]

Fine-tuning loss of model families on FLAN (Lin et al. 2024, arXiv 2402.02314), fitted to model parameters times data
sizes. Zhang et al. 2024 (arXiv 2402.17193) find that the multiplicative law extrapolates better than the additive one.
The three largest data sizes are left out of the fit. Shown are the family, its number of models, the law, its exponents
on parameters and on data, and the root mean square of log errors of fitted and of left-out points.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from analysis.fits.joint import fit_joint_values
from benchmarks.fits import DATA

FAMILIES = ("LaMini", "Cerebras", "OPT", "GPT2")  # of three sizes or more that differ in size alone, nearly
LEFT_OUT = 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the FLAN table (default %(default)s)")
    options = parser.parse_args()
    with options.data.open(encoding="utf-8", newline="") as file:
        models = [row for row in csv.DictReader(file) if "mGPT" not in row["config name"]]  # multilingual
    sizes = np.array([int(name) for name in models[0] if name.isdecimal() and int(name) > 0], dtype=float)
    print("| family | models | law | exponent of parameters | of data | fitted | left out |")
    print("|" + " --- |" * 7)
    for family in FAMILIES:
        members = [row for row in models if row["family"] == family]
        losses = np.array([[float(row[f"{size:.0f}"]) for size in sizes] for row in members])
        parameters = np.repeat([float(row["size"]) for row in members], len(sizes))
        data, values = np.tile(sizes, len(members)), losses.ravel()
        fitted = data < sizes[-LEFT_OUT]
        for name in ("multiplicative", "additive"):
            fit = fit_joint_values(name, parameters[fitted], data[fitted], values[fitted], True, np.inf)
            off = np.log(fit.law.predict(parameters, data) / values)
            ours = [float(np.sqrt(np.mean(off[which] ** 2))) for which in (fitted, ~fitted)]
            found = [value for key, value in fit.parameters.items() if "exponent" in key]
            texts = " | ".join(f"{value:.3f}" for value in (*found, *ours))
            print(f"| {family} | {len(members)} | {name} | {texts} |", flush=True)


if __name__ == "__main__":
    main()
