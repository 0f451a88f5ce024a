//! Plugins at work: the wasmtime engine, the contract, the limits and the sandbox.
