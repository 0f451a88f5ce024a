"""What a component is made of: the one machine of `machine.py`, as the interfaces of the contract. Nothing for plugins."""

import machine as _source
from componentize_py_types import Err

from . import Callback, Context, Host, Rejection, as_bytes


def _machine():
    found = [
        value
        for value in vars(_source).values()
        if isinstance(value, type) and value.__module__ == _source.__name__ and hasattr(value, "_applying")
    ]
    if len(found) != 1:
        raise TypeError(f"machine.py defines {len(found)} classes that are a StoreMachine or a MemoryMachine, and not one")
    return found[0]()


_machine = _machine()


class Machine:
    def apply(self, index, ordinal, time_ms, command):
        try:
            return as_bytes(_machine.apply(Context(index, ordinal, time_ms), *_machine._applying(), command))
        except Rejection as rejection:
            raise Err(rejection.answer)

    def query(self, request):
        try:
            return as_bytes(_machine.query(Host(), *_machine._reading(), request))
        except Rejection as rejection:
            raise Err(rejection.answer)


class Snapshot:
    def save(self):
        try:
            _machine._write()
        except Rejection as rejection:
            raise Err(rejection.answer.decode())

    def load(self):
        try:
            _machine._read()
        except Rejection as rejection:
            raise Err(rejection.answer.decode())


class Timers:
    def fired(self, index, ordinal, time_ms, id):
        try:
            _machine.fired(Context(index, ordinal, time_ms), *_machine._applying(), id)
        except Rejection as rejection:
            raise Err(rejection.answer)


class Upgrade:
    def state_version(self):
        return _machine.state_version

    def migrate(self, from_version):
        try:
            _machine._migrate(from_version)
        except Rejection as rejection:
            raise Err(rejection.answer.decode())


class Lifecycle:
    def leader_start(self, term):
        _machine.leader_start(Callback(), *_machine._reading(), term)

    def leader_stop(self, term):
        _machine.leader_stop(Callback(), *_machine._reading(), term)

    def start_following(self, leader, term):
        _machine.start_following(Callback(), *_machine._reading(), leader, term)

    def stop_following(self, leader, term):
        _machine.stop_following(Callback(), *_machine._reading(), leader, term)

    def configuration_committed(self, index, voters, learners):
        _machine.configuration_committed(Callback(), *_machine._reading(), index, voters, learners)

    def error(self, message):
        _machine.error(Callback(), *_machine._reading(), message)

    def shutdown(self):
        _machine.shutdown(Callback(), *_machine._reading())
