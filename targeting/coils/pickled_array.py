"""Read a pickled NumPy array as data: nothing is imported, called or unpickled.

SimNIBS encodes sampled grids so.  A pickle is a list of instructions; the few that spell out an array are followed here
on a stack of plain values, where a name stays a name and a call stays the note that one was asked for.  What comes out
is looked through for the one thing wanted: the bytes of an array of floats, their type and their shape.  A pickle of
anything else is refused.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

VALUES = {  # instructions that put their argument on the stack
    *("BININT", "BININT1", "BININT2", "LONG1", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
FLOATS = ("f4", "f8")


@dataclass
class Asked:
    """A call that the pickle asks for: of what, with what, and the state to be set then."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None


def array_in(pickled: bytes) -> NDArray[np.float64]:
    """The array.

    Parameters
    ----------
    pickled : bytes
        As ``pickle.dumps(array)`` gives them, by protocol 2 or later.

    Returns
    -------
    (...) float64
        In the shape it had.

    Raises
    ------
    ValueError
        If the bytes are not the pickle of an array of floats, or are cut short.

    Examples
    --------
    >>> import pickle
    >>> import numpy as np
    >>> from targeting.coils.pickled_array import array_in
    >>> array_in(pickle.dumps(np.eye(2)))
    array([[1., 0.],
           [0., 1.]])
    """
    found = _followed(pickled)
    if isinstance(found, Asked):
        if found.name in ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"):
            _, shape, dtype, by_columns, raw = found.state
            return _array(raw, dtype, shape, "F" if by_columns else "C")
        if found.name in ("numpy.core.numeric _frombuffer", "numpy._core.numeric _frombuffer"):
            return _array(*found.arguments)
    raise ValueError("an encoded grid is no array of numbers")


def _followed(pickled: bytes) -> Any:
    """What the pickle's instructions leave on the stack, with names and calls noted and not followed."""
    stack: list[Any] = []
    memory: dict[Any, Any] = {}
    marks: list[int] = []
    for opcode, argument, _ in pickletools.genops(pickled):
        name: str = opcode.name
        if name in VALUES:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "GLOBAL":
            stack.append(Asked(str(argument), ()))
        elif name == "STACK_GLOBAL":
            what, module = stack.pop(), stack.pop()
            stack.append(Asked(f"{module} {what}", ()))
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [tuple(stack[-TUPLES[name] :])]
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            since = marks.pop()
            stack[since:] = [tuple(stack[since:])]
        elif name == "REDUCE":
            arguments, asked = stack.pop(), stack.pop()
            stack.append(_noted(asked, arguments))
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif name in ("BINPUT", "LONG_BINPUT"):
            memory[argument] = stack[-1]
        elif name == "MEMOIZE":
            memory[len(memory)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memory[argument])
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"an encoded grid asks for {name}, which is no part of an array")
    raise ValueError("an encoded grid is cut short")


def _noted(asked: Asked, arguments: tuple[Any, ...]) -> Any:
    if asked.name == "_codecs encode":  # how protocol 2 spells bytes
        return str(arguments[0]).encode("latin-1")
    known = asked.name.replace("numpy._core.", "numpy.core.") in (
        "numpy dtype",
        "numpy.core.multiarray _reconstruct",
        "numpy.core.numeric _frombuffer",
    )
    if not known:
        raise ValueError(f"an encoded grid asks for {asked.name}, which is no part of an array")
    return Asked(asked.name, arguments)


def _array(raw: Any, dtype: Asked, shape: Any, order: str) -> NDArray[np.float64]:
    kind, end = dtype.arguments[0], dtype.state[1]
    if dtype.name != "numpy dtype" or kind not in FLOATS or end not in ("<", ">", "="):
        raise ValueError("an encoded grid is no array of floats")
    flat = np.frombuffer(raw, np.dtype(kind).newbyteorder(end))
    return flat.astype(np.float64).reshape(shape, order="F" if order == "F" else "C")
