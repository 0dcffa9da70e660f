"""Requests that are refused unread are answered with the same problems as others."""

from __future__ import annotations

import json

import msgspec
import pytest

from octavo.server import errors
from octavo.server.operations import refusals
from octavo.server.operations.refusals import Refusal
from octavo.server.problems import Problem, problem_of

ALL = {name: found for name, found in vars(refusals).items() if isinstance(found, Refusal)}


@pytest.mark.parametrize("name", ALL)
def test_a_refusal_is_a_problem(name: str) -> None:
    body = ALL[name].body["body"]
    problem = msgspec.json.decode(body, type=Problem)
    assert problem.status == ALL[name].status
    assert problem.code
    assert {problem.detail} == {json.loads(body)[other] for other in ("message", "error")}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("BUSY", errors.BusyError("", 1)),
        ("DRAINING", errors.DrainingError("", 1)),
        ("CUT_OFF", errors.DrainingError("", 1)),
        ("TOO_LARGE", errors.TooLargeError("")),
        ("WRONG_LENGTH", errors.RequestError("")),
        ("FAILED", errors.InternalError()),
    ],
)
def test_a_refusal_has_the_code_of_the_same_error(name: str, error: errors.ServiceError) -> None:
    problem = problem_of(error)
    found = msgspec.json.decode(ALL[name].body["body"], type=Problem)
    assert (found.status, found.code) == (problem.status, problem.code)
