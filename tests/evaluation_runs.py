"""The evaluation command, called in the process of a test."""

from srlite.evaluation.command import main


def run(*words):
    return main([str(word) for word in words])
