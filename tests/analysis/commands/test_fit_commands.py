from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.__main__ import main
from analysis.fits.counts import fit_counts
from analysis.fits.joint_laws import AdditiveLaw, EffectiveLaw
from analysis.fits.laws import FloorLaw, PowerLaw
from analysis.fits.values import fit_values
from analysis.report.fits import Report, fit_report, joint_report

SIZES = 100 * 2 ** np.arange(8)
LOSS = FloorLaw(1.5, 40, 0.5).predict(SIZES) * np.exp(np.random.default_rng(0).normal(0, 0.005, 8))


def write(path, header, rows):
    path.write_text("\n".join([",".join(header), *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def losses(tmp_path):
    """Two methods, b at twice the loss of a; losses above 1."""
    rows = [(method, n, times * y) for method, times in (("b", 2), ("a", 1)) for n, y in zip(SIZES, LOSS, strict=True)]
    return write(tmp_path / "losses.csv", ["method", "N", "error"], rows)


@pytest.fixture
def grid(tmp_path):
    """Counts of the effective law with kappa 0.3, of 5,000 tested."""
    points = [(p, m) for p in (100, 200, 400, 800) for m in (0, 100, 400, 1600)]
    rng = np.random.default_rng(0)
    wrong = [rng.binomial(5000, EffectiveLaw(0, 4, 0.5, 0.3).predict(p, m)) for p, m in points]
    rows = [(p, m, k, 5000, k / 5000) for (p, m), k in zip(points, wrong, strict=True)]
    return write(tmp_path / "grid.csv", ["P", "M", "k", "n", "error"], rows)


def run_json(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["fits"]


def test_groups_are_fitted_apart(losses, capsys):
    result = run_json(capsys, "fit", losses, "--x", "N", "--y", "error", "--group", "method", "--law", "floor")
    assert [one["group"] for one in result] == ["a", "b"]
    expected = fit_values("floor", SIZES, LOSS)
    for one, times in zip(result, (1, 2), strict=True):
        estimates = {name: entry["estimate"] for name, entry in one["parameters"].items()}
        law = FloorLaw(times * expected.law.floor, times * expected.law.amplitude, expected.law.exponent)
        assert estimates == pytest.approx(vars(law), rel=1e-6)
        for name, entry in one["parameters"].items():
            assert entry["interval"][0] < estimates[name] < entry["interval"][1]
        assert "samples by the wild bootstrap" in one["intervals"] and one["compared"] == []
        assert one["ranges"] == {"N": [100, 12800]} and one["points"] == 8
        assert one["log_rmsd"] == pytest.approx(np.sqrt(np.mean(np.square(expected.residuals))), rel=1e-6)


def test_auto_compares_all_laws(losses, capsys):
    arguments = ["fit", losses, "--x", "N", "--y", "error", "--drop", "method=b", "--draws", "100"]
    (one,) = run_json(capsys, *arguments)
    assert one["law"] == "floor" and one["compared"][0]["law"] == "floor"
    assert {rank["law"] for rank in one["compared"]} == {"power", "floor", "rectified", "turning", "last value"}
    for rank in one["compared"][:4]:
        assert rank["aicc"] >= one["aicc"] and rank["left_out_1"] > 0 and rank["left_out_2"] > 0
    assert main(arguments) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "floor + amplitude N^-exponent" in shown and "laws compared" in shown and "lowest AICc" in shown
    assert "100 samples by the wild bootstrap" in shown and "last value" in shown


def test_counts_are_fitted_by_likelihood(tmp_path, capsys):
    wrong = np.random.default_rng(0).binomial(1000, PowerLaw(3, 0.4).predict(SIZES))
    rows = [(n, k, 1000, k / 1000) for n, k in zip(SIZES, wrong, strict=True)]
    file = write(tmp_path / "counts.csv", ["N", "k", "n", "error"], rows)
    expected = fit_counts("power", SIZES, wrong, [1000] * 8)
    for tested in ("n", "1000"):
        arguments = ["fit", file, "--x", "N", "--y", "error", "--y-count", "k", "--n-test", tested, "--law", "power"]
        (one,) = run_json(capsys, *arguments)
        assert one["parameters"]["exponent"]["estimate"] == pytest.approx(expected.law.exponent)
        low, high = one["parameters"]["exponent"]["interval"]
        assert low < 0.4 < high and high - low == pytest.approx(3.92 * np.sqrt(expected.covariance[1][1]), rel=0.4)
        assert "binomial samples" in one["intervals"] and one["over_dispersion"] >= 1
    # Without noise to tell it from others, the law of fewest parameters is taken.
    (one,) = run_json(capsys, "fit", file, "--x", "N", "--y-count", "k", "--n-test", "n", "--draws", "50")
    assert one["law"] == "power"


def test_joint_laws_of_counts_and_of_values(grid, capsys):
    (one,) = run_json(capsys, "fit-joint", grid, "--x1", "P", "--x2", "M", "--y-count", "k", "--n-test", "n")
    low, high = one["parameters"]["kappa"]["interval"]
    assert low < 0.3 < high and high - low < 0.2
    assert one["parameters"]["floor"] == {"estimate": 0, "interval": None}  # without a floor the AICc is less
    assert [rank["law"] for rank in one["compared"]] == ["effective, floor 0", "effective, floor fitted"]
    (by_value,) = run_json(capsys, "fit-joint", grid, "--x1", "P", "--x2", "M", "--y", "error", "--delta", "inf")
    assert by_value["parameters"]["kappa"]["estimate"] == pytest.approx(
        one["parameters"]["kappa"]["estimate"], abs=0.05
    )
    assert main(["fit-joint", grid, "--x1", "P", "--x2", "M", "--y", "error", "--draws", "50"]) == 0
    assert "kappa" in capsys.readouterr().out


def test_the_additive_law_with_rows_dropped(tmp_path, capsys):
    law = AdditiveLaw(0, 3, 0.5, 1, 0.4)
    points = [(p, m) for p in (100, 400, 1600, 6400) for m in (0, 100, 400, 1600)]
    rows = [(p, m, 9.0 if m == 0 else float(law.predict(p, m))) for p, m in points]
    file = write(tmp_path / "grid.csv", ["P", "M", "loss"], rows)
    arguments = ["fit-joint", file, "--x1", "P", "--x2", "M", "--y", "loss", "--law", "additive", "--drop", "M=0.0"]
    (one,) = run_json(capsys, *arguments, "--draws", "20")
    result = {name: entry["estimate"] for name, entry in one["parameters"].items()}
    assert result == pytest.approx(vars(law), rel=1e-4, abs=1e-6) and one["points"] == 12


def test_as_many_parameters_as_points_have_no_intervals(tmp_path, capsys):
    file = write(tmp_path / "few.csv", ["N", "y"], [(1, 5), (2, 3)])
    (one,) = run_json(capsys, "fit", file, "--x", "N", "--y", "y")
    assert one["law"] == "power" and one["parameters"]["exponent"]["interval"] is None and one["aicc"] is None
    assert main(["fit", file, "--x", "N", "--y", "y", "--law", "power"]) == 0
    assert "too few points for an interval" in " ".join(capsys.readouterr().out.split())


def test_spreadsheets_byte_order_mark_quotes_and_blank_lines(tmp_path, capsys):
    path = tmp_path / "sheet.csv"
    path.write_bytes(b'\xef\xbb\xbf"N", y ,"a, note"\r\n1,5,"x\r\ny"\r\n\r\n2,3,\r\n4,2,\r\n')
    (one,) = run_json(capsys, "fit", str(path), "--x", "N", "--y", "y", "--law", "power", "--draws", "20")
    assert one["points"] == 3
    path.write_bytes(path.read_bytes().replace(b"4,2,", b"4,zwei,"))
    assert main(["fit", str(path), "--x", "N", "--y", "y"]) == 2
    assert "sheet.csv, line 6: y should be a number above 0, found 'zwei'" in capsys.readouterr().err


GOOD = "N,k,n,y,group\n1,9,10,5,a\n2,7,10,4,a\n3,5,10,3.5,b\n4,2,10,3,b\n"
FIT, COUNTS = ["fit", "FILE", "--x", "N", "--y", "y"], ["fit", "FILE", "--x", "N", "--y-count", "k", "--n-test", "n"]
JOINT = ["fit-joint", "FILE", "--x1", "N", "--x2", "k", "--y", "y"]


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, FIT, "FILE: cannot be read (No such file"),
        ("", FIT, "FILE: holds no rows below a header"),
        ("N,y\n", FIT, "FILE: holds no rows below a header"),
        (b"N,y\n1,\xff\n", FIT, "FILE: is not a CSV file in UTF-8"),
        ("N,y,y\n1,2,3\n", FIT, "FILE: the column 'y' appears twice"),
        ("N,y\n1,2\n3\n", FIT, "FILE, line 3: 1 cells under 2 columns"),
        ("N,error\n1,2\n", FIT, "FILE: no column 'y'; there are: N, error"),
        (GOOD.replace("3,5", "0,5"), FIT, "FILE, line 4: N should be a number above 0, found '0'"),
        (GOOD.replace("3,5", "-3,5"), FIT, "FILE, line 4: N should be a number above 0, found '-3'"),
        (GOOD.replace("3.5", "nan"), FIT, "FILE, line 4: y should be a number above 0, found 'nan'"),
        (GOOD.replace("3.5", ""), FIT, "FILE, line 4: y should be a number above 0, found ''"),
        (GOOD.replace("3.5", "inf"), FIT, "FILE, line 4: y should be a number above 0, found 'inf'"),
        (GOOD.replace("3.5", "0"), FIT, "FILE, line 4: y should be a number above 0, found '0'"),
        ("N,y\n1,2\n2,2\n4,2\n", FIT, "FILE: y is 2 everywhere: there is nothing to fit"),
        ("N,y\n1,3\n2,2\n", [*FIT, "--law", "turning"], "4 parameters and needs as many sizes or more, not 2"),
        (GOOD, [*FIT, "--group", "N"], "FILE, N 1: y is 5 everywhere"),
        (GOOD, [*FIT, "--group", "group", "--law", "floor"], "FILE, group a: the floor law has 3 parameters"),
        (GOOD, [*FIT, "--drop", "N"], "--drop should be COLUMN=VALUE, found 'N'"),
        (GOOD, [*FIT, "--drop", "N=7"], "FILE: no row to drop has '7' in N"),
        (GOOD, [*FIT, "--draws", "0"], "argument --draws: must be at least 1, not 0"),
        (GOOD, [*FIT, "--delta", "-1"], "--delta should be above 0, found -1"),
        (GOOD, FIT[:4], "give --y, or --y-count and --n-test"),
        (GOOD, [*FIT, "--y-count", "k"], "--y-count and --n-test go together"),
        (GOOD.replace("7,10", "11,10"), COUNTS, "FILE, line 3: 11 of 10 is no count"),
        (GOOD.replace("7,10", "6.5,10"), COUNTS, "FILE, line 3: 6.5 of 10 is no count"),
        (GOOD.replace("7,10", "7,0"), COUNTS, "FILE, line 3: n should be a number above 0, found '0'"),
        (GOOD, [*COUNTS[:-1], "0"], "FILE, line 2: 9 of 0 is no count"),
        (GOOD, [*COUNTS[:-1], "m"], "FILE: no column 'm'"),
        ("N,k,n\n1,0,10\n2,0,10\n", COUNTS, "y is 0 everywhere"),
        (GOOD.replace("7,10", "-7,10"), JOINT, "FILE, line 3: k should be a number of at least 0, found '-7'"),
        (
            GOOD.replace("7,10", "0,10"),
            [*JOINT, "--law", "additive"],
            "line 3: k should be a number above 0, found '0'",
        ),
        ("N,k,y\n1,1,3\n2,2,2\n3,3,1\n", JOINT, "FILE: the negatives are the same multiple"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(tmp_path, capsys, text, arguments, message):
    file = tmp_path / "input.csv"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main([str(file) if argument == "FILE" else argument for argument in arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("analysis: ") and output.err.count("\n") == 1 and output.out == ""
    assert message.replace("FILE", str(file)) in output.err


def holds_its_estimates(report: Report) -> bool:
    parameters = report.as_json()["parameters"]
    for one in parameters.values():
        low, high = one["interval"] or (None, None)
        if one["estimate"] is not None and not (
            (low is None or low <= one["estimate"]) and (high is None or one["estimate"] <= high)
        ):
            return False
    return True


@settings(max_examples=10, deadline=None)
@given(st.data(), st.sampled_from(["power", "floor", "rectified", "turning"]), st.sampled_from([1e-3, np.inf]))
def test_an_estimate_lies_in_its_interval(data, law, delta):
    count = data.draw(st.integers(4, 7))
    sizes = np.array(data.draw(st.permutations([1.0, 3, 10, 30, 100, 300, 1000])))[:count]
    values = np.array(data.draw(st.lists(st.floats(0.01, 10), min_size=count, max_size=count, unique=True)))
    assert holds_its_estimates(fit_report(None, law, sizes, values, None, delta, 20))
    wrong = np.floor(values * 10)
    if np.ptp(wrong) > 0:
        assert holds_its_estimates(fit_report(None, law, sizes, wrong, np.full(count, 100.0), delta, 20))


@settings(max_examples=6, deadline=None)
@given(st.data(), st.sampled_from(["effective", "additive"]), st.sampled_from([1e-3, np.inf]))
def test_an_estimate_of_a_joint_law_lies_in_its_interval(data, law, delta):
    grid = np.array([(p, m) for p in (10.0, 40, 160) for m in (5.0, 50, 500)])
    places = data.draw(st.permutations(range(9)))[: data.draw(st.integers(6, 9))]
    positives, negatives = grid[places].T
    count = len(positives)
    values = np.array(data.draw(st.lists(st.floats(0.01, 10), min_size=count, max_size=count, unique=True)))
    assert holds_its_estimates(joint_report(law, positives, negatives, values, None, delta, 20))


def test_three_points_have_a_wide_interval_and_two_none(tmp_path, capsys):
    file = write(tmp_path / "three.csv", ["N", "y"], [(100, 0.4), (200, 0.31), (400, 0.235)])
    (one,) = run_json(capsys, "fit", file, "--x", "N", "--y", "y", "--law", "power", "--delta", "1e160")
    for name, spread in (("exponent", 0.2), ("amplitude", 1.0)):
        low, high = one["parameters"][name]["interval"]
        assert low < one["parameters"][name]["estimate"] - spread < one["parameters"][name]["estimate"] + spread < high


def test_a_new_run_is_predicted(losses, capsys):
    arguments = ["fit", losses, "--x", "N", "--y", "error", "--drop", "method=b", "--law", "floor", "--draws", "100"]
    (one,) = run_json(capsys, *arguments, "--predict", "25600,102400")
    near, far = one["predicted"]["sizes"]
    assert (near["size"], far["size"]) == (25600, 102400)
    assert near["interval"][0] < 1.5 + 40 / 25600**0.5 < near["interval"][1]
    assert sum(one["predicted"]["weights"].values()) == pytest.approx(1)
    assert one["derived"]["exponent at N = 100"]["estimate"] == pytest.approx(0.36, abs=0.03)  # 0.5 of 4 of 5.5
    assert main([*arguments, "--predict", "25600"]) == 0
    assert "Weights by stacking" in capsys.readouterr().out
    assert main([*arguments, "--predict", "1e5,-3"]) != 0
    assert "sizes must be positive" in capsys.readouterr().err


@pytest.mark.parametrize("law", ["multiplicative", "saturating", "repeated"])
def test_further_joint_laws_have_a_name(grid, capsys, law):
    drop = ["--drop", "M=0"] if law == "multiplicative" else []
    (one,) = run_json(
        capsys, "fit-joint", grid, "--x1", "P", "--x2", "M", "--y", "error", "--law", law, "--draws", "50", *drop
    )
    assert one["law"] == law and one["parameters"]["exponent"]["estimate"] > 0
