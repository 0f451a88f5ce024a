//! Component types as text, the way WIT writes them, so that they can be compared with the contract and shown to
//! the author of a plugin.

use wasmparser::component_types::{
    ComponentDefinedType, ComponentEntityType, ComponentFuncTypeId, ComponentValType,
};
use wasmparser::types::TypesRef;

/// Types may be nested so that their text grows exponentially. Nothing in the contract is as long as this.
const TEXT_BYTES_MAX: usize = 512;

/// The type of a function; of anything else, what it is.
pub(crate) fn entity(types: TypesRef<'_>, item: ComponentEntityType) -> String {
    match item {
        ComponentEntityType::Func(id) => function(types, id),
        ComponentEntityType::Module(_) => "core module".into(),
        ComponentEntityType::Value(_) => "value".into(),
        ComponentEntityType::Type { .. } => "type".into(),
        ComponentEntityType::Instance(_) => "instance".into(),
        ComponentEntityType::Component(_) => "component".into(),
    }
}

fn function(types: TypesRef<'_>, id: ComponentFuncTypeId) -> String {
    let function = &types[id];
    let mut text = Text { types, text: String::new() };
    if function.async_ {
        text.push("async ");
    }
    text.push("func(");
    text.fields(function.params.iter().map(|(name, value)| (name.as_str(), Some(*value))));
    text.push(")");
    if let Some(result) = function.result {
        text.push(" -> ");
        text.value(result);
    }
    text.finish()
}

struct Text<'a> {
    types: TypesRef<'a>,
    text: String,
}

impl Text<'_> {
    fn is_full(&self) -> bool {
        self.text.len() > TEXT_BYTES_MAX
    }

    fn push(&mut self, text: &str) {
        // A single name may be as long as the plugin.
        self.text.extend(text.chars().take(TEXT_BYTES_MAX));
    }

    fn finish(mut self) -> String {
        if self.is_full() {
            let end = self.text.floor_char_boundary(TEXT_BYTES_MAX);
            self.text.truncate(end);
            self.text.push('…');
        }
        self.text
    }

    fn fields<'n>(&mut self, fields: impl Iterator<Item = (&'n str, Option<ComponentValType>)>) {
        for (place, (name, value)) in fields.enumerate() {
            if self.is_full() {
                return;
            }
            if place > 0 {
                self.push(", ");
            }
            self.push(name);
            if let Some(value) = value {
                if !name.is_empty() {
                    self.push(": ");
                }
                self.value(value);
            }
        }
    }

    fn value(&mut self, value: ComponentValType) {
        if self.is_full() {
            return;
        }
        match value {
            ComponentValType::Primitive(primitive) => self.push(&primitive.to_string()),
            ComponentValType::Type(id) => self.defined(&self.types[id].clone()),
        }
    }

    fn wrapped(&mut self, name: &str, values: &[Option<ComponentValType>]) {
        self.push(name);
        self.push("<");
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                self.push(", ");
            }
            match value {
                Some(value) => self.value(*value),
                None => self.push("_"),
            }
        }
        self.push(">");
    }

    fn braced<'n>(&mut self, name: &str, fields: impl Iterator<Item = (&'n str, Option<ComponentValType>)>) {
        self.push(name);
        self.push(" { ");
        self.fields(fields);
        self.push(" }");
    }

    fn defined(&mut self, defined: &ComponentDefinedType) {
        match defined {
            ComponentDefinedType::Primitive(primitive) => self.push(&primitive.to_string()),
            ComponentDefinedType::Record(record) => {
                self.braced(
                    "record",
                    record.fields.iter().map(|(name, value)| (name.as_str(), Some(*value))),
                );
            }
            ComponentDefinedType::Variant(variant) => {
                self.braced("variant", variant.cases.iter().map(|(name, case)| (name.as_str(), case.ty)));
            }
            ComponentDefinedType::Flags(names) => {
                self.braced("flags", names.iter().map(|name| (name.as_str(), None)));
            }
            ComponentDefinedType::Enum(names) => {
                self.braced("enum", names.iter().map(|name| (name.as_str(), None)));
            }
            ComponentDefinedType::Tuple(tuple) => {
                self.push("tuple<");
                self.fields(tuple.types.iter().map(|value| ("", Some(*value))));
                self.push(">");
            }
            ComponentDefinedType::List { element, .. } => self.wrapped("list", &[Some(*element)]),
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                self.push(&format!("list of {length} "));
                self.value(*element);
            }
            ComponentDefinedType::Map { key, value, .. } => {
                self.wrapped("map", &[Some(*key), Some(*value)]);
            }
            ComponentDefinedType::Option { ty, .. } => self.wrapped("option", &[Some(*ty)]),
            ComponentDefinedType::Result { ok: None, err: None, .. } => self.push("result"),
            ComponentDefinedType::Result { ok: Some(ok), err: None, .. } => {
                self.wrapped("result", &[Some(*ok)]);
            }
            ComponentDefinedType::Result { ok, err, .. } => self.wrapped("result", &[*ok, *err]),
            ComponentDefinedType::Own(_) => self.push("own<…>"),
            ComponentDefinedType::Borrow(_) => self.push("borrow<…>"),
            ComponentDefinedType::Future { .. } => self.push("future<…>"),
            ComponentDefinedType::Stream { .. } => self.push("stream<…>"),
        }
    }
}
