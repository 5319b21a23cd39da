"""Parse untrusted pickles without creating the objects that they name.

A pickle is a program: it calls what it names and sets the state of the results. Here a name yields a
stand-in that only records its arguments, so that a reader can check it before creating anything.
Values may share parts; a few bytes could be endless when expanded, so the expanded size is limited, too.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

ATOMS = (type(None), bool, int, float, str, bytes)
DEEPEST = 32  # levels of nesting
SHARED = 8  # maximum ratio of expanded values to bytes of a pickle
LARGEST_KEY = 2**32  # smaller numbers are hashed without collisions in a dictionary
# Required by plain values and the objects around them. Excluded: classes called other than as a function,
# sets (comparing their members may take for ever), and memory reserved for missing bytes.
OPCODES = """
PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT
BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES
SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT
SETITEM SETITEMS GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET
LONG_BINGET
"""


@dataclass(frozen=True)
class Named:
    """Stand-in for a class or function, ``module.name``."""

    name: str

    def __call__(self, *args: Any) -> Made | dict[str, Any]:
        """Return a stand-in for the result; every dictionary is ordered."""
        return {} if (self.name, args) == ("collections.OrderedDict", ()) else Made(self.name, args)


@dataclass(eq=False)
class Made:
    """Stand-in for the result of a call, with its state."""

    name: str
    args: tuple[Any, ...]
    state: Any = None


class _Methods(dict[int, Any]):
    """The method of each opcode."""

    def __missing__(self, code: int) -> Any:
        raise pickle.UnpicklingError(f"opcode {code} is not allowed here")


# The Python implementation: the C one allocates memory for any memo index that a pickle names.
_Unpickler: Any = pickle._Unpickler


class _Machine(_Unpickler):
    """Parse a pickle; only stand-ins can be called."""

    def __init__(self, content: bytes, names: Collection[str]) -> None:
        super().__init__(io.BytesIO(content))
        self.names = names

    def find_class(self, module: str, name: str) -> Named:
        """Return a stand-in for a known name."""
        full = f"{module.replace('numpy.core', 'numpy._core')}.{name}"  # its name in NumPy 1
        if full not in self.names:
            raise pickle.UnpicklingError(f"{full[:100]} is not allowed here")
        return Named(full)

    def persistent_load(self, pid: Any) -> Any:
        """Return a stand-in for an object stored outside the pickle."""
        return self.find_class("", "persistent")(pid)

    def load_build(self) -> None:
        """Record a state; states of dictionaries are not content."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], Made):
            self.stack[-1].state = state
        elif type(self.stack[-1]) is not dict:
            raise pickle.UnpicklingError("a state of a plain value")

    def load_dict(self) -> None:
        """Create a dictionary from the stack."""
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def load_setitem(self) -> None:
        """Set one value of a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def load_setitems(self) -> None:
        """Set values of a dictionary."""
        self._set(self.pop_mark())

    def _set(self, items: list[Any]) -> None:
        content = self.stack[-1]
        if type(content) is not dict:
            raise pickle.UnpicklingError("an item without a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str and not (type(key) is int and 0 <= key < LARGEST_KEY):
                raise pickle.UnpicklingError("a key that is neither text nor a small number")
            content[key] = value

    def load_put(self) -> None:
        """Store a value under a number written as text, which may have any length."""
        place = int(self.readline()[:-1])
        if not 0 <= place < LARGEST_KEY:
            raise pickle.UnpicklingError("a position beyond all values")
        self.memo[place] = self.stack[-1]

    dispatch = _Methods(
        {code: _Unpickler.dispatch[code] for name in OPCODES.split() for code in getattr(pickle, name)}
        | {
            pickle.BUILD[0]: load_build,
            pickle.DICT[0]: load_dict,
            pickle.SETITEM[0]: load_setitem,
            pickle.SETITEMS[0]: load_setitems,
            pickle.PUT[0]: load_put,
        }
    )


class _Copy:
    """Copy values with all shared parts expanded, up to a limit."""

    def __init__(self, most: int, made: Callable[[str, Any, Any], Any]) -> None:
        self.left, self.made = most, made

    def of(self, value: Any, inside: int = 0) -> Any:
        self._count(1)
        if inside > DEEPEST:
            raise ValueError(f"values nested more than {DEEPEST} deep")
        if type(value) is list or type(value) is tuple:
            return type(value)(self.of(item, inside + 1) for item in value)
        if type(value) is dict:
            return {key: self.of(item, inside + 1) for key, item in value.items()}
        if type(value) is Made:
            value = self.made(value.name, self.of(value.args, inside + 1), self.of(value.state, inside + 1))
        elif type(value) not in (*ATOMS, Named):
            raise ValueError(f"{type(value).__name__} is not allowed here")
        if type(value) is bytes:
            self._count(len(value))
        return value

    def _count(self, number: int) -> None:
        self.left -= number
        if self.left < 0:
            raise ValueError("it repeats the same parts too often")


def loads(content: bytes, names: Collection[str], made: Callable[[str, Any, Any], Any]) -> Any:
    """Return the value of a pickle.

    Parameters
    ----------
    content : bytes
        The pickle.
    names : collection of str
        Names it may use, ``module.name``; ``.persistent`` is for objects outside the pickle.
    made : callable
        Creates the object for a stand-in, from its name, arguments and state.

    Returns
    -------
    None, bool, int, float, str, bytes, list, tuple, dict, Named or a result of `made`

    Raises
    ------
    ValueError
        If it is damaged, holds anything else, or is too large when expanded.
    """
    try:
        return _Copy(SHARED * len(content), made).of(_Machine(content, names).load())
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ValueError(str(error)[:200] or type(error).__name__) from None
