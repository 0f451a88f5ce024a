"""The interfaces of the contract, which are there in a component and nowhere else: so that a machine can be imported, and
its own functions tried, by any Python."""

import importlib


def _interface(name):
    try:
        return importlib.import_module(f"wit_world.imports.{name}")
    except ImportError:
        return None


# Imported while the component is made, not at the first call.
_host, _store, _stream = (_interface(name) for name in ("host", "store", "snapshot_stream"))


def _there(interface):
    if interface is None:
        raise RuntimeError("a host is there only in a component: run it with `quorate plugin test`")
    return interface


def host():
    return _there(_host)


def store():
    return _there(_store)


def stream():
    return _there(_stream)
