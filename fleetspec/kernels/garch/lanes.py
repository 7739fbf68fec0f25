"""Vectors of doubles with one series a lane, for numba: the type, its operators, and the functions likelihoods need.

Every operation works lane by lane, so a series' figures do not depend on its neighbours. ``native/lanes.hpp`` is the
same in C++. ``Lanes`` holds a vector, ``Mask`` the answer to a comparison of two, ``Row`` the address of float64
numbers that are read and written a vector at a time.
"""

# mypy: disable-error-code="untyped-decorator, no-any-return, misc"
from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import config, njit, types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable


def _width() -> int:
    """How many doubles a vector register holds of the processor that numba compiles for."""
    features = (get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES).split(",")
    return 8 if "+avx512f" in features else 4 if "+avx" in features else 2


WIDTH = _width()
_DOUBLE, _LONG = ir.DoubleType(), ir.IntType(64)
_VECTOR, _LONGS = ir.VectorType(_DOUBLE, WIDTH), ir.VectorType(_LONG, WIDTH)
_BITS, _FLAGS = ir.IntType(WIDTH), ir.VectorType(ir.IntType(1), WIDTH)
_ALIGNED = 8
"""What is promised of an address; those on a register's boundary are as fast as if it were told."""


class _Lanes(types.Type):
    pass


class _Mask(types.Type):
    pass


class _Row(types.Type):
    pass


LANES, MASK, ROW = _Lanes("Lanes"), _Mask("Mask"), _Row("Row")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLAGS)


@register_model(_Row)
class _RowModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _DOUBLE.as_pointer())


def _wide(context: Any, builder: Any, value: Any, kind: Any) -> Any:
    """A vector as it is, a number in every lane."""
    if kind == LANES:
        return value
    value = context.cast(builder, value, kind, types.float64)
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _longs(value: int) -> Any:
    return ir.Constant(_LONGS, [value] * WIDTH)


