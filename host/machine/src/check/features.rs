use wasmparser::WasmFeatures;

/// The WebAssembly that plugins are written in: version 2.0, tail calls, extended constants and several memories.
///
/// Not in it, because replicas could differ by them: threads, relaxed SIMD, component-model asynchrony. Not in it,
/// because this engine is built without them: garbage collection, exceptions, 64-bit memories.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL)
    // In every version since the first, for references that only a collector could free.
    .difference(WasmFeatures::GC_TYPES);
