"""Recurrent cells over whole sequences."""

import numpy as np

from case import Const, add

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def cell(
    name,
    what,
    *,
    steps=5,
    batch=2,
    features=7,
    hidden=6,
    bias=True,
    state=False,
    directions=1,
    opset=14,
    outputs=None,
    lengths=None,
    layout=0,
    **attributes
):
    gates = GATES[name] * hidden

    def operands(n):
        dims = (steps, batch, features) if layout == 0 else (batch, steps, features)
        given = [
            n.normal(*dims),
            Const(n.normal(directions, gates, features, scale=0.4)),
            Const(n.normal(directions, gates, hidden, scale=0.4)),
            Const(n.normal(directions, 2 * gates, scale=0.3)) if bias else None,
        ]
        if lengths is not None:
            given.append(Const(lengths, np.int32))
        elif state:
            given.append(None)
        if state:
            given += [n.normal(directions, batch, hidden) for _ in range(2 if name == "LSTM" else 1)]
        while given[-1] is None:
            given.pop()
        return given

    full = 3 if name == "LSTM" else 2
    add(
        name,
        what,
        operands,
        opset=opset,
        outputs=outputs or full,
        hidden_size=hidden,
        layout=layout or None,
        **attributes
    )


def cases():
    for name in GATES:
        for version in (7, 14):
            cell(name, "plain", opset=version)
        cell(name, "no-bias", bias=False)
        cell(name, "state", state=True)
        cell(name, "one-step", steps=1, batch=1)
        cell(name, "long", steps=19, batch=1, features=3, hidden=9)
        cell(name, "last-only", outputs=[0, 1])
        cell(name, "sequence-only", outputs=[1, 0])
        cell(name, "bidirectional", directions=2, direction="bidirectional")
        cell(name, "wide", steps=3, batch=1, features=20, hidden=33)
        cell(name, "reverse", direction="reverse")
    cell("GRU", "reset-after", linear_before_reset=1)
    cell("GRU", "reset-after-state", linear_before_reset=1, state=True)
    cell("GRU", "reset-after-bidirectional", linear_before_reset=1, directions=2, direction="bidirectional")
    cell("LSTM", "bidirectional-state", directions=2, direction="bidirectional", state=True)
    cell("RNN", "relu", activations=["Relu"])
