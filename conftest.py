"""The viewer's widgets need a screen's libraries just to be imported; they have no doctests, so pytest leaves them out."""

collect_ignore = ["targeting/viewer/widgets"]
