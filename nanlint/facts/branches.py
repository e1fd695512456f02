"""Running statements that choose: the ways through them, and what holds where these meet."""

from __future__ import annotations

from nanlint.facts import narrow, training
from nanlint.facts.frame import Env, Frame
from nanlint.source import nodes as cst

MAX_ENDS = 64
"""Of so many branches each end is kept until all meet; of more, those that are done meet first."""


def run_if(frame: Frame, node: cst.If) -> bool:
    # not by recursion: generated code has an `elif` for each of a thousand cases
    around = len(frame.arms)
    ends: list[Env] = []
    arm: cst.If | cst.Else | None = node
    try:
        while isinstance(arm, cst.If):
            yes, no = narrow.split(frame, arm.test)
            training.observe_if(frame, arm, yes, no)
            if yes is not None:
                frame.env = yes
                frame.arms.append((arm, True))
                if frame.execute(arm.body):
                    ends.append(frame.env)
                frame.arms.pop()
            if no is None:
                break
            frame.env = no
            frame.arms.append((arm, False))
            arm = arm.orelse
            if len(ends) > MAX_ENDS:
                ends = [_met(frame, ends)]
        else:
            if arm is None or frame.execute(arm):
                ends.append(frame.env)
    finally:
        del frame.arms[around:]
    if not ends:
        return False
    frame.env = _met(frame, ends)
    return True


def _met(frame: Frame, ends: list[Env]) -> Env:
    """What holds where branches meet, of which each one is the alternative to all behind it."""
    joined = ends[-1]
    for env in reversed(ends[:-1]):
        joined = narrow.join_envs(frame, [env, joined]) or joined
    return joined


def run_match(frame: Frame, node: cst.Match) -> bool:
    frame.evaluate(node.subject)
    start = frame.env
    ends: list[Env] = []
    for case in node.cases:
        frame.env = start.copy()
        entry = narrow.split(frame, case.guard)[0] if case.guard is not None else frame.env
        if entry is not None:
            frame.env = entry
            if frame.execute(case.body):
                ends.append(frame.env)
    if not any(map(_matches_all, node.cases)):
        ends.append(start)
    joined = narrow.join_envs(frame, ends)
    frame.env = joined if joined is not None else start
    return joined is not None


def _matches_all(case: cst.MatchCase) -> bool:
    return isinstance(case.pattern, cst.MatchAs) and case.pattern.pattern is None and case.guard is None
