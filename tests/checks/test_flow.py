"""What gradients reach, and where they are cut off."""

from __future__ import annotations

from gradlint.checks._flow import flow, parameters_behind, source_of
from gradlint.network import Kind, Node, Origin, Parameter


class Nowhere:
    name = "nowhere.py"

    def span(self, syntax: object) -> None:
        return None


PLACE = Origin(Nowhere(), None)  # type: ignore[arg-type]


def layer(source: Node, parameter: Parameter, **settings: object) -> Node:
    return Node(Kind.LINEAR, (source,), parameters={"weight": parameter}, **settings)  # type: ignore[arg-type]


def test_gradients_pass_layers_and_end_where_they_are_stopped() -> None:
    first, second = Parameter((4, 4)), Parameter((4, 4))
    before = layer(Node(Kind.INPUT), first)
    stop = Node(Kind.STOP, (before,), attributes={"operation": "detach"})
    after = layer(stop, second)
    found = flow(after)
    assert found.parameters == {id(second)}
    assert found.cuts == (stop,)
    assert set(parameters_behind(after)) == {id(first), id(second)}


def test_what_was_computed_without_gradients_is_a_cut() -> None:
    parameter = Parameter((4, 4))
    hidden = layer(Node(Kind.INPUT), parameter, gradients_off=PLACE)
    loss = Node(Kind.LOSS, (hidden,))
    assert flow(loss).cuts == (hidden,)
    assert not flow(loss).parameters


def test_a_parameter_that_is_reached_on_another_way_counts_as_reached() -> None:
    parameter = Parameter((4, 4))
    hidden = layer(Node(Kind.INPUT), parameter)
    stop = Node(Kind.STOP, (hidden,), attributes={"operation": "round"})
    straight_through = Node(Kind.ADD, (hidden, stop), attributes={"coefficients": (1.0, 1.0)})
    assert flow(straight_through).parameters == {id(parameter)}
    assert flow(straight_through).cuts == (stop,)


def test_constants_behind_a_stop_are_no_loss() -> None:
    stop = Node(Kind.STOP, (), attributes={"operation": "argmax"})
    assert flow(Node(Kind.LOSS, (stop,))).cuts == ()


def test_rearrangements_and_dropout_are_looked_through() -> None:
    made = Node(Kind.ACTIVATION, (Node(Kind.INPUT),), attributes={"function": "relu"})
    view = Node(Kind.RESHAPE, (made,), attributes={"operation": "view"})
    dropped = Node(Kind.DROPOUT, (view,), attributes={"rate": 0.5})
    assert source_of(dropped) is made


def test_a_selection_makes_new_entries() -> None:
    where = Node(Kind.RESHAPE, (Node(Kind.INPUT), Node(Kind.INPUT)), attributes={"operation": "where"})
    assert source_of(where) is where
