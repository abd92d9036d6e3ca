"""Real stages in a real folder that take no time, or as much as a test wants."""

import logging
import time

from targeting.progress.steps import Step
from targeting.study.steps import working_in
from targeting.subject import Stage, Subject

INNER = logging.getLogger("meshes.mesher")
NAMES = ("segment", "mesh", "search")


def stage(name, seconds=0.0, words=(), fault=None, version=1, after=()):
    def make(folder):
        for each in words:
            INNER.info(each)
        time.sleep(seconds)
        if fault is not None:
            raise fault
        (folder / f"{name}.txt").write_text(name)
        return name

    return Stage(name, version, make, lambda folder: (folder / f"{name}.txt").read_text(), after=after)


def run(folder, progress=None, stages=None, names=NAMES):
    """Run stages one after the other in a subject's folder, watched as a plan's are."""
    subject = Subject.named("s1", folder)
    with working_in(subject, [Step(name, "embedded", "fast") for name in names], progress):
        return [subject.run(each) for each in stages or [stage(name) for name in names]]
