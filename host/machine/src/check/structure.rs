//! One pass over a plugin's bytes: is it valid, is it small enough to be compiled, and what does it import and
//! export?

use super::{PluginLimits, effort, features::FEATURES};
use crate::{PluginRefusal, text::shown};
use wasmparser::{
    BinaryReaderError, ComponentInstance, Encoding, FuncValidatorAllocations, Instance, Parser, Payload,
    ValidPayload, Validator, types::Types,
};

/// What the pass found.
pub(crate) struct Structure {
    pub(crate) types: Types,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Reads and validates a component. Anything over the limits is refused as soon as it is met.
pub(crate) fn read(bytes: &[u8], limits: &PluginLimits) -> Result<Structure, PluginRefusal> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let mut counts = Counts::new(limits);
    let mut allocations = FuncValidatorAllocations::default();
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut outermost = None;
    for payload in parser.parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        counts.add(&payload)?;
        match validator.payload(&payload).map_err(invalid)? {
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(allocations);
                counts.add_effort(effort::validate(&mut function, &body, limits)?)?;
                allocations = function.into_allocations();
            }
            ValidPayload::End(types) => outermost = Some(types),
            ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
        if counts.depth() == 1 {
            match payload {
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        imports.push(import.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        exports.push(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
    }
    // The parser fails on bytes that stop before the end, so the last `End` was the outermost one.
    let types = outermost.ok_or_else(|| PluginRefusal::Invalid {
        offset: bytes.len(),
        reason: "it stops in the middle".into(),
    })?;
    Ok(Structure { types, imports, exports })
}

// By value, as `map_err` hands it over.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn invalid(error: BinaryReaderError) -> PluginRefusal {
    PluginRefusal::Invalid { offset: error.offset(), reason: shown(error.message()) }
}

/// How many there are of what the limits count.
struct Counts<'a> {
    limits: &'a PluginLimits,
    /// What is being read, the outermost first: for components, how much instantiating them makes.
    open: Vec<Option<Weight>>,
    /// The most core instances that instantiating any component read so far makes.
    heaviest: u64,
    modules: u64,
    components: u64,
    functions: u64,
    memories: u64,
    tables: u64,
    effort: u64,
}

#[derive(Default)]
struct Weight {
    core_instances: u64,
    component_instances: u64,
}

impl<'a> Counts<'a> {
    fn new(limits: &'a PluginLimits) -> Self {
        Self {
            limits,
            open: Vec::new(),
            heaviest: 0,
            modules: 0,
            components: 0,
            functions: 0,
            memories: 0,
            tables: 0,
            effort: 0,
        }
    }

    fn depth(&self) -> usize {
        self.open.len()
    }

    fn add(&mut self, payload: &Payload<'_>) -> Result<(), PluginRefusal> {
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                self.components += 1;
                self.open.push(Some(Weight::default()));
                // The outermost one is no nested one.
                at_most("nested components", self.components - 1, self.limits.components_max)
            }
            Payload::Version { encoding: Encoding::Module, .. } => {
                self.modules += 1;
                self.open.push(None);
                at_most("core modules", self.modules, self.limits.modules_max)
            }
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                at_most("functions", self.functions, self.limits.functions_max)
            }
            Payload::MemorySection(section) => {
                self.memories += u64::from(section.count());
                at_most("linear memories", self.memories, self.limits.memories_max)
            }
            Payload::TableSection(section) => {
                self.tables += u64::from(section.count());
                at_most("tables", self.tables, self.limits.tables_max)
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = u64::try_from(body.range().len()).unwrap_or(u64::MAX);
                at_most("bytes in one function", bytes, self.limits.function_bytes_max)
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    if let Instance::Instantiate { .. } = instance.map_err(invalid)? {
                        self.weigh(|weight| weight.core_instances += 1);
                    }
                }
                self.check_weight()
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { .. } = instance.map_err(invalid)? {
                        self.weigh(|weight| weight.component_instances += 1);
                    }
                }
                self.check_weight()
            }
            Payload::End(_) => {
                if let Some(Some(weight)) = self.open.pop() {
                    self.heaviest = self.heaviest.max(self.total(&weight));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_effort(&mut self, units: u64) -> Result<(), PluginRefusal> {
        self.effort = self.effort.saturating_add(units);
        at_most("units of compiling effort", self.effort, self.limits.effort_max)
    }

    fn weigh(&mut self, add: impl FnOnce(&mut Weight)) {
        if let Some(Some(weight)) = self.open.last_mut() {
            add(weight);
        }
    }

    /// An upper bound of the core instances a component makes. It can only instantiate components that were read
    /// before it ends, none of which makes more than the heaviest. Without this, a few nested components that each
    /// instantiate the next a few times would make the compiler unfold millions of instances.
    fn total(&self, weight: &Weight) -> u64 {
        let nested = weight.component_instances.saturating_mul(self.heaviest.max(1));
        weight.core_instances.saturating_add(nested)
    }

    fn check_weight(&self) -> Result<(), PluginRefusal> {
        match self.open.last() {
            Some(Some(weight)) => at_most("instances", self.total(weight), self.limits.instances_max),
            _ => Ok(()),
        }
    }
}

pub(super) fn at_most(what: &'static str, found: u64, max: impl Into<u64>) -> Result<(), PluginRefusal> {
    let max = max.into();
    if found > max { Err(PluginRefusal::TooMany { what, found, max }) } else { Ok(()) }
}
