"""The command line for a montage on a small ball."""

from tes_ball import LEFT_SPOT_MM

from cli.main import run


def command(ball, folder, kind, *options, x=LEFT_SPOT_MM[0]):
    head, marks = ball
    aim = f"ras:{x},{LEFT_SPOT_MM[1]},{LEFT_SPOT_MM[2]}"
    more = ["--positions", str(marks)] if "--positions" not in options else []
    words = [
        "plan",
        "ball",
        "--head",
        str(head),
        "--aim",
        aim,
        "--radius",
        "10",
        "--as",
        ".",
        "--out",
        str(folder),
        "--quiet",
        *more,
    ]
    return run([*words, "--with", kind, *options])
