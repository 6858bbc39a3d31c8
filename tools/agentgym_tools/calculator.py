"""Arithmetic without ``eval``: the expression is parsed and only numbers and operators pass."""

import ast
import operator
from collections.abc import Callable

from agentgym.tools.tool import tool

OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
LONGEST = 500  # characters; deeper nesting than this could exhaust the parser's stack


@tool
def calculator(expression: str) -> str:
    """Evaluate an arithmetic expression with + - * / // % ** and brackets, e.g. (3 + 4) * 2."""
    if len(expression) > LONGEST:
        raise ValueError(f"the expression is longer than {LONGEST} characters")
    value = _value(ast.parse(expression.strip(), mode="eval").body)
    return str(int(value)) if value == int(value) else f"{value:.15g}"


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, exponent = _value(left), _value(right)
            if abs(exponent) > 100 or abs(base) > 1e6:
                raise ValueError("the power is too large")
            power: float | complex = base**exponent
            if isinstance(power, complex):
                raise ValueError("a negative number has no real root")
            return power  # of whole numbers a whole number, exactly
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](_value(operand))
        case _:
            raise ValueError(f"not arithmetic: {ast.unparse(node)}")
