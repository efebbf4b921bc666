"""Exact derivatives of a graph, added to it: forward mode, reverse mode, and which of the two costs less."""

from collections.abc import Iterable, Mapping, Sequence

from native.formula.graph import Graph, TooLargeError
from native.formula.masks import Masks
from native.formula.rules import CHOICES, FLAT, partial, taken

Row = dict[int, int]
"""The derivatives of one node that are not 0: {place of an input: node}."""
WORK_LIMIT = 1_000_000
"""Most derivatives of all nodes together in forward mode, most nodes of all sweeps in reverse mode: a few seconds."""


def jacobian(graph: Graph, outputs: Sequence[int], places: int) -> list[Row]:
    """Add the derivatives of `outputs` by the first inputs; by forward or reverse mode, whichever adds fewer nodes."""
    if _reverse_is_cheaper(graph, outputs, places):
        known = {output: reverse(graph, [(output, graph.constant(1.0))], places) for output in dict.fromkeys(outputs)}
        check_work(sum(len(known[output]) for output in outputs))
        return [known[output] for output in outputs]
    one = graph.constant(1.0)
    return forward(graph, outputs, {place: {place: one} for place in range(places)})


def check_work(count: int) -> None:
    """Refuse more derivatives than the limit."""
    if count > WORK_LIMIT:
        raise TooLargeError(f"there are more than {WORK_LIMIT} derivatives")


def forward(graph: Graph, outputs: Sequence[int], seeds: Mapping[int, Row]) -> list[Row]:
    """Forward mode: `seeds` are the derivatives of the inputs; gives those of the outputs."""
    found: dict[int, Row] = {}
    count = 0
    for index in _ancestors(graph, outputs):
        op, operands, value = graph.nodes[index]
        if op == "input" and int(value) in seeds:
            found[index] = dict(seeds[int(value)])
        elif op in CHOICES:
            found[index] = _choose(graph, index, found)
        elif op not in FLAT:
            whole: Row = {}
            for place, operand in enumerate(operands):
                for slot, factor in found.get(operand, {}).items():
                    _add(graph, whole, slot, partial(graph, index, place, factor))
            found[index] = whole
        count += len(found.get(index, ()))
        check_work(count)
    return [found.get(output, {}) for output in outputs]


def _choose(graph: Graph, index: int, found: Mapping[int, Row]) -> Row:
    condition, first, second = taken(graph, index)
    one, other = found.get(first, {}), found.get(second, {})
    zero = graph.constant(0.0)
    return {
        slot: graph.apply("where", condition, one.get(slot, zero), other.get(slot, zero))
        for slot in dict.fromkeys((*one, *other))
    }


def reverse(graph: Graph, seeds: Sequence[tuple[int, int]], places: int) -> Row:
    """Reverse mode: the gradient of the sum of output × weight over `seeds`, by the first inputs.

    Costs a small multiple of the graph, however many inputs there are. Where a choice did not take an operand, what
    flows back to it is masked and not multiplied by 0, so that a NaN or an infinity in there does not come through.
    """
    masks = Masks(graph)
    depends = _depends(graph, [output for output, _ in seeds], places)
    flows: dict[int, list[tuple[int, int | None]]] = {}
    for output, weight in seeds:
        flows.setdefault(output, []).append((weight, None))
    gradient: Row = {}
    for index in sorted(depends, reverse=True):
        op, operands, value = graph.nodes[index]
        if index not in flows or not depends[index]:
            continue
        flow, mask = masks.merge(flows.pop(index))
        if op == "input":
            gradient[int(value)] = masks.close(flow, mask)
        elif op in CHOICES:
            condition, first, second = taken(graph, index)
            flows.setdefault(first, []).append((flow, masks.both(mask, condition)))
            flows.setdefault(second, []).append((flow, masks.both(mask, graph.apply("not", condition))))
        elif op not in FLAT:
            for place, operand in enumerate(operands):
                if depends[operand]:
                    flows.setdefault(operand, []).append((partial(graph, index, place, flow), mask))
    return dict(sorted(gradient.items()))


def _add(graph: Graph, row: Row, slot: int, node: int) -> None:
    row[slot] = graph.apply("add", row[slot], node) if slot in row else node


def _ancestors(graph: Graph, outputs: Iterable[int]) -> list[int]:
    """Every node that the outputs need, operands first."""
    needed = set(outputs)
    waiting = list(needed)
    while waiting:
        for operand in graph.nodes[waiting.pop()].operands:
            if operand not in needed:
                needed.add(operand)
                waiting.append(operand)
    return sorted(needed)


def _depends(graph: Graph, outputs: Iterable[int], places: int) -> dict[int, int]:
    """On which of the first inputs each node depends with a derivative: a bit for each."""
    depends: dict[int, int] = {}
    for index in _ancestors(graph, outputs):
        op, operands, value = graph.nodes[index]
        bits = 1 << int(value) if op == "input" and value < places else 0
        if op not in FLAT:
            for operand in operands[op == "where" :]:
                bits |= depends[operand]
        depends[index] = bits
    return depends


def _reverse_is_cheaper(graph: Graph, outputs: Sequence[int], places: int) -> bool:
    depends = _depends(graph, outputs, places)
    ahead = sum(bits.bit_count() for bits in depends.values())
    least = min(ahead, WORK_LIMIT)
    back = 0
    for output in dict.fromkeys(outputs):
        back += sum(1 for index in _ancestors(graph, [output]) if depends[index])
        if back > least:
            check_work(ahead)
            return False
    return True