def _operation(function: Any, result: Any, emit: Callable[[Any, Any, Any], Any]) -> None:
    """``function`` of two vectors, or of one and a number."""

    @type_callable(function)
    def typed(_context: Any) -> Any:
        def of(a: Any, b: Any) -> Any:
            known = (a == LANES or isinstance(a, types.Number)) and (b == LANES or isinstance(b, types.Number))
            return result if known and LANES in (a, b) else None

        return of

    def lowered(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left, right = (_wide(context, builder, *one) for one in zip(args, signature.args, strict=True))
        return emit(builder, left, right)

    for pair in ((_Lanes, _Lanes), (_Lanes, types.Number), (types.Number, _Lanes)):
        lower_builtin(function, *pair)(lowered)


_operation(operator.add, LANES, lambda builder, a, b: builder.fadd(a, b))
_operation(operator.sub, LANES, lambda builder, a, b: builder.fsub(a, b))
_operation(operator.mul, LANES, lambda builder, a, b: builder.fmul(a, b))
_operation(operator.truediv, LANES, lambda builder, a, b: builder.fdiv(a, b))
_operation(operator.lt, MASK, lambda builder, a, b: builder.fcmp_ordered("<", a, b))
_operation(operator.gt, MASK, lambda builder, a, b: builder.fcmp_ordered(">", a, b))


@type_callable(operator.getitem)
def _typed_read(_context: Any) -> Any:
    return lambda row, at: LANES if row == ROW and isinstance(at, types.Integer) else None


@type_callable(operator.setitem)
def _typed_write(_context: Any) -> Any:
    return lambda row, at, value: types.none if row == ROW and isinstance(at, types.Integer) else None


def _address(context: Any, builder: Any, row: Any, at: Any, kind: Any) -> Any:
    number = context.cast(builder, at, kind, types.int64)
    place = builder.gep(row, [builder.mul(number, ir.Constant(_LONG, WIDTH))])
    return builder.bitcast(place, _VECTOR.as_pointer())


@lower_builtin(operator.getitem, _Row, types.Integer)
def _read(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.load(_address(context, builder, args[0], args[1], signature.args[1]), align=_ALIGNED)


@lower_builtin(operator.setitem, _Row, types.Integer, _Lanes)
@lower_builtin(operator.setitem, _Row, types.Integer, types.Number)
def _write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    value = _wide(context, builder, args[2], signature.args[2])
    builder.store(value, _address(context, builder, args[0], args[1], signature.args[1]), align=_ALIGNED)
    return context.get_dummy_value()


@intrinsic
def lanes(_context: Any, value: Any) -> Any:
    """A number in every lane."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _wide(context, builder, args[0], signature.args[0])

    return LANES(value), emit


@intrinsic
def row_of(_context: Any, numbers: Any) -> Any:
    """The address of a C-contiguous float64 array, which has to outlive it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    return ROW(numbers), emit


@intrinsic(prefer_literal=True)
def scratch(_context: Any, vectors: Any) -> Any:
    """Room for so many vectors, a literal number, until the function ends."""

    def emit(_target: Any, builder: Any, signature: Any, _args: Any) -> Any:
        room = cgutils.alloca_once(builder, _VECTOR, size=signature.args[0].literal_value)
        return builder.bitcast(room, _DOUBLE.as_pointer())

    return ROW(vectors), emit


@intrinsic
def select(_context: Any, which: Any, yes: Any, no: Any) -> Any:
    """Lane by lane ``yes`` where ``which`` holds, else ``no``."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        chosen = [_wide(context, builder, *one) for one in zip(args[1:], signature.args[1:], strict=True)]
        return builder.select(args[0], *chosen)

    return LANES(which, yes, no), emit


@intrinsic
def every(_context: Any, which: Any) -> Any:
    """Whether it holds in all lanes."""

    def emit(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.icmp_unsigned("==", builder.bitcast(args[0], _BITS), ir.Constant(_BITS, -1))

    return types.boolean(which), emit


def _unary(name: str) -> Any:
    def typed(_context: Any, value: Any) -> Any:
        def emit(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(_VECTOR, [_VECTOR])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}f64"), args)

        return LANES(value), emit

    return intrinsic(typed)


square_root, absolute = _unary("sqrt"), _unary("fabs")


@intrinsic
def _exponents(_context: Any, value: Any) -> Any:
    """The k of value = 2^k f with f from sqrt(1/2) to sqrt(2), of positive, finite numbers."""

    def emit(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        whole = builder.or_(_biased(builder, args[0]), _longs(0x4330000000000000))
        shifted = ir.Constant(_VECTOR, [4503599627370496.0 + 1024.0] * WIDTH)
        return builder.fsub(builder.bitcast(whole, _VECTOR), shifted)

    return LANES(value), emit


@intrinsic
def _mantissas(_context: Any, value: Any) -> Any:
    """The f that belongs to ``_exponents``."""

    def emit(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        power = builder.shl(builder.sub(_biased(builder, args[0]), _longs(1024)), _longs(52))
        return builder.bitcast(builder.sub(builder.bitcast(args[0], _LONGS), power), _VECTOR)

    return LANES(value), emit


def _biased(builder: Any, value: Any) -> Any:
    """Exponents and 1024, as integers: shifts are logical, since not every processor has the signed one."""
    shift = (1024 << 52) - 0x3FE6A09E667F3BCD
    return builder.lshr(builder.add(builder.bitcast(value, _LONGS), _longs(shift)), _longs(52))


@intrinsic
def _scaled(_context: Any, value: Any, shifted: Any) -> Any:
    """``value`` times 2^k, where k lies in the low bits of ``shifted``."""

    def emit(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        power = builder.shl(builder.bitcast(args[1], _LONGS), _longs(52))
        return builder.bitcast(builder.add(builder.bitcast(args[0], _LONGS), power), _VECTOR)

    return LANES(value, shifted), emit


_plain = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz"}, forceinline=True)
"""What a compiler may do but for changing the order of sums: the exponential rounds by one."""


@_plain
def maximum(a: Any, b: Any) -> Any:
    """NaN where the first is."""
    return select(b > a, b, a)


@_plain
def minimum(a: Any, b: Any) -> Any:
    """NaN where the first is."""
    return select(b < a, b, a)


@_plain
def quick_log(x: Any) -> Any:
    """Of positive, finite numbers, to 2e-14: log(1 + f) = f - f^2 / 2 + f^3 P(f), with P interpolated at Chebyshev's
    nodes of the mantissa's range."""
    k, f = _exponents(x), _mantissas(x) - 1.0
    f2 = f * f
    f4 = f2 * f2
    p01, p23 = 0.33333333333352627 - f * 0.2499999999867871, 0.19999999980522123 - f * 0.16666667051318582
    p45, p67 = 0.14285717668736875 - f * 0.12499969433813898, 0.1111088349318966 - f * 0.10000953786734261
    p89, pab = 0.09098288974656349 - f * 0.08322159925307124, 0.07570798143187561 - f * 0.07127949052581894
    pce = 0.07605896844297506 - f * 0.07432355424290839 + f2 * 0.03767538348469331
    series = (p01 + f2 * p23) + f4 * (p45 + f2 * p67) + f4 * f4 * ((p89 + f2 * pab) + f4 * pce)
    return k * 0.69314718055994530942 + (f - f2 * (0.5 - f * series))


@_plain
def log(x: Any) -> Any:
    """NaN where x is not positive, infinite where it is."""
    finite = select(x < math.inf, quick_log(x), x)
    return select(x > 0.0, finite, math.nan)


@_plain
def exp(x: Any) -> Any:
    """Saturates near the ends of the range of doubles."""
    x = minimum(maximum(x, -708.0), 709.0)
    shifted = x * 1.44269504088896338700 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10
    # Pairs first (Estrin): a chain of thirteen products would be waited for.
    r2 = r * r
    r4 = r2 * r2
    p01, p23, p45 = 1.0 + r, 0.5 + r * (1.0 / 6.0), 1.0 / 24.0 + r * (1.0 / 120.0)
    p67, p89 = 1.0 / 720.0 + r * (1.0 / 5040.0), 1.0 / 40320.0 + r * (1.0 / 362880.0)
    pab, pcd = 1.0 / 3628800.0 + r * (1.0 / 39916800.0), 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    series = (p01 + r2 * p23) + r4 * (p45 + r2 * p67) + r4 * r4 * ((p89 + r2 * pab) + r4 * pcd)
    return _scaled(series, shifted)


@_plain
def small_exp(x: Any) -> Any:
    """To 7e-14, soonest where all arguments are small: interpolated at Chebyshev's nodes up to 0.75."""
    x2 = x * x
    p01, p23 = 0.999999999999968 + x, 0.5000000000041129 + x * 0.1666666666668426
    p45, p67 = 0.041666666581211126 + x * 0.00833333332861469, 0.0013888895386175977 + x * 0.00019841273910723838
    p89, pab = 2.479935463313308e-05 + x * 2.755579487084594e-06, 2.7910587308710674e-07 + x * 2.5309719345315354e-08
    near = (p01 + x2 * p23) + x2 * x2 * ((p45 + x2 * p67) + x2 * x2 * (p89 + x2 * pab))
    small = absolute(x) < 0.75
    if not every(small):
        return select(small, near, exp(x))
    return near


@njit(cache=True, nogil=True, error_model="numpy")
def log_gamma(x: Any) -> Any:
    """By recurrence and Stirling's series (Abramowitz and Stegun 6.1), of positive numbers."""
    product = x
    for i in range(1, 8):
        product = product * (x + i)
    z = x + 8.0
    f = 1.0 / (z * z)
    series = 1.0 / 1260.0 - f * (1.0 / 1680.0 - f * (1.0 / 1188.0 - f * (691.0 / 360360.0)))
    series = (1.0 / 12.0 - f * (1.0 / 360.0 - f * series)) / z
    return (z - 0.5) * log(z) - z + 0.91893853320467274178 + series - log(product)


@njit(cache=True, nogil=True, error_model="numpy")
def digamma(x: Any) -> Any:
    """By recurrence and asymptotic series (Abramowitz and Stegun 6.3), of positive numbers."""
    shift = -1.0 / x
    for i in range(1, 8):
        shift = shift - 1.0 / (x + i)
    z = x + 8.0
    f = 1.0 / (z * z)
    series = f * (1.0 / 12.0 - f * (1.0 / 120.0 - f * (1.0 / 252.0 - f * (1.0 / 240.0 - f / 132.0))))
    return shift + log(z) - 0.5 / z - series


@njit(cache=True, nogil=True, error_model="numpy")
def trigamma(x: Any) -> Any:
    """By recurrence and asymptotic series (Abramowitz and Stegun 6.4), of positive numbers."""
    shift = 1.0 / (x * x)
    for i in range(1, 8):
        z = x + i
        shift = shift + 1.0 / (z * z)
    z = 1.0 / (x + 8.0)
    f = z * z
    return shift + z + 0.5 * f + z * f * (1.0 / 6.0 - f * (1.0 / 30.0 - f * (1.0 / 42.0 - f / 30.0)))
