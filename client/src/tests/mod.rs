//! The client against nodes that do what a test tells them to, over real connections on this machine.

mod addresses;
mod groups;
mod leaders;
mod lost_answers;
mod pipeline;
mod pipeline_failures;
mod queries;
mod sessions;
mod submits;
mod support;
mod uploads;
mod watches;
