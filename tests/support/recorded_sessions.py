"""Sessions of pulses as navigators record them: Localite's trigger markers and Brainsight's samples, with times and outputs."""

from pathlib import Path

import numpy as np

from targeting.navigation import brainsight, localite

COLUMNS = ("Sample Name", "Assoc. Target", *brainsight.PLACE, *brainsight.AXES, "Creation Cause", "Crosshairs Driver")


def localite_session(path: Path, poses, time_s=None, percent=None, didt_a_per_us=None, space="RAS") -> Path:
    """A file of trigger markers; a pose None is a pulse that was not tracked, values are one for all or one for each."""
    count = len(poses)
    time_s = np.arange(count, dtype=float) if time_s is None else time_s
    to_world = np.linalg.inv(localite.WORLD_TO_RAS[space])
    markers = []
    for i, pose in enumerate(poses):
        matrix = np.eye(4) if pose is None else to_world @ pose @ localite.TURN
        cells = " ".join(f'data{r}{c}="{float(matrix[r, c])!r}"' for r in range(4) for c in range(4))
        values = {"valueA": didt_a_per_us, "response": np.nan, "amplitudeA": percent}
        response = "".join(
            f'<Value key="{key}" response="{float(np.broadcast_to(value, count)[i])!r}"/>'
            for key, value in values.items()
            if value is not None
        )
        markers.append(
            f'<TriggerMarker color="#ffafaf" description="" recordingTime="{1e3 * time_s[i]:.0f}" set="false">'
            f"<ResponseValues>{response}</ResponseValues><Matrix4D {cells}/></TriggerMarker>"
        )
    text = f'<TriggerMarkerList coordinateSpace="{space}">{"".join(markers)}</TriggerMarkerList>'
    path.write_text(text, encoding="utf-8")
    return path


def brainsight_session(path: Path, samples, system="NIfTI:S:Aligned") -> Path:
    """A file of samples, each (pose or None, target, cause, driver)."""
    text = "\n".join(brainsight.to_string([]).splitlines()[:-1]).replace("NIfTI:Q:Aligned", system) + "\n"
    text += "# " + "\t".join(COLUMNS) + "\n"
    for row, (pose, target, cause, driver) in enumerate(samples, start=1):
        cells = ["(null)"] * 12
        if pose is not None:
            matrix = pose @ brainsight.FLIP
            cells = [f"{x:.4f}" for x in np.concatenate([matrix[:3, 3], matrix[:3, :3].T.ravel()])]
        text += "\t".join([f"Sample {row}", target, *cells, cause, driver]) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def trains(protocol, count=None) -> np.ndarray:
    """When the pulses of a protocol's session are given, s; of ``count`` trains, or all."""
    one = np.arange(protocol.pulses_per_train) / protocol.frequency_hz
    period = protocol.pulses_per_train / protocol.frequency_hz + protocol.inter_train_s
    return (one + period * np.arange(count or protocol.trains)[:, None]).ravel()
