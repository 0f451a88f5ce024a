//! Plugins that mean harm, or do it without meaning to.
//!
//! Each [`Case`] is a component and what must come of it: it is refused at upload for a stated reason, or it runs on the
//! real engine in a real replica and every step ends as stated. Meanwhile a healthy neighbour on the same engine must
//! notice nothing. See [`corpus::all`] for the cases and [`stage::play`] for what is watched.

pub mod case;
pub mod corpus;
mod group;
mod neighbour;
pub mod page;
pub mod stage;

pub use case::Case;
