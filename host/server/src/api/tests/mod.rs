pub(crate) mod fake;
mod mapping;
mod members;
mod over_the_wire;
mod streams;
mod uploads;
mod validation;
