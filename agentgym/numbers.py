"""One number of any type as a float: what an environment earns, what a caller gives.

One of less than 64 bits becomes the shortest decimal that it stands for: ``np.float32(3.3)`` is 3.3
and not 3.299999952316284, so that 3.3 + 6.6 is the 9.9 that another episode earned at once.
"""

from typing import Any, SupportsFloat

import numpy as np

from agentgym.errors import BadInput

DOUBLE = np.dtype(np.float64)


def number(value: object, name: str = "this") -> float:
    """``value`` as a float; it may be NaN or infinite.

    Args:
        value: of Python (bool, int, float, Fraction, Decimal), NumPy, PyTorch, or any other type
            that converts itself to a float; arrays and tensors of one element count.
        name: what the error calls it.

    Raises:
        BadInput: it is no number (text, None, a date, a complex number, pandas' NA), several, or
            too large for a float.
    """
    if isinstance(value, (float, int)) and not isinstance(value, np.generic):
        return _float(value, name)
    if hasattr(value, "detach"):
        return _of_tensor(value, name)
    if hasattr(value, "__array__"):
        return _of_array(value, name)
    if isinstance(value, SupportsFloat):
        return _float(value, name)
    raise _refused(value, name)


def _of_tensor(tensor: Any, name: str) -> float:
    held = tensor.detach()
    if held.numel() != 1 or held.is_complex():
        raise _refused(tensor, name)
    exact = _float(held.item(), name)
    if not held.is_floating_point() or held.itemsize >= DOUBLE.itemsize:
        return exact
    decimals = (float(f"{exact:.{digits}g}") for digits in range(1, 10))  # NumPy has no bfloat16
    return next((x for x in decimals if held.new_tensor(x).item() == exact), exact)


def _of_array(value: Any, name: str) -> float:
    array = np.asarray(value)
    if value is np.ma.masked or array.size != 1 or array.dtype.kind not in "biufO":
        raise _refused(value, name)
    if array.dtype.kind == "O":
        return number(array.item(), name)
    if array.dtype.kind == "f" and array.dtype.itemsize < DOUBLE.itemsize:
        return float(str(array.reshape(())[()]))
    return float(array.item())


def _float(value: SupportsFloat, name: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise BadInput(f"{name} is {value!s:.20}..., too large for a float") from None


def _refused(value: object, name: str) -> BadInput:
    kind = type(value).__name__
    return BadInput(f"{name} is {value!r:.80}, of type {kind}; it must be a number")
