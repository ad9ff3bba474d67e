"""The evaluation command, called in the process of a test, and the scores it writes."""

import json
import math

from srlite.evaluation.command import main


def run(*words):
    return main([str(word) for word in words])


def read_scores(folder):
    """Read `scores.json`, where null stands for an infinite value of a record."""
    scores = json.loads((folder / "scores.json").read_text())
    scores["records"] = [
        {name: math.inf if value is None else value for name, value in record.items()}
        for record in scores["records"]
    ]
    return scores
