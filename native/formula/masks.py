"""Where derivatives flow back in reverse mode: conditions, as nodes of the graph, below which a node counts.

A flow with a mask is meaningless where the mask is 0. Masks go along with flows and are applied where flows meet and at
the inputs; so a NaN from a branch that was not taken is dropped and never multiplied by 0.
"""

from collections.abc import Sequence

from native.formula.graph import Graph

Flow = tuple[int, int | None]
"""A node, and the node of its mask; None: it counts everywhere."""
_MERGED = 8


class Masks:
    """Combines masks; what covers all cases again is no mask."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def both(self, mask: int | None, condition: int) -> int:
        """Where both hold."""
        return condition if mask is None else self._graph.apply("and", mask, condition)

    def close(self, flow: int, mask: int | None) -> int:
        """The flow, and 0 where it does not count."""
        return flow if mask is None else self._graph.apply("where", mask, flow, self._graph.constant(0.0))

    def merge(self, flows: Sequence[Flow]) -> Flow:
        """The sum of flows; it counts where any of them does."""
        whole = self._any([mask for _, mask in flows])
        total: int | None = None
        for flow, mask in flows:
            part = flow if mask == whole else self.close(flow, mask)
            total = part if total is None else self._graph.apply("add", total, part)
        if total is None:
            raise ValueError("no flows")
        return total, whole

    def _any(self, masks: Sequence[int | None]) -> int | None:
        if None in masks:
            return None
        left = list(dict.fromkeys(mask for mask in masks if mask is not None))
        while len(left) > 1:
            pair = self._simplest(left)
            if pair is None:
                left[-2:] = [self._graph.apply("or", left[-2], left[-1])]
                continue
            i, j, made = pair
            if made is None:
                return None
            left = list(dict.fromkeys([made, *(mask for k, mask in enumerate(left) if k not in {i, j})]))
        return left[0]

    def _simplest(self, masks: list[int]) -> tuple[int, int, int | None] | None:
        """Find two masks that are simpler together: x or not x, p and x or p and not x, p or p and x."""
        few = masks[:_MERGED]
        for i, one in enumerate(few):
            for j in range(i):
                found, made = self._joined(few[j], one)
                if found:
                    return j, i, made
        return None

    def _joined(self, one: int, other: int) -> tuple[bool, int | None]:
        if self._opposite(one, other):
            return True, None
        left, right = self._parts(one), self._parts(other)
        if one in right:
            return True, one
        if other in left:
            return True, other
        for p in left:
            if p in right:
                rest = [x for x in left if x != p] + [x for x in right if x != p]
                if len(rest) == 2 and self._opposite(*rest):
                    return True, p
        return False, None

    def _opposite(self, one: int, other: int) -> bool:
        nodes = self._graph.nodes
        return nodes[one] == ("not", (other,), 0.0) or nodes[other] == ("not", (one,), 0.0)

    def _parts(self, mask: int) -> tuple[int, ...]:
        op, operands, _ = self._graph.nodes[mask]
        return operands if op == "and" else ()
